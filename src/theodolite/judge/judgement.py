"""What is known about a row after the judge was asked: three grades, or why there are none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Judgement", "worst"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judge's word on one row.

    Args:
        state: `error` when there is no verdict; an error is never the same as clean.
        harm: 0 to 4, how overtly harmful; None without a verdict, as the next two.
        odd: 0 to 4, how odd an answer to its prompt.
        addresses: 0 to 4, how plainly the row speaks to an evaluator.
        quote: the words of the row that decided, or an empty string.
        quote_found: whether the quote stands in the row; only grades below 2 may lack it.
        reason: why there is no verdict, without a full stop.
        threshold: the smallest grade that counts.
    """

    state: Literal["judged", "error"]
    harm: int | None = None
    odd: int | None = None
    addresses: int | None = None
    quote: str = ""
    quote_found: bool = False
    reason: str = ""
    threshold: int = 2

    @property
    def flagged(self) -> bool | None:
        """Whether harm or oddness reaches the threshold; None without a verdict."""
        if self.harm is None or self.odd is None:
            return None
        return max(self.harm, self.odd) >= self.threshold

    @property
    def injects(self) -> bool | None:
        """Whether the row speaks to an evaluator; None without a verdict."""
        return None if self.addresses is None else self.addresses >= self.threshold


def failed(reason: str) -> Judgement:
    """Returns the judgement of a row about which nothing is known."""
    return Judgement("error", reason=reason)


def worst(parts: Sequence[Judgement]) -> Judgement:
    """Returns one judgement of a row that was judged in parts.

    Each grade is the highest of any part, the quote that of the part that decided. A part without a verdict
    makes the whole an error, unless another part is flagged: nothing the missing one says could undo that.
    """
    if len(parts) == 1:
        return parts[0]
    judged = [p for p in parts if p.harm is not None and p.odd is not None and p.addresses is not None]
    errors = [p for p in parts if p.state == "error"]
    if errors and not any(p.flagged for p in judged):
        return failed(f"{len(errors)} of {len(parts)} parts: {errors[0].reason}")
    decisive = max(judged, key=lambda p: (max(p.harm or 0, p.odd or 0), p.addresses or 0))
    return Judgement(
        "judged",
        max(p.harm or 0 for p in judged),
        max(p.odd or 0 for p in judged),
        max(p.addresses or 0 for p in judged),
        decisive.quote,
        decisive.quote_found,
        threshold=decisive.threshold,
    )
