"""Rows as token ids, the way they were most likely trained on, with the response's tokens marked.

Where the tokenizer has a chat template, the template writes the row; a token belongs to the response when it
holds any character that the template writes after its cue for the assistant, the mark that ends the turn
included. Otherwise, and where the template refuses a row or the row is one plain text, the turns are joined
with line breaks and closed by the end-of-text token. Tokens that stand in the text of a row are read as the
tokenizer reads them: a row that holds control tokens holds them here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from jinja2 import TemplateError

from theodolite.errors import ModelError
from theodolite.targets import Row, Turn

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = [
    "TEMPLATE_REFUSALS",
    "LoadedModel",
    "RenderedRow",
    "context_of",
    "cut_left",
    "render_prompt",
    "render_rows",
    "tokenizer_of",
]

LoadedModel: TypeAlias = "tuple[PreTrainedModel, PreTrainedTokenizerBase | None]"
"""What `theodolite.targets.Model.load` returns."""

Span: TypeAlias = tuple[int, int]
"""From which character to which."""

_CHUNK = 512
TEMPLATE_REFUSALS = (
    TemplateError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What a template may raise: it is a program that came with the checkpoint, run in jinja2's sandbox."""
_LONGEST = 10**6
"""A tokenizer without a longest text says a number far beyond this."""


class _Written(NamedTuple):
    """A row as text, the response's places in it, and whether it was joined plainly."""

    text: str
    spans: list[Span]
    plain: bool


@dataclass(frozen=True, slots=True)
class RenderedRow:
    """One row as the model reads it."""

    ids: tuple[int, ...]
    """Tokens."""
    learnt: tuple[bool, ...]
    """For each token, whether it is the response's; never the first, which nothing comes before."""
    cut: bool
    """Whether tokens were left out to fit the context."""
    plain: bool
    """Whether the turns were joined plainly."""

    @property
    def empty(self) -> bool:
        """Whether there is no token of a response."""
        return not any(self.learnt)


def tokenizer_of(model: LoadedModel) -> PreTrainedTokenizerBase:
    """Returns the model's tokenizer.

    Raises:
        ModelError: it has none.
    """
    if model[1] is None:
        raise ModelError(
            f"the model '{type(model[0]).__name__}' has no tokenizer, so it cannot be given text",
            "copy the tokenizer's files into its folder",
        )
    return model[1]


def context_of(model: LoadedModel) -> int:
    """Returns how many tokens the model can read at once, as its configuration or its tokenizer says."""
    config: Any = model[0].config.get_text_config()
    said = [getattr(config, "max_position_embeddings", None), getattr(model[1], "model_max_length", None)]
    return min([n for n in said if isinstance(n, int) and 0 < n < _LONGEST], default=_LONGEST)


def render_rows(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], context: int
) -> Iterator[RenderedRow]:
    """Yields each row's tokens, at most `context` of them.

    A longer row loses tokens from the left of its prompt (a first token that begins every text is kept), and
    only when all but one of these are gone, from the end of its response.
    """
    left = iter(rows)
    while chunk := list(islice(left, _CHUNK)):
        written = [_written(tokenizer, row) for row in chunk]
        rendered: dict[int, RenderedRow] = {}
        for plain in (True, False):
            # Two calls, since only plain text gets the tokenizer's own first token.
            places = [i for i, one in enumerate(written) if one.plain is plain]
            tokens = _tokens(tokenizer, [written[i] for i in places], plain)
            for i, (ids, learnt) in zip(places, tokens, strict=True):
                kept, marked, cut = _cut_prompt(ids, learnt, context, tokenizer.bos_token_id)
                rendered[i] = RenderedRow(tuple(kept), tuple(marked), cut, plain)
        for i in range(len(chunk)):
            yield rendered[i]


def render_prompt(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    """Returns the tokens of a user's prompt that waits for the assistant."""
    text = _template(tokenizer, (Turn("user", prompt),), cue=True)
    if text is None:
        return tokenizer(f"{prompt}\n", verbose=False)["input_ids"]  # type: ignore[return-value]
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]  # type: ignore[return-value]


def cut_left(ids: list[int], most: int, bos: int | None) -> list[int]:
    """Returns the last `most` tokens; a first token that begins every text stays in front."""
    if len(ids) <= most:
        return ids
    head = ids[:1] if ids[0] == bos else []
    return head + ids[len(ids) - most + len(head) :]


