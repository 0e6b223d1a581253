"""What kind of table is this? Trials, runs of tasks, or a log of Inspect AI."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from theodolite.errors import DataError, SpecError
from theodolite.horizon.table import check_trials, read_trials
from theodolite.horizon.task_runs import TaskCounts, read_task_runs
from theodolite.horizon.trial import Trial

__all__ = ["open_table", "read_dates"]

KNOWN = (".parquet", ".eval", ".jsonl", ".ndjson", ".csv")


def open_table(path: str | Path, events: Sequence[str] = ()) -> tuple[Trial, ...] | TaskCounts:
    """Returns the trials of a table or an Inspect log, or the counts of a table of task runs.

    Parquet holds trials, `.eval` is a log, JSON lines hold runs of tasks, CSV holds counts by task; which
    columns each needs is said where one is missing. Of a folder all logs are read, those in its folders too.

    Args:
        path: of the file or folder.
        events: scores of a log that tell of a violation; see `read_eval`.

    Raises:
        DataError: the file is none of these, or cannot be read.
        SpecError: scores are named, and the file is no log.
    """
    path = Path(path)
    if path.is_dir() and path.suffix.lower() not in KNOWN:
        return _of_logs(path, events)
    if events and path.suffix.lower() != ".eval":
        raise SpecError(f"--event names scores of an Inspect log, and {str(path)!r} is none", "leave it out")
    match path.suffix.lower():
        case ".parquet":
            return read_trials(path)
        case ".eval":
            from theodolite.horizon.eval_log import read_eval

            trials = read_eval(path, events)
            check_trials(trials, str(path))
            return trials
        case ".jsonl" | ".ndjson" | ".csv":
            return read_task_runs(path)
        case _:
            raise DataError(
                f"{str(path)!r} is no table that is known",
                "give trials (.parquet), an Inspect log (.eval), task runs (.jsonl) or counts (.csv)",
            )


def _of_logs(folder: Path, events: Sequence[str]) -> tuple[Trial, ...]:
    """The trials of all logs of a folder; a sample that was played again in another log is refused."""
    try:
        logs = sorted(folder.rglob("*.eval"))
    except OSError as error:
        problem = f"the folder {str(folder)!r} cannot be read ({error.strerror})"
        raise DataError(problem, "name one that holds logs and nothing that changes") from None
    if not logs:
        raise DataError(
            f"the folder {str(folder)!r} holds no Inspect log", "name a table or a folder of logs"
        )
    from theodolite.horizon.eval_log import read_eval

    trials = tuple(trial for log in logs for trial in read_eval(log, events))
    check_trials(trials, str(folder))
    return trials


def read_dates(path: str | Path) -> Mapping[str, date]:
    """Returns the dates of release of a TOML file: one `"model" = 2026-03-01` a line.

    Raises:
        SpecError: it cannot be read, or a value is no date.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"there is no file {str(path)!r}", "name a file of dates") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"{str(path)!r} cannot be read ({error})", "give TOML") from None
    for model, day in content.items():
        if type(day) is not date:
            raise SpecError(f"{model!r} in {str(path)!r} has no date ({day!r})", "write it as 2026-03-01")
    return content
