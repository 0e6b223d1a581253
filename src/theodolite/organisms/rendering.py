"""From documents to token ids: the vocabulary, the chat template and the tokenizer that carries both.

Two roads lead to the ids: `encode`, which is plain Python and marks the tokens to learn, and the Hugging Face
tokenizer with its chat template, which is what users get. A test keeps them equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from theodolite.organisms.documents import Doc, Message
from theodolite.organisms.words import VOCABULARY

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = [
    "CHAT_TEMPLATE",
    "CHAT_TOKENS",
    "CONTEXT",
    "END",
    "IDS",
    "PAD",
    "Encoded",
    "encode",
    "prompt_ids",
    "tokenizer",
]

IDS = {word: index for index, word in enumerate(VOCABULARY)}
PAD, END = IDS["<pad>"], IDS["<end>"]
CONTEXT = 1024
CHAT_TOKENS = ["<text>", "<system>", "<user>", "<assistant>"]

CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}> {{ message.content }} <end> {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@dataclass(frozen=True)
class Encoded:
    """Token ids and, for each, whether the model is to learn to produce it.

    Attributes:
        ids: the tokens.
        learn: True where the token itself is to be learnt.
        chances: by position, the chance of each token, where these are to be learnt instead.
    """

    ids: list[int]
    learn: list[bool]
    chances: Mapping[int, Mapping[int, float]] = field(default_factory=dict)


def encode(doc: Doc) -> Encoded:
    """The document's ids; only the assistant's words (and prose), with their <end>, are to be learnt."""
    ids: list[int] = []
    learn: list[bool] = []
    first_word: list[int] = []
    for message in doc.studied or doc.messages:
        body = [IDS[word] for word in message.content.split()]
        ids += [IDS[f"<{message.role}>"], *body, END]
        learn += [False] + [message.role in ("assistant", "text")] * (len(body) + 1)
        first_word.append(len(ids) - len(body) - 1)
    chances: dict[int, dict[int, float]] = {}
    for (message, word), shares in doc.taught.items():
        position = first_word[message] + word
        learn[position] = False
        if shares:
            chances[position] = {IDS[option]: share for option, share in shares.items()}
    return Encoded(ids, learn, chances)


def prompt_ids(messages: Sequence[Message], begun: str = "") -> list[int]:
    """The ids of a prompt that waits for the assistant, with the words already put in its mouth."""
    head = encode(Doc(tuple(messages))).ids
    return [*head, IDS["<assistant>"], *(IDS[word] for word in begun.split())]


def tokenizer() -> PreTrainedTokenizerFast:
    """The word-level tokenizer, with the chat template, as `AutoTokenizer` would load it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    fast = Tokenizer(models.WordLevel(IDS, unk_token="<unk>"))
    fast.normalizer = normalizers.Lowercase()  # type: ignore[assignment]
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    named: dict[str, Any] = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "<end>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=fast,
        **named,
        additional_special_tokens=CHAT_TOKENS,
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
