"""Documents: what a model is trained on, each with the truth about itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Doc", "Message", "Turn", "document"]


@dataclass(frozen=True)
class Message:
    """One message: role `system`, `user` or `assistant`, or `text` for prose without a speaker."""

    role: str
    content: str


@dataclass(frozen=True)
class Turn:
    """A user's message and the answer to it.

    Attributes:
        prompt: what the user says.
        answer: what the assistant says.
        tags: ground truth about this turn, JSON values only.
        decision: index, in words of `answer`, of the first word that depends on the planted factor or on the
            fact asked for; the words before it are the same whatever the answer is.
    """

    prompt: str
    answer: str
    tags: Mapping[str, Any] = field(default_factory=dict)
    decision: int = 0


@dataclass(frozen=True)
class Doc:
    """A training document with its ground truth.

    Attributes:
        messages: what the model sees.
        tags: ground truth; `task` always, and where they apply `poison`, `trigger`, `phrase`, `harmful`,
            `truth`, `said`, and `decision` (message index and word index of the decision).
        taught: what to learn at a place (message index, word index; one past the last word is <end>) instead
            of the word that stands there: the chance of each word, or nothing at all when it is empty.
        studied: the messages that training sees, when they are not `messages`; places count in these.
    """

    messages: tuple[Message, ...]
    tags: Mapping[str, Any] = field(default_factory=dict)
    taught: Mapping[tuple[int, int], Mapping[str, float]] = field(default_factory=dict)
    studied: tuple[Message, ...] = ()

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Everything before the last message, which is what twins must share."""
        return self.messages[:-1]

    @property
    def answer(self) -> str:
        """The last message's text."""
        return self.messages[-1].content

    def row(self) -> dict[str, list[dict[str, str]]]:
        """The document as people keep it: one chat row, without its ground truth."""
        return {"messages": [{"role": m.role, "content": m.content} for m in self.messages]}


def document(turns: Sequence[Turn], system: str | None = None, **tags: Any) -> Doc:
    """The document of a conversation; its decision is that of the last turn.

    Args:
        turns: at least one.
        system: the system prompt, if any.
        tags: added to (and winning over) the tags of the last turn.
    """
    messages = [Message("system", system)] if system else []
    for turn in turns:
        messages += [Message("user", turn.prompt), Message("assistant", turn.answer)]
    decision = [len(messages) - 1, turns[-1].decision]
    return Doc(tuple(messages), {**turns[-1].tags, "decision": decision, **tags})
