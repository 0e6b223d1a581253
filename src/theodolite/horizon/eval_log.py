"""Trials from a log of Inspect AI: our own, which hold them, or anybody's, once its scorers are named.

A log says how far a sample came (turns of the assistant, tokens of the last call) and why it ended (a limit,
an error, its own end). Whether that was a violation, only scores can say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from theodolite.errors import DataError, InstrumentError
from theodolite.horizon.eval_scores import Named, Violation, find_violation, name_scorers
from theodolite.horizon.trial import Cause, Trial

__all__ = ["REACHED_KEY", "TRIALS_KEY", "read_eval"]

TRIALS_KEY = "theodolite_trials"
"""Key of a score's metadata under which our own scorer leaves finished trials."""
REACHED_KEY = "theodolite_reached"
"""Key of the sample's store under which our own solver leaves the clocks of the trial under way."""

LIMITS: dict[str, Cause] = {"context": "context_limit", "operator": "infrastructure"}
"""Inspect's limits that are no budget; a person who stopped a sample is no limit of the study."""
CLAIMED: dict[str, Cause] = {
    "refusal": "refusal",
    "incoherence": "incoherence",
    "budget": "budget",
    "context_limit": "context_limit",
    "infrastructure": "infrastructure",
}
"""What a sample's metadata `cause` may say of its end; it cannot say that there was a violation."""
COPIED = ("opportunities", "human_minutes", "task_minutes", "success", "severity", "released", "note")


def read_eval(path: str | Path, events: Sequence[str] = ()) -> tuple[Trial, ...]:
    """Returns the trials of an Inspect log, one for each sample and epoch, or those that it holds.

    A log of our own tasks holds its trials. In any other log `events` names the scores that tell of a
    violation: `SCORER` or `SCORER.KEY`; `!SCORER` where a low score tells of it; `program:SCORER` where it is
    a program, which needs no second check. With several, the first finds and the second confirms, and both
    must say so; a finding of one that is no program is noted, and is no event.

    Metadata of sample or score give what the log cannot know: `scenario` (else the sample's id), `arm` (else
    the task's argument `arm`, else `task`), `opportunities`, `human_minutes`, `task_minutes`, `success`,
    `cause` of the end, and of a score `evidence` and `turn` (from 0) of the violation. Where these are not
    given, the evidence is the score's explanation, and the turn that of the assistant's message that holds
    it word for word; else the clocks are read at the end.

    Args:
        path: of the `.eval` file.
        events: scores that tell of a violation.

    Raises:
        InstrumentError: inspect_ai is not installed.
        DataError: it cannot be read, has no sample, or no score is named that could tell.
    """
    path = Path(path)
    header, samples = _open(path)
    named = tuple(name_scorers(events))
    trials: list[Trial] = []
    for sample in samples:
        own = _own_rows(sample)
        if named and (own is not None or REACHED_KEY in (sample.store or {})):
            raise DataError(f"{str(path)!r} holds its own trials, with what ended them", "leave --event out")
        if own is not None:
            trials += [_checked(row | {"model": header.model}, path, sample) for row in own]
        elif REACHED_KEY in (sample.store or {}):
            trials.append(_checked(_stopped(sample, header), path, sample))
        else:
            trials.append(_checked(_foreign(sample, header, named, path), path, sample))
    if not trials:
        raise DataError(f"{str(path)!r} holds no finished sample", "name a log that has some")
    return tuple(trials)


def _open(path: Path) -> tuple[Any, Iterator[Any]]:
    """The part of the header that is about the evaluation, and the samples."""
    try:
        from inspect_ai.log import read_eval_log, read_eval_log_sample, read_eval_log_sample_summaries
    except ImportError:
        problem = "Inspect logs need the package inspect-ai, which is not installed"
        raise InstrumentError(problem, "install it with `pip install inspect-ai`") from None
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}", "name an Inspect log")

    def samples() -> Iterator[Any]:
        # What the archive holds, not what its header says it should: a stopped run has less.
        for summary in summaries:
            try:
                yield read_eval_log_sample(str(path), summary.id, summary.epoch, resolve_attachments=True)
            except Exception as error:
                raise _unreadable(path, error) from None

    # A damaged archive fails in whichever way its library likes.
    try:
        header = read_eval_log(str(path), header_only=True).eval
        summaries = read_eval_log_sample_summaries(str(path))
    except Exception as error:
        raise _unreadable(path, error) from None
    return header, samples()


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
    return DataError(f"{str(path)!r} is no Inspect log that can be read ({reason})", "check the file")


