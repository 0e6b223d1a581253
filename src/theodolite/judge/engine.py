"""Where the shards are worked on: here, or on a Ray cluster. The results are the same and in order."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import Any, Protocol, TypeVar

from theodolite.errors import SpecError

__all__ = ["Engine", "LocalEngine", "RayEngine", "open_engine"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Something that can map a function over items."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yields `function(item)` for each item, in order; a consumer that stops early stops the work."""
        ...


class LocalEngine:
    """This process: a few items at once, in threads.

    Args:
        workers: items worked on at once. Two, so that the slow last calls of one shard do not leave the
            model idle.
    """

    def __init__(self, workers: int = 2) -> None:
        self._workers = workers

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yields `function(item)` for each item, in order.

        When the consumer stops or something fails, `function.stop()` is called, if there is one, before the
        threads are waited for.
        """
        running: deque[Future[Result]] = deque()
        waiting = iter(items)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="shard") as pool:
            finished = False
            try:
                for item in waiting:
                    running.append(pool.submit(function, item))
                    if len(running) == self._workers:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
                finished = True
            finally:
                if not finished:
                    for future in running:
                        future.cancel()
                    getattr(function, "stop", lambda: None)()


class RayEngine:
    """A Ray cluster: the one that `RAY_ADDRESS` names, or one on this machine.

    The function is sent once to each worker, so that what it opens there stays open.

    Args:
        workers: processes; None for one for each CPU of the cluster, at most 16.
        gpus_per_worker: accelerators that each of them holds, for local models.

    Raises:
        SpecError: Ray is not installed.
    """

    def __init__(self, workers: int | None = None, gpus_per_worker: float = 0.0) -> None:
        try:
            import_module("ray")
        except ImportError:
            raise SpecError(
                "the engine 'ray' needs Ray, which is not installed", "run pip install ray"
            ) from None
        self._workers = workers
        self._gpus = gpus_per_worker

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yields `function(item)` for each item, in order; function and items must be picklable."""
        ray: Any = import_module("ray")
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        sent = ray.put(function)
        actor = ray.remote(num_cpus=1, num_gpus=self._gpus)(_Worker)
        workers: deque[Any] = deque(actor.remote(sent) for _ in range(self._count()))
        running: deque[tuple[Any, Any]] = deque()
        try:
            for item in items:
                if not workers:
                    worker, result = running.popleft()
                    yield ray.get(result)
                    workers.append(worker)
                worker = workers.popleft()
                running.append((worker, worker.work.remote(item)))
            while running:
                worker, result = running.popleft()
                workers.append(worker)
                yield ray.get(result)
        finally:
            for worker in (*workers, *(worker for worker, _ in running)):
                ray.kill(worker)

    def _count(self) -> int:
        ray: Any = import_module("ray")
        return self._workers or max(1, min(16, int(ray.cluster_resources().get("CPU", 1))))


class _Worker:
    """One process of the cluster and its copy of the function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def work(self, item: Any) -> Any:
        return self._function(item)


def open_engine(name: str | Engine) -> Engine:
    """Returns the engine of a name, `local` or `ray`.

    Raises:
        SpecError: there is none of this name, or Ray is not installed.
    """
    if not isinstance(name, str):
        return name
    if name == "local":
        return LocalEngine()
    if name == "ray":
        return RayEngine()
    raise SpecError(f"there is no engine {name!r}", "choose local or ray")
