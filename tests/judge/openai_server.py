"""A server on loopback that speaks the OpenAI chat protocol and answers like a function of the message."""

from contextlib import contextmanager

from loopback import answering


@contextmanager
def serving(say, status=lambda n: 200):
    """Yields the base URL and the list of requests; `status(n)` is the HTTP status of the n-th one."""
    requests = []

    def answer(path, headers, body):
        requests.append({"path": path, "key": headers["Authorization"], **body})
        code = status(len(requests))
        if code == 200:
            return code, completion(say(body["messages"][-1]["content"]), body["model"])
        return code, {"error": {"message": "refused", "type": "error", "code": "x", "param": None}}

    with answering(answer) as url:
        yield url, requests


def completion(text, model):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
