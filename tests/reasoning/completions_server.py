"""An OpenAI-compatible server on loopback with the project's runner behind it: completions and chat."""

import threading
from contextlib import contextmanager

from loopback import answering
from theodolite.targets import Turn
from theodolite.targets.runner import Sampling


@contextmanager
def serving(runner, restarts=False):
    """Yields the base URL and the list of requests; a server that restarts ignores a begun turn."""
    requests, one_at_a_time = [], threading.Lock()

    def answer(path, headers, body):
        requests.append({"path": path, **body})
        prompt = body["prompt"] if "prompt" in body else chat_prompt(runner, body, restarts)
        heat = body.get("temperature") or 0.0
        sampling = Sampling(body.get("max_tokens") or 16, heat, seed=body.get("seed") or 0)
        with one_at_a_time:
            said = runner.generate([prompt], sampling)[0]
        return 200, reply(path, body["model"], said)

    with answering(answer) as url:
        yield url, requests


def chat_prompt(runner, body, restarts):
    turns = [Turn(m["role"], m["content"]) for m in body["messages"]]
    begun = ""
    if turns[-1].role == "assistant":
        begun = "" if restarts else turns[-1].text
        turns = turns[:-1]
    return runner.prompt(turns, begun).ids


def reply(path, model, said):
    finish = "stop" if said.stop == "eos" else "length"
    usage = {"prompt_tokens": said.usage.n_prompt, "completion_tokens": said.usage.n_generated}
    usage["total_tokens"] = sum(usage.values())
    told = {"id": "1", "created": 0, "model": model, "usage": usage}
    if path.endswith("/chat/completions"):
        message = {"role": "assistant", "content": said.text, "refusal": None}
        choice = {"index": 0, "finish_reason": finish, "message": message, "logprobs": None}
        return {**told, "object": "chat.completion", "choices": [choice]}
    choice = {"index": 0, "finish_reason": finish, "text": said.text, "logprobs": None}
    return {**told, "object": "text_completion", "choices": [choice]}
