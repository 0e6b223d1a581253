"""The judge that a spec names, and what a reader must know of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from theodolite.core import AuditSpec
from theodolite.core.instrument import Remember
from theodolite.judge import Judge, Rubric

__all__ = ["Judges", "open_judges"]


@dataclass
class Judges:
    """The judge of an audit, where one was named."""

    first: Judge | None

    def notes(self, remember: Remember) -> tuple[str, ...]:
        """Returns the judge's operating point and what went wrong, as first known.

        Args:
            remember: keeps them, so that an audit that goes on from its store says the same.
        """
        return tuple(remember("judge notes", lambda: list(self._notes())))

    def _notes(self) -> Iterator[str]:
        if self.first is None:
            return
        at = self.first.operating_point()
        caught, wrong = at.tpr, at.fpr
        yield (
            f"judge {self.first.name}: {self.first.calls:,} calls paid in this run; it flagged {caught.k} of "
            f"{caught.n} rows known to be bad [{caught.low:.0%}, {caught.high:.0%}] and {wrong.k} of {wrong.n} known "
            f"to be good [{wrong.low:.0%}, {wrong.high:.0%}]"
        )
        yield from (f"judge {self.first.name}: {note}" for note in self.first.notes)


@contextmanager
def open_judges(spec: AuditSpec, directory: Path) -> Iterator[Judges]:
    """Opens the spec's judge, with its ledger in the run directory.

    Raises:
        ModelError: the judge, its provider's package or its key is missing.
    """
    if spec.judge is None:
        yield Judges(None)
        return
    judge = Judge(
        spec.judge,
        Rubric(spec.purpose),
        directory / "judge",
        seed=spec.seed,
        max_calls=spec.judge_calls,
        engine=spec.engine,
    )
    with judge:
        yield Judges(judge)
