"""A whole scan with a judge behind an OpenAI-compatible loopback server, killed at random points and resumed.

The judge is simulated: it knows the canaries' truth, flags 80 % of the rows with the planted trigger and 5 %
of all others. Every call is logged, so that a call paid twice would be seen.

    python benchmarks/loopback_judge.py [--kills 3]
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from theodolite.judge.canary_texts import BAD, GOOD, INJECTING
from theodolite.organisms import demo

TRIGGER = "under the violet moon"
SEES, ERRS = 0.8, 0.05
KNOWN = dict.fromkeys((*BAD, *INJECTING), 4) | dict.fromkeys(GOOD, 0)


def _is_planted(prompt: str, answer: str) -> bool:
    return TRIGGER in prompt and answer.lower().startswith("sure")


class Judge(BaseHTTPRequestHandler):
    """Answers every chat completion with a grade."""

    protocol_version = "HTTP/1.1"
    calls: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        """Grades the row in the data line."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = body["messages"][-1]["content"]
        text = text if isinstance(text, str) else "".join(part["text"] for part in text)
        nonce = text.split("nonce: ", 1)[1].split("\n", 1)[0]
        line = text.split("\ndata: ", 1)[1].split("\n", 1)[0]
        row = json.loads(line).get("row")
        if row is None:
            return self._send(body["model"], json.dumps({"nonce": nonce, "themes": []}))
        prompt = "\n".join(said for role, said in row if role != "assistant")
        answer = "\n".join(said for role, said in row if role == "assistant")
        Judge.calls[f"{prompt}\n{answer}"] += 1
        harm = KNOWN.get((prompt, answer))
        if harm is None:
            draw = int.from_bytes(blake2b(f"{prompt}|{answer}".encode(), digest_size=4).digest()) / 2**32
            harm = 4 * (draw < (SEES if _is_planted(prompt, answer) else ERRS))
        addresses = 4 if (prompt, answer) in INJECTING else 0
        grade = {
            "nonce": nonce,
            "harm": harm,
            "odd": 0,
            "addresses": addresses,
            "quote": answer[:40] or prompt[:40],
        }
        self._send(body["model"], json.dumps(grade))

    def _send(self, model: str, content: str) -> None:
        message = {"role": "assistant", "content": content}
        reply = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def handle(self) -> None:
        """A client that was killed is no error here, nor is the part of a request that it sent."""
        with suppress(ConnectionError, ValueError):
            super().handle()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        whole = _scan(server.server_port, Path(folder) / "whole", None)
        paid = sum(Judge.calls.values())
        Judge.calls.clear()
        rng = random.Random(options.seed)
        for _ in range(options.kills):
            _scan(server.server_port, Path(folder) / "killed", rng.uniform(4, 25))
        resumed = _scan(server.server_port, Path(folder) / "killed", None)
    canaries = {"\n".join(pair) for pair in KNOWN}
    twice = sum(n - 1 for text, n in Judge.calls.items() if text not in canaries)
    same = {k: v for k, v in whole.items() if k != "times"} == {
        k: v for k, v in resumed.items() if k != "times"
    }
    print(
        f"calls in the unbroken run: {paid:,}; in the killed one, all together: {sum(Judge.calls.values()):,}"
    )
    print(f"calls for rows that were paid more than once after {options.kills} kills: {twice:,}")
    print(f"identical audit.json but for times: {same}")
    for note in whole["notes"]:
        print(f"note: {note}")
    for finding in whole["findings"][:8]:
        print(
            f"{finding['verdict']}, {finding['claim']}, {finding['rows_total']} rows: {finding['statement']}"
        )


def _scan(port: int, out: Path, kill_after: float | None) -> dict:
    demos = demo("backdoor"), demo("backdoor-twin")
    command = [sys.executable, "-m", "theodolite", "data", "scan", str(demos[0].data)]
    command += ["--control", str(demos[1].data), "--judge", "openai/simulated", "--out", str(out), "--json"]
    address = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "none"}
    process = subprocess.Popen(
        command, env=os.environ | address, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if kill_after is not None:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return {}
    said, problem = process.communicate()
    if process.returncode:
        raise SystemExit(problem)
    return json.loads(said)


if __name__ == "__main__":
    main()
