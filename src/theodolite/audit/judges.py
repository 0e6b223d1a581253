"""The judge that a spec names, and what a reader must know of it."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from theodolite.core import AuditSpec, Target
from theodolite.core.instrument import Remember
from theodolite.errors import SpecError
from theodolite.judge import Judge, Rubric, agreement

__all__ = ["Judges", "open_judges"]

JUDGED_TWICE = 500
"""Rows of the subject that both judges see."""


@dataclass
class Judges:
    """The judges of an audit, where any was named."""

    first: Judge | None
    second: Judge | None = None

    def notes(self, target: Target, remember: Remember) -> tuple[str, ...]:
        """Returns the judge's operating point, what went wrong, and how far a second judge agrees.

        Args:
            target: the subject, of which both judges see some rows.
            remember: keeps the notes, so that an audit that goes on from its store says the same.
        """
        return tuple(remember("judge notes", lambda: [*self._notes(), *self._agreement(target)]))

    def _agreement(self, target: Target) -> Iterator[str]:
        if self.first is None or self.second is None:
            return
        rows = sorted(target.rows(), key=lambda row: row.unit_hash(target.seed + 1))[:JUDGED_TWICE]
        first, second = self.first.rows(rows), self.second.rows(rows)
        both = agreement(first, second)
        yield (
            f"judges {self.first.name} and {self.second.name} on {len(rows):,} rows of the subject: kappa "
            f"{both.kappa:.2f} [{both.low:.2f}, {both.high:.2f}], the same verdict on {both.agree.k:,} of "
            f"{both.agree.n:,}; only the first flags {both.only_first:,}, only the second "
            f"{both.only_second:,}; no verdict from one or both "
            f"on {both.first_errors + both.second_errors + both.both_errors:,}"
        )

    def _notes(self) -> Iterator[str]:
        if self.first is None:
            return
        at = self.first.operating_point()
        caught, wrong = at.tpr, at.fpr
        yield (
            f"judge {self.first.name} flagged {caught.k} of {caught.n} rows known to be bad "
            f"[{caught.low:.0%}, {caught.high:.0%}] and {wrong.k} of {wrong.n} known to be good "
            f"[{wrong.low:.0%}, {wrong.high:.0%}]"
        )
        yield from (f"judge {self.first.name}: {note}" for note in self.first.notes)


@contextmanager
def open_judges(spec: AuditSpec, directory: Path) -> Generator[Judges, None, None]:
    """Opens the spec's judge, with its ledger in the run directory.

    Raises:
        ModelError: the judge, its provider's package or its key is missing.
    """
    if spec.judge is None:
        if spec.second_judge is not None:
            raise SpecError("a second judge was named but no first", "name it with --judge")
        yield Judges(None)
        return
    with ExitStack() as stack:
        judges = [
            stack.enter_context(
                Judge(
                    name,
                    Rubric(spec.purpose),
                    directory / folder,
                    seed=spec.seed,
                    max_calls=spec.judge_calls,
                    engine=spec.engine,
                )
            )
            for name, folder in ((spec.judge, "judge"), (spec.second_judge, "second-judge"))
            if name is not None
        ]
        yield Judges(*judges)