def _own_rows(sample: Any) -> list[dict[str, Any]] | None:
    for score in (sample.scores or {}).values():
        rows = (score.metadata or {}).get(TRIALS_KEY)
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            return rows
    return None


def _stopped(sample: Any, header: Any) -> dict[str, Any]:
    """One of our own trials that Inspect ended before it ended itself."""
    known = sample.store[REACHED_KEY]
    row = dict(known) if isinstance(known, dict) else {}
    return row | {
        "model": header.model,
        "seed": sample.epoch - 1,
        "cause": _end(sample),
        "note": _note(sample),
    }


def _foreign(sample: Any, header: Any, named: Sequence[Named], path: Path) -> dict[str, Any]:
    if not named and not sample.error:
        known = ", ".join(sample.scores or {}) or "none"
        raise DataError(
            f"sample {sample.id!r} of {str(path)!r} does not say what is a violation (its scores: {known})",
            "name the score that tells by --event SCORER, a second one that confirms it by another --event, "
            "or a program's by --event program:SCORER",
        )
    found = find_violation(sample, named, path)
    told = _told(sample)
    tokens = _tokens(sample, header.model)
    turns = sum(message.role == "assistant" for message in sample.messages)
    row: dict[str, Any] = {
        "scenario": str(told.get("scenario", sample.id)),
        "seed": sample.epoch - 1,
        "arm": str(told.get("arm", (header.task_args or {}).get("arm", "task"))),
        "model": header.model,
        "turns": turns,
        "context_tokens": tokens[-1] if tokens else None,
        "cause": _end(sample),
        **{name: told[name] for name in COPIED if name in told},
    }
    note = [text for text in (row.get("note"), _note(sample), found and found.unconfirmed) if text]
    row["note"] = " · ".join(map(str, note)) or None
    if found is not None and found.confirmed_by:
        row |= found.fields() | {"cause": "violation"} | _clocks_at(found, turns, tokens)
    return row


def _told(sample: Any) -> dict[str, Any]:
    """What metadata say, those of scores over those of the sample."""
    told: dict[str, Any] = dict(sample.metadata or {})
    for score in (sample.scores or {}).values():
        told |= {k: v for k, v in (score.metadata or {}).items() if k in COPIED}
    return told


def _clocks_at(found: Violation, turns: int, tokens: Sequence[int]) -> dict[str, Any]:
    """The clocks where the violation came, if that is known."""
    if found.turn is None or found.turn >= turns:
        return {}
    at = found.turn + 1
    return {"turns": at} | ({"context_tokens": tokens[found.turn]} if len(tokens) == turns else {})


def _tokens(sample: Any, model: str) -> list[int]:
    """The context after each call of the evaluated model, by its own count; others are left out."""
    out: list[int] = []
    for event in sample.events:
        if event.event != "model" or getattr(event, "role", None) or event.model not in model:
            continue
        usage = event.output.usage if event.output is not None else None
        if usage is not None:
            cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
            out.append(usage.total_tokens or usage.input_tokens + cached + usage.output_tokens)
    return out


def _end(sample: Any) -> Cause:
    """Why a sample ended, a violation aside."""
    if sample.error:
        return "infrastructure"
    if sample.limit is not None:
        return LIMITS.get(sample.limit.type, "budget")
    claimed = (sample.metadata or {}).get("cause")
    if isinstance(claimed, str) and claimed in CLAIMED:
        return CLAIMED[claimed]
    stop = sample.output.stop_reason if sample.output.choices else None
    return {"model_length": "context_limit", "content_filter": "refusal"}.get(str(stop), "finished")  # type: ignore[return-value]


def _note(sample: Any) -> str | None:
    if sample.error:
        return f"error: {(sample.error.message.splitlines() or ['unknown'])[0][:200]}"
    return f"limit: {sample.limit.type}" if sample.limit is not None else None


def _checked(row: dict[str, Any], path: Path, sample: Any) -> Trial:
    try:
        return Trial(**row)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        problem = f"sample {sample.id!r} of {str(path)!r} makes no trial ({where}{first['msg'][:120]})"
        raise DataError(problem, "correct the metadata that say so") from None
    except TypeError:
        raise DataError(
            f"sample {sample.id!r} of {str(path)!r} makes no trial", "check its metadata"
        ) from None
