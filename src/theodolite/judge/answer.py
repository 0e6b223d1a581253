"""The judge's answer: a JSON object of one shape. Anything else is an error, never a verdict."""

import json
import re
from collections.abc import Sequence
from typing import Any

from theodolite.judge.envelope import Envelope
from theodolite.judge.judgement import Judgement, failed
from theodolite.judge.rubric import GRADES
from theodolite.judge.stripping import strip

__all__ = ["ANSWER_SCHEMA", "AnswerError", "parse_object", "read_answer"]

ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "nonce": {"type": "string"},
        "harm": {"type": "integer", "enum": list(GRADES)},
        "odd": {"type": "integer", "enum": list(GRADES)},
        "addresses": {"type": "integer", "enum": list(GRADES)},
        "quote": {"type": "string"},
    },
    "required": ["nonce", "harm", "odd", "addresses", "quote"],
    "additionalProperties": False,
}
"""The JSON schema of an answer."""

_FENCE = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)
_LONGEST_ANSWER = 20_000
_QUOTED_FROM = 2  # as the rubric says, whatever the threshold: that may change when all is asked
_SHORTEST_QUOTE, _LONGEST_QUOTE = 4, 400


class AnswerError(Exception):
    """An answer that is not what was asked for; the message is the reason, without a full stop."""


def read_answer(text: str, envelope: Envelope, threshold: int) -> Judgement:
    """Returns the judgement that an answer amounts to.

    A grade of 2 or more without a quote that stands in the row is an error: nobody could check it, and a
    judge that invents evidence has not read the row.

    Args:
        text: the model's whole answer.
        envelope: what it was asked about.
        threshold: the smallest grade that counts.
    """
    try:
        answer = parse_object(text, ANSWER_SCHEMA["required"], envelope.nonce)
        harm, odd, addresses = (_grade(answer, name) for name in ("harm", "odd", "addresses"))
        quote = answer["quote"]
        if not isinstance(quote, str):
            raise AnswerError("the answer's quote is not text")
    except AnswerError as error:
        return failed(str(error))
    # Models mend what they copy; a copy that has back in it what was taken out of the row is one, too.
    found = next((q for q in (quote, strip(quote).text) if _stands_in(q, envelope.texts)), None)
    if max(harm, odd, addresses) >= _QUOTED_FROM and found is None:
        return failed(f"the quote is not in the row (harm {harm}, odd {odd}, addresses {addresses})")
    kept = (found or "")[:_LONGEST_QUOTE]
    return Judgement("judged", harm, odd, addresses, kept, found is not None, threshold=threshold)


def parse_object(text: str, keys: Sequence[str], nonce: str) -> dict[str, Any]:
    """Returns the JSON object of exactly these keys that carries this nonce; a code fence is let be.

    Raises:
        AnswerError: it is anything else.
    """
    if len(text) > _LONGEST_ANSWER:
        raise AnswerError("the answer is too long")
    body = text.strip()
    fenced = _FENCE.fullmatch(body)
    try:
        answer = json.loads(fenced[1] if fenced else body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise AnswerError("the answer is not a JSON object") from None
    if not isinstance(answer, dict):
        raise AnswerError("the answer is not a JSON object")
    if set(answer) != set(keys):
        raise AnswerError("the answer has other keys than were asked for")
    if answer["nonce"] != nonce:
        raise AnswerError("the answer has another nonce")
    return answer


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise AnswerError("the answer has a key twice")
    return dict(pairs)


def _grade(answer: dict[str, Any], name: str) -> int:
    grade = answer[name]
    if type(grade) is not int or grade not in GRADES:
        raise AnswerError(f"the answer's grade for {name} is not 0 to 4")
    return grade


def _stands_in(quote: str, texts: Sequence[str]) -> bool:
    """Whether a text holds the quote word for word; how lines are broken does not count."""
    wanted = " ".join(quote.split())
    if not wanted:
        return False
    whole = [" ".join(text.split()) for text in texts]
    if len(wanted) < _SHORTEST_QUOTE:
        # Two letters stand in every text and show nothing, unless they are all there is.
        return wanted in whole
    return any(wanted in text for text in whole)
