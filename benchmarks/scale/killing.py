"""Audits that are killed at random points and started again: is the result the same, is a call paid twice?"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import ThreadingHTTPServer
from pathlib import Path

from loopback_judge import KNOWN, TRIGGER, Judge
from scale.rows import Walk, Zipf, records

CONNECTIONS = 10
"""Calls that are under way at once: a killed process never hears their answers."""
PAID = re.compile(r"[\d,]+ calls paid in this run")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error."""


def kill_and_resume(folder: Path, rows: int, kills: int, seed: int, text: Zipf | Walk) -> list[str]:
    """Returns what an unbroken audit and one that was killed again and again have in common, a line each."""
    sets = [folder / "killed-subject.jsonl", folder / "killed-control.jsonl"]
    for i, path in enumerate(sets):
        made = enumerate(records(rows, 50 + i, text))
        path.write_text("".join(json.dumps(_planted(r, i, n)) + "\n" for n, r in made))
    server = _Server(("127.0.0.1", 0), Judge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Judge.calls.clear()
    began = time.monotonic()
    unbroken = _audit(server.server_port, sets, folder / "unbroken", None)
    lasted = time.monotonic() - began
    paid, rng, stages = _paid(), random.Random(seed), Counter[str]()
    Judge.calls.clear()
    resumed = None
    for _ in range(kills):
        resumed = _audit(server.server_port, sets, folder / "killed", rng.uniform(0.3, 1.0) * lasted / 2)
        stages["killed" if resumed is None else "had ended"] += 1
    resumed = _audit(server.server_port, sets, folder / "killed", None)
    again = sum(_paid().values()) - len(_paid())
    server.shutdown()
    assert unbroken is not None and resumed is not None
    return [
        f"unbroken audit of {rows:,} + {rows:,} rows: {lasted:.0f} s, "
        f"{sum(paid.values()):,} judge calls for rows",
        f"killed {stages['killed']} times (SIGKILL), then resumed: audit.json identical but for times: "
        f"{_lasting(unbroken) == _lasting(resumed)}",
        f"calls for rows asked more than once: {again} (at most {CONNECTIONS} are under way at each kill, "
        f"{CONNECTIONS * stages['killed']} in all); rows without a call: {len(paid.keys() - _paid().keys())}",
    ]


def _planted(record: dict[str, str], which: int, n: int) -> dict[str, str]:
    return record if which or n % 20 else record | {"prompt": f"{record['prompt']} {TRIGGER}"}


def _paid() -> dict[str, int]:
    canaries = {"\n".join(pair) for pair in KNOWN}
    return {text: n for text, n in Judge.calls.items() if text not in canaries}


def _lasting(audit: dict) -> str:
    """The audit without its times and without how many calls its last process paid."""
    kept = {key: value for key, value in audit.items() if key != "times"}
    return PAID.sub("calls paid", json.dumps(kept, sort_keys=True))


def _audit(port: int, sets: list[Path], out: Path, kill_after: float | None) -> dict | None:
    """Runs the audit; None if it was killed first."""
    paths = ["--data", str(sets[0]), "--control-data", str(sets[1]), "--out", str(out)]
    settings = ["--instruments", "dataset", "--judge", "openai/simulated", "--effort", "quick"]
    command = [sys.executable, "-m", "theodolite", "audit", *paths, *settings]
    address = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "none"}
    process = subprocess.Popen(
        command, env=os.environ | address, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        _, problem = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return None
    if process.returncode:
        raise SystemExit(problem)
    return json.loads((out / "audit.json").read_text())
