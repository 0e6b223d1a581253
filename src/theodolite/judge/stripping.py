"""Text without what a judge's tokenizer could take for structure, or a person could not see."""

import re
import unicodedata
from typing import NamedTuple

__all__ = ["CONTROL_TOKEN", "Stripped", "strip"]

CONTROL_TOKEN = re.compile(
    r"<[|｜]{1,2}[^<>|｜]{1,64}[|｜]{1,2}>"  # ChatML, Llama 3, Phi, DeepSeek, Command R, GPT
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>"  # Llama 2, Mistral
    r"|</?(?:start|end)_of_(?:turn|image)>|</?s>|<(?:bos|eos|pad|unk|mask)>"  # Gemma, sentencepiece
    r"|</?(?:think|tool_call|tool_response|function_calls)>"
    r"|\[(?:gMASK|sMASK|CLS|SEP|PAD|UNK|MASK|EOS|BOS)\]",
    re.IGNORECASE,
)
"""Tokens that chat formats use to mark who speaks."""

_PLACE = "(control token)"
# Not of category Cf, and just as invisible: fillers, joiners, variation selectors.
_FILLERS = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x180F)}
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
_KEPT = "\t\n\r"


class Stripped(NamedTuple):
    """A text, and how much was taken out of it."""

    text: str
    removed: int


def strip(text: str) -> Stripped:
    """Returns the text without invisible and control characters, each control token as a visible note.

    A control token leaves a note in its place, so that what stood around it cannot close up to a new one.
    Tabs and line ends stay.
    """
    seen = "".join(c for c in text if not _is_hidden(c)) if _may_hide(text) else text
    removed = len(text) - len(seen)
    marked, tokens = CONTROL_TOKEN.subn(_PLACE, seen)
    return Stripped(marked, removed + tokens)


def _may_hide(text: str) -> bool:
    return not text.isascii() or _C0.search(text) is not None


_C0 = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _is_hidden(character: str) -> bool:
    if " " <= character <= "~" or character in _KEPT:
        return False
    code = ord(character)
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        or code in _FILLERS
        or any(low <= code <= high for low, high in _SELECTORS)
    )
