"""Turns as the tokens that the model's chat template makes of them, with the assistant's turn begun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from theodolite.errors import ModelError, SpecError
from theodolite.targets.rendering import TEMPLATE_REFUSALS
from theodolite.targets.rows.row import Turn
from theodolite.targets.runner.kv_cache import common_prefix
from theodolite.targets.runner.records import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Chat"]


class Chat:
    """A tokenizer and the template that writes its turns.

    Args:
        tokenizer: of the model.
        template: used in place of the tokenizer's own.
        name: of the model, for messages.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, template: str | None, name: str) -> None:
        self._tokenizer: Any = tokenizer
        self._template, self._name = template or tokenizer.chat_template, name

    @property
    def has_template(self) -> bool:
        """Whether turns can be written at all."""
        return bool(self._template)

    def tokens(self, text: str, *, begins: bool = False) -> list[int]:
        """Returns the tokens of a text; one that begins a text gets the tokenizer's own first token."""
        return list(self._tokenizer(text, add_special_tokens=begins, verbose=False)["input_ids"])

    def text(self, ids: Sequence[int], *, after: Sequence[int] = ()) -> str:
        """Returns the text of tokens without control tokens, as it stands behind the tokens `after`."""
        if not after:
            return self._decode(ids)
        begun, whole = self._decode(after), self._decode([*after, *ids])
        return whole[len(begun) :] if whole.startswith(begun) else self._decode(ids)

    def token(self, token: int) -> str:
        """Returns one token as the vocabulary writes it."""
        return str(self._tokenizer.convert_ids_to_tokens(token))

    def prompt(self, turns: Sequence[Turn], prefill: str | Sequence[int] = "") -> Prompt:
        """Returns the turns, the cue for the assistant, and the words already put in its mouth.

        A system turn is put in front of the user's for templates that know no system. The prefill follows the
        cue as a finished turn would, but is not passed through the template: many templates rewrite finished
        turns (they leave out the thinking), and all of them end them.

        Raises:
            ModelError: there is no chat template, or it refuses these turns.
            SpecError: there are no turns.
        """
        if not turns:
            raise SpecError("the conversation holds no turns", "give at least one turn")
        cue = self._write(turns, cue=True)
        head = self.tokens(cue)
        if not prefill:
            if not head:
                raise SpecError("the prompt is empty", "give a turn that holds text")
            return Prompt(tuple(head))
        if not isinstance(prefill, str):
            return Prompt((*head, *prefill), len(prefill))
        ids = self.tokens(f"{cue}{self._gap(turns, cue, prefill)}{prefill}")
        return Prompt(tuple(ids), len(ids) - common_prefix(ids, head))

    def _gap(self, turns: Sequence[Turn], cue: str, prefill: str) -> str:
        """The white space that the template puts between its cue and an assistant's words."""
        try:
            whole = self._write((*turns, Turn("assistant", prefill)), cue=False)
        except ModelError:
            return ""
        words = prefill.strip()
        at = whole.find(words, len(cue)) if whole.startswith(cue) else -1
        gap = whole[len(cue) : at] if at >= 0 else ""
        return gap if not gap.strip() and not prefill[:1].isspace() else ""

    def _write(self, turns: Sequence[Turn], *, cue: bool) -> str:
        if not self.has_template:
            raise ModelError(
                f"the model '{self._name}' has no chat template, so it cannot be given turns",
                "give one (chat_template), or prompt it with plain text",
            )
        refusal: Exception | None = None
        for attempt in (turns, _without_system(turns)):
            messages = [{"role": turn.role, "content": turn.text} for turn in attempt]
            try:
                return str(
                    self._tokenizer.apply_chat_template(
                        messages, chat_template=self._template, tokenize=False, add_generation_prompt=cue
                    )
                )
            except TEMPLATE_REFUSALS as error:
                refusal = refusal or error
        said, roles = " ".join(str(refusal).split())[:120], "-".join(turn.role for turn in turns)[:80]
        raise ModelError(
            f"the chat template of '{self._name}' refuses the roles {roles} ({said})",
            "let the turns alternate as the template wants them",
        )

    def _decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)


def _without_system(turns: Sequence[Turn]) -> Sequence[Turn]:
    if len(turns) < 2 or turns[0].role != "system" or turns[1].role != "user":
        return turns
    return (Turn("user", f"{turns[0].text}\n\n{turns[1].text}"), *turns[2:])
