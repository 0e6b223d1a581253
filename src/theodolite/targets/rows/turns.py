"""From the ways people write a dialogue to turns: lists of messages, and transcripts in one string."""

import json
import re
from collections.abc import Sequence
from typing import Protocol

from theodolite.targets.rows.row import Turn


class WrongShape(ValueError):
    """Why an object is no row: `row 17 {reason}` is a sentence."""


class TextReader(Protocol):
    """What takes text out of a field and remarks on what is wrong with it."""

    def text(self, value: object, field: str) -> str:
        """`value` as text that UTF-8 can hold; raises `WrongShape` when it is not text."""
        ...

    def skip_part(self) -> None:
        """Remark that part of a message is not text."""
        ...


_ROLES = {
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "system": "system",
    "human:": "user",
    "assistant:": "assistant",
    "system:": "system",
}
_BESIDE_CONTENT = ("reasoning_content", "tool_calls", "function_call")
_SPEAKER = re.compile(r"(?:^\s*|\n\n)(Human:|Assistant:|System:) ?")
_OPENING = re.compile(r"\s*(?:Human|System):")
_KINDS = {dict: "an object", list: "a list", bool: "a truth value", int: "a number", float: "a number"}


def kind_of(value: object) -> str:
    """How a person would name the type of a JSON value."""
    return _KINDS.get(
        type(value), "nothing" if value is None else "text" if isinstance(value, str) else "bytes"
    )


def turns_of_messages(value: object, field: str, reader: TextReader) -> tuple[Turn, ...]:
    """Turns of a list of `{role, content}` or `{from, value}` messages, or of that list as a JSON string."""
    if isinstance(value, str):
        value = _list_in_string(value, field)
    if not isinstance(value, list):
        raise WrongShape(f"has {kind_of(value)} in '{field}' where a list of messages should be")
    if not value:
        raise WrongShape(f"has an empty list in '{field}'")
    return tuple([_turn(message, field, reader) for message in value])


def turns_of_text(text: str, role: str) -> tuple[Turn, ...]:
    """Turns of a `Human: ... Assistant: ...` transcript; one turn of `role` when `text` is none."""
    if not _OPENING.match(text) or "\n\nAssistant:" not in text:
        return (Turn(role, text),)
    pieces = _SPEAKER.split(text)[1:]
    turns = [Turn(_ROLES[pieces[i].lower()], pieces[i + 1].strip()) for i in range(0, len(pieces), 2)]
    if len(turns) > 1 and turns[-1] == Turn("assistant", ""):
        turns.pop()  # the cue that a prompt ends with, not an answer
    return tuple(turns)


def without_shared_start(turns: Sequence[Turn], other: Sequence[Turn]) -> Sequence[Turn]:
    """`turns` from the first one that differs from its counterpart in `other`."""
    for i, (one, two) in enumerate(zip(turns, other, strict=False)):
        if one != two:
            return turns[i:]
    return turns[len(other) :]


def _list_in_string(text: str, field: str) -> object:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        raise WrongShape(f"has text in '{field}' where a list of messages should be") from None


def _turn(message: object, field: str, reader: TextReader) -> Turn:
    if not isinstance(message, dict):
        raise WrongShape(f"has {kind_of(message)} in '{field}' where a message should be")
    said = message.get("role", message.get("from"))
    if not isinstance(said, str) or not said.strip():
        raise WrongShape(f"has a message without a role in '{field}'")
    role = _ROLES.get(said) or _ROLES.get(said.strip().lower()) or reader.text(said.strip().lower(), "role")
    content = message["content"] if "content" in message else message.get("value")
    text = reader.text(content, "content") if isinstance(content, str) else _text_of_parts(content, reader)
    beside = [message[name] for name in _BESIDE_CONTENT if message.get(name)]
    if beside:
        said_too = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in beside)
        text = "\n".join(filter(None, (text, *(reader.text(one, "content") for one in said_too))))
    elif "content" not in message and "value" not in message:
        raise WrongShape(f"has a message without content in '{field}'")
    return Turn(role, text)


def _text_of_parts(content: object, reader: TextReader) -> str:
    if content is None:
        return ""
    parts = content if isinstance(content, list) else [content]
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(reader.text(part, "content"))
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(reader.text(part["text"], "content"))
        elif isinstance(part, dict) and "type" in part and part["type"] != "text":
            reader.skip_part()
        else:
            raise WrongShape(f"has {kind_of(part)} as the content of a message")
    return "\n".join(texts)