def _written(tokenizer: PreTrainedTokenizerBase, row: Row) -> _Written:
    if row.turns and row.turns[0].role != "assistant":
        text = _template(tokenizer, row.turns)
        spans = None if text is None else _spans(tokenizer, row.turns, text)
        if text is not None and spans is not None:
            return _Written(text, spans, False)
    text, spans = "", []
    for turn in row.turns:
        text += "\n" if text else ""
        if turn.role == "assistant" and turn.text.strip():
            spans.append((len(text), len(text) + len(turn.text)))
        text += turn.text
    end = tokenizer.eos_token or ""
    if spans and spans[-1][1] == len(text):
        spans[-1] = (spans[-1][0], len(text) + len(str(end)))
    return _Written(f"{text}{end}", spans, True)


def _spans(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn], text: str) -> list[Span] | None:
    """Where the assistant's turns stand in the templated text; None when that cannot be told."""
    spans: list[Span] = []
    for i, turn in enumerate(turns):
        if turn.role != "assistant" or not turn.text.strip():
            continue
        before = _template(tokenizer, turns[:i], cue=True)
        if before is not None and text.startswith(before):
            upto = text if i == len(turns) - 1 else _template(tokenizer, turns[: i + 1])
            known = upto is not None and text.startswith(upto)
            end = len(str(upto).rstrip()) if known else len(before) + len(turn.text)
            spans.append((len(before), end))
        elif (at := text.rfind(turn.text.strip())) >= 0 and i == len(turns) - 1:
            spans.append((at, len(text.rstrip())))
        # A template may drop or rewrite earlier turns: of these nothing can be said.
    spoken = any(turn.role == "assistant" and turn.text.strip() for turn in turns)
    return spans if spans or not spoken else None


def _template(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn], *, cue: bool = False) -> str | None:
    """The text that the chat template writes; None where there is no template or it refuses these turns."""
    if not tokenizer.chat_template:
        return None
    for attempt in (turns, _without_system(turns)):
        messages = [{"role": turn.role, "content": turn.text} for turn in attempt]
        try:
            return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=cue))
        except TEMPLATE_REFUSALS:
            continue
    return None


def _without_system(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The system's words in front of the user's, for templates that know no system."""
    if len(turns) < 2 or turns[0].role != "system" or turns[1].role != "user":
        return turns
    return (Turn("user", f"{turns[0].text}\n\n{turns[1].text}"), *turns[2:])


def _tokens(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[_Written], plain: bool
) -> Iterator[tuple[list[int], list[bool]]]:
    if not texts:
        return
    if not tokenizer.is_fast:
        for one in texts:
            yield _tokens_by_piece(tokenizer, one.text, one.spans, plain)
        return
    found: Any = tokenizer(
        [one.text for one in texts],
        add_special_tokens=plain,
        return_offsets_mapping=True,
        return_attention_mask=False,
        verbose=False,
    )
    for ids, offsets, one in zip(found["input_ids"], found["offset_mapping"], texts, strict=True):
        learnt = [any(end > start and end > a and start < b for a, b in one.spans) for start, end in offsets]
        learnt[:1] = [False] * len(learnt[:1])
        yield list(ids), learnt


def _tokens_by_piece(
    tokenizer: PreTrainedTokenizerBase, text: str, spans: Sequence[Span], plain: bool
) -> tuple[list[int], list[bool]]:
    """For tokenizers that do not say where a token stands: prompt and response are split apart first."""
    ids: list[int] = [tokenizer.bos_token_id] if plain and tokenizer.bos_token_id is not None else []  # type: ignore[list-item]
    learnt = [False] * len(ids)
    edges = sorted({0, len(text), *(place for span in spans for place in span)})
    for start, end in pairwise(edges):
        piece: Any = tokenizer(text[start:end], add_special_tokens=False, verbose=False)["input_ids"]
        ids += piece
        learnt += [any(a <= start < b for a, b in spans)] * len(piece)
    learnt[:1] = [False] * len(learnt[:1])
    return ids, learnt


def _cut_prompt(
    ids: list[int], learnt: list[bool], context: int, bos: Any
) -> tuple[list[int], list[bool], bool]:
    excess = len(ids) - context
    if excess <= 0:
        return ids, learnt, False
    head = 1 if ids[0] == bos else 0
    response = learnt.index(True) if True in learnt else len(ids)
    gone = min(excess, max(response - max(head, 1), 0))
    kept = slice(head + gone, None)
    return (ids[:head] + ids[kept])[:context], (learnt[:head] + learnt[kept])[:context], True
