"""What a model answers when its turn begins with part of a chain of thought: one line of a curve's file."""

from typing import Literal, Self

from pydantic import Field, model_validator

from theodolite.core import Record

__all__ = ["Given", "Key", "ReadOut", "ReadOutKind"]

ReadOutKind = Literal["forced", "free"]
"""forced: the chain is closed and the answer asked for at once; free: the model goes on as it likes."""

Given = Literal["prefill", "quoted"]
"""prefill: the chain begins the model's own turn. quoted: it stands in the question: another measurement."""

Key = tuple[str, str, str, int, int]
"""Item, arm, kind, boundary, seed: what makes a read-out that one."""

_ROUNDING = 1e-6
_Share = Field(default=None, ge=0.0, le=1.0)


class ReadOut(Record):
    """What came of one prefix. A line of JSON with these keys is also the schema for curves from elsewhere.

    A share is 0 or 1 for a single answer; for `rollouts` of them it is how many did so.
    """

    item: str = Field(min_length=1)
    """The item's id."""
    boundary: int = Field(ge=0)
    """Chunks given."""
    boundaries: int = Field(ge=1)
    """Chunks there are: the last boundary, at which the whole chain is given."""
    arm: str = "own"
    """What was given: own, reflowed, summary, paraphrase, filler, other, shuffled, corrupt, none, writer."""
    readout: ReadOutKind = "forced"
    """How the answer was had."""
    seed: int = 0
    """Of a free continuation."""
    family: str = ""
    """Items of one family are no independent units; empty: a family of its own."""
    group: str = ""
    """Chains that are drawn as a curve of their own, such as those that end right."""
    given: Given = "prefill"
    """Where the chain stood."""
    tokens_before: int | None = Field(default=None, ge=0)
    """Tokens of the own chain before this boundary."""
    tokens_chain: int | None = Field(default=None, ge=0)
    """Tokens of the whole own chain."""
    rollouts: int = Field(default=1, ge=1)
    """Answers behind this line."""
    correct: float | None = _Share
    """Share that gave the right answer; None where nobody knows it."""
    same: float | None = _Share
    """Share that gave the answer which the own chain led to."""
    implied: float | None = _Share
    """Share that gave what the corrupted chain implies; None where that is not known."""
    unanswered: float | None = _Share
    """Share in which no answer was found; these are also not correct, not the same and not implied."""
    logp_gold: float | None = Field(default=None, le=0.0, allow_inf_nan=False)
    """Natural logarithm of the probability of the right answer."""
    answer: str | None = None
    """The answer, where there is one only."""
    tokens: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)
    """Mean further tokens until the end, the cap counted for those that reached it."""
    censored: float | None = _Share
    """Share that was stopped by the cap on tokens."""
    cap: int | None = Field(default=None, ge=1)
    """The cap."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.boundary > self.boundaries:
            raise ValueError(f"boundary {self.boundary} lies beyond the last, {self.boundaries}")
        if (self.tokens_before or 0) > (self.tokens_chain if self.tokens_chain is not None else 2**62):
            raise ValueError(f"{self.tokens_before} tokens before a boundary of {self.tokens_chain} in all")
        for name in ("correct", "same", "implied"):
            share = getattr(self, name)
            if share is not None and share + (self.unanswered or 0.0) > 1 + _ROUNDING:
                raise ValueError(
                    f"'{name}' and 'unanswered' are {share + (self.unanswered or 0.0):g} together"
                )
        return self

    @property
    def key(self) -> Key:
        """What makes it that read-out; no file has two of one key."""
        return self.item, self.arm, self.readout, self.boundary, self.seed

    @property
    def unit(self) -> str:
        """The independent unit that it belongs to."""
        return f"family {self.family}" if self.family else f"item {self.item}"

    @property
    def share(self) -> float:
        """Share of the chunks given."""
        return self.boundary / self.boundaries

    @property
    def token_share(self) -> float | None:
        """Share of the chain's tokens given; None where they were not counted."""
        if self.tokens_before is None or not self.tokens_chain:
            return None
        return self.tokens_before / self.tokens_chain
