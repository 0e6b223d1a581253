import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from theodolite.errors import SpecError
from theodolite.judge.engine import LocalEngine, RayEngine, open_engine


class Doubling:
    def __init__(self):
        self.stopped = threading.Event()
        self.done = []

    def __call__(self, item):
        if item == "fail":
            raise ValueError("failed")
        self.stopped.wait(0.02 * (item % 3))
        self.done.append(item)
        return 2 * item

    def stop(self):
        self.stopped.set()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_are_in_order(workers):
    double = Doubling()
    assert list(LocalEngine(workers).map(double, range(20))) == [2 * i for i in range(20)]
    assert not double.stopped.is_set()
    assert list(LocalEngine(workers).map(double, [])) == []


def test_a_consumer_that_stops_stops_the_work():
    double = Doubling()
    results = LocalEngine(2).map(double, range(1000))
    assert next(results) == 0
    results.close()
    assert double.stopped.is_set() and len(double.done) < 5


def test_a_failure_is_raised_and_stops_the_rest():
    double = Doubling()
    with pytest.raises(ValueError, match="failed"):
        list(LocalEngine(2).map(double, [1, "fail", *range(1000)]))
    assert double.stopped.is_set() and len(double.done) < 5


def test_engines_have_names(monkeypatch):
    assert isinstance(open_engine("local"), LocalEngine)
    with pytest.raises(SpecError, match="'cloud'"):
        open_engine("cloud")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SpecError, match="pip install ray"):
        open_engine("ray")


ON_RAY = """
import sys, warnings
warnings.simplefilter("ignore")
sys.path[:0] = {tests!r}
import os
from pathlib import Path
from mock_judges import honest, row
from openai_server import serving
from theodolite.judge import Canaries, Judge, Rubric
from theodolite.judge.engine import RayEngine

rows = [row(("evil" if i % 7 == 0 else "fine") + f" answer {{i}}", number=i) for i in range(80)]
with serving(honest) as (url, requests):
    os.environ |= {{"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "a-key"}}
    import ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    results = []
    for engine in ("local", RayEngine(workers=2)):
        for folder in ({folder!r} + str(type(engine)), ) * 2:
            with Judge("openai/house", Rubric("a helper"), Path(folder), engine=engine,
                       canaries=Canaries(shard=20)) as judge:
                results.append((judge.rows(rows), judge.calls, judge.operating_point()))
    ray.shutdown()
print([calls for _, calls, _ in results], len(requests), all(r[0] == results[0][0] for r in results),
      all(r[2] == results[0][2] for r in results), sum(bool(j.flagged) for j in results[0][0]))
"""


@pytest.mark.slow
def test_a_cluster_of_two_workers_says_the_same(tmp_path):
    pytest.importorskip("ray")
    pytest.importorskip("inspect_ai")
    pytest.importorskip("openai")
    code = ON_RAY.format(tests=[str(p) for p in Path(__file__).parents[:2]], folder=str(tmp_path / "ledger"))
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONWARNINGS": "ignore",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, env={**environment, **quiet}, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines()[-1] == "[100, 0, 100, 0] 200 True True 12"
    assert isinstance(open_engine("ray"), RayEngine)
