"""The shapes training data come in, and how an object of each becomes a row."""

import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass

from theodolite.targets.rows.remarks import EMPTY, NOT_TEXT, NOT_UNICODE, Remarks, quoted
from theodolite.targets.rows.row import Row, Turn, Unreadable
from theodolite.targets.rows.turns import (
    WrongShape,
    kind_of,
    turns_of_messages,
    turns_of_text,
    without_shared_start,
)

OWN_NAMES = ("prompt", "response", "text", "source", "system", "messages", "chosen", "rejected")
_PROMPTS = ("prompt", "question", "input", "query")
_RESPONSES = ("response", "completion", "answer", "output")
_CONTEXTS = ("input", "context")
_SOURCES = ("source", "dataset", "origin")
_SYSTEMS = ("system", "system_prompt")
_WHOLE_ROWS = ("messages", "conversations", "chosen", "rejected", "instruction", "text")
KNOWN_FIELDS = frozenset((*_PROMPTS, *_RESPONSES, *_CONTEXTS, *_SOURCES, *_SYSTEMS, *_WHOLE_ROWS))
_PLANS_KEPT = 1024
_SURROGATE = re.compile("[\ud800-\udfff]")

Record = Mapping[str, object]
Content = tuple[tuple[Turn, ...], str | None]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How objects with one set of fields are read."""

    shape: str
    read: Callable[[Record], Content]
    used: tuple[str, ...]
    source: str | None
    system: str | None


class ShapeReader:
    """Makes rows of JSON objects.

    Args:
        columns: our names (`OWN_NAMES`) to the file's.
        remarks: where it says what it noticed.
    """

    def __init__(self, columns: Mapping[str, str], remarks: Remarks) -> None:
        self._columns = dict(columns)
        self._outranked = _outranked(columns.keys())
        self._remarks = remarks
        self._plans: dict[tuple[str, ...], _Plan | None] = {}
        self._flags: set[str] = set()
        self.columns_missing = set(columns.values())

    def row(self, number: int, record: object) -> Row | Unreadable:
        """The row that `record` holds, or why it holds none."""
        if type(record) is not dict:
            return Unreadable(number, f"is {kind_of(record)}, not an object")
        view = self._renamed(record) if self._columns else record
        keys = tuple(view) if None not in view.values() else _not_null(view)
        if keys not in self._plans:
            self._learn(keys, record)
        plan = self._plans[keys]
        if plan is None:
            return Unreadable(number, _no_shape(keys))
        self._flags.clear()
        try:
            turns, rejected = plan.read(view)
            turns, source = self._framed(plan, view, turns)
        except WrongShape as error:
            return Unreadable(number, str(error))
        except RecursionError:
            return Unreadable(number, "is nested too deeply")
        if not (rejected or any(turn.text for turn in turns)):
            self._flags.add(EMPTY)
        for flag in sorted(self._flags):
            self._remarks.see(flag, number)
        self._remarks.shapes[plan.shape] = self._remarks.shapes.get(plan.shape, 0) + 1
        return Row(number, turns, rejected, source)

    def text(self, value: object, field: str) -> str:
        """`value` with what is not Unicode replaced; raises `WrongShape` when it is not text."""
        if not isinstance(value, str):
            raise WrongShape(f"has {kind_of(value)} in '{field}' where text should be")
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            self._flags.add(NOT_UNICODE)
            return _SURROGATE.sub("\ufffd", value)
        return value

    def skip_part(self) -> None:
        """Remark that the row holds more than text."""
        self._flags.add(NOT_TEXT)

    def _renamed(self, record: Record) -> dict[str, object]:
        if self.columns_missing:
            self.columns_missing -= record.keys()
        taken = {*self._columns.values(), *self._outranked}
        view = {key: value for key, value in record.items() if key not in taken}
        return view | {own: record[theirs] for own, theirs in self._columns.items() if theirs in record}

    def _learn(self, keys: tuple[str, ...], record: Record) -> None:
        if len(self._plans) >= _PLANS_KEPT:  # a hostile file can have new fields in every row
            self._plans.clear()
        plan = self._plans[keys] = self._plan(frozenset(keys))
        read = [self._columns.get(name, name) for name in plan.used] if plan else []
        self._remarks.see_fields(list(record), read)

    def _plan(self, keys: frozenset[str]) -> _Plan | None:
        found = self._shape(keys)
        if found is None:
            return None
        shape, read, used = found
        source, system = _first(_SOURCES, keys - set(used)), _first(_SYSTEMS, keys)
        return _Plan(shape, read, (*used, *filter(None, (source, system))), source, system)

    def _shape(self, keys: frozenset[str]) -> tuple[str, Callable[[Record], Content], tuple[str, ...]] | None:
        dialogue = _first(("messages", "conversations"), keys)
        if dialogue:
            return (
                dialogue,
                lambda record: (turns_of_messages(record[dialogue], dialogue, self), None),
                (dialogue,),
            )
        prompt, response = _first(_PROMPTS, keys), _first(_RESPONSES, keys)
        if "chosen" in keys:
            used = _named("chosen", "rejected", prompt)
            return "chosen/rejected", lambda record: self._preference(record, prompt), used
        if "instruction" in keys:
            context = _first(_CONTEXTS, keys)
            used = _named("instruction", context, response)
            return (
                "instruction/input/output",
                lambda record: self._instruction(record, context, response),
                used,
            )
        if prompt and response:
            return (
                "prompt/completion",
                lambda record: self._pair(record, prompt, response),
                (prompt, response),
            )
        if "text" in keys:
            return "text", lambda record: (self._turns(record["text"], "text", "assistant"), None), ("text",)
        if prompt:
            return "prompt", lambda record: self._pair(record, prompt, None), (prompt,)
        if response:
            return "response", lambda record: self._pair(record, None, response), (response,)
        return None

    def _pair(self, record: Record, prompt: str | None, response: str | None) -> Content:
        asked = self._turns(record[prompt], prompt, "user") if prompt else ()
        return asked + (self._turns(record[response], response, "assistant") if response else ()), None

    def _instruction(self, record: Record, context: str | None, response: str | None) -> Content:
        asked = self.text(record["instruction"], "instruction")
        given = self.text(record[context], context) if context else ""
        turns = (Turn("user", f"{asked}\n{given}" if given else asked),)
        if response:
            turns += (Turn("assistant", self.text(record[response], response)),)
        return turns, None

    def _preference(self, record: Record, prompt: str | None) -> Content:
        asked = self._turns(record[prompt], prompt, "user") if prompt else ()
        turns = _after(asked, self._turns(record["chosen"], "chosen", "assistant"))
        if record.get("rejected") is None:
            return turns, None
        other = _after(asked, self._turns(record["rejected"], "rejected", "assistant"))
        rest = without_shared_start(other, turns) or [turn for turn in other if turn.role == "assistant"][-1:]
        return turns, "\n".join(turn.text for turn in rest)

    def _turns(self, value: object, field: str, role: str) -> tuple[Turn, ...]:
        if isinstance(value, list):
            return turns_of_messages(value, field, self)
        return turns_of_text(self.text(value, field), role)

    def _framed(self, plan: _Plan, record: Record, turns: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], str]:
        if plan.system:
            told = self.text(record[plan.system], plan.system)
            if told and turns[:1] != (Turn("system", told),):
                turns = (Turn("system", told), *turns)
        source = record[plan.source] if plan.source else ""
        return turns, self.text(source, "source") if isinstance(source, str) else str(source)[:200]


def _outranked(asked: Set[str]) -> frozenset[str]:
    # Columns named by the person say what the text is, so the file's own shapes must not outrank them.
    if not asked - {"source", "system"}:
        return frozenset()
    kept = {"chosen", "rejected"} if {"chosen", "rejected"} & asked else set[str]()
    pairs = {*_PROMPTS, *_RESPONSES} if "text" in asked else set[str]()
    return frozenset({*_WHOLE_ROWS, *pairs} - kept)


def _after(asked: tuple[Turn, ...], answer: tuple[Turn, ...]) -> tuple[Turn, ...]:
    return answer if answer[: len(asked)] == asked else asked + answer


def _first(names: Iterable[str], keys: frozenset[str]) -> str | None:
    return next((name for name in names if name in keys), None)


def _named(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)


def _not_null(record: Record) -> tuple[str, ...]:
    return tuple(key for key, value in record.items() if value is not None)


def _no_shape(keys: tuple[str, ...]) -> str:
    if not keys:
        return "has no field that holds anything"
    if "rejected" in keys:
        return "has a rejected answer but no chosen one"
    return f"has no known shape (its fields: {quoted(keys)})"
