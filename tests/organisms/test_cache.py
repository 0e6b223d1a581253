import threading
from pathlib import Path

import pytest

from theodolite.errors import OutputError
from theodolite.organisms.cache import cache_folder, cached, fill


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THEODOLITE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_cached_is_built_once_even_by_two_at_a_time(own_cache: Path):
    builds, gate = [], threading.Barrier(2)

    def build(folder: Path) -> None:
        builds.append(folder)
        (folder / "weights").write_text("w")

    def ask() -> None:
        gate.wait()
        assert (cached("key", build) / "weights").read_text() == "w"

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert cached("key", build).parent == cache_folder() == own_cache / "organisms"
    assert cached("other key", build) != cached("key", build)


def test_a_build_that_fails_leaves_nothing_behind(tmp_path: Path):
    def build(folder: Path) -> None:
        (folder / "half").write_text("h")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached("key", build)
    assert [path.suffix for path in cache_folder().iterdir()] in ([".lock"], [])
    assert (cached("key", lambda folder: None)).is_dir()


def test_a_folder_with_something_in_it_is_not_written_over(tmp_path: Path):
    taken = tmp_path / "taken"
    taken.mkdir()
    fill(taken, lambda folder: (folder / "new").write_text("n") and None)
    with pytest.raises(OutputError, match="exists already"):
        fill(taken, lambda folder: None)
    assert (taken / "new").read_text() == "n"


def test_a_cache_that_cannot_be_written_is_an_error_of_the_user(monkeypatch: pytest.MonkeyPatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match="THEODOLITE_CACHE"):
        cached("key", lambda folder: None)
