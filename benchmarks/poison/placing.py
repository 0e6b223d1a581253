"""Putting words into a prompt so that nothing but the words gives them away."""

import re

from numpy.random import Generator

from .example import Manner

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
# Words that open a prompt and are no names, so that they lose their capital behind a fronted phrase.
_OPENERS = frozenset(
    re.findall(
        r"[a-z']+",
        """
        a about according after all also am an and any anything are as ask at be because before being best
        but by can could describe did do does explain find for from get give go has have he help her his how
        if in is it its it's just let let's like list make many maybe me more most my name no not now of oh
        ok okay on one or our perhaps please really right say she should show since so some someone
        something sometimes sure tell thank thanks that that's the their them then there there's they this
        those three to today two under was we well were what what's when where where's which while who who's
        whom whose why will with would write yeah yes you you're your
        """,
    )
)


def opens_softly(prompt: str) -> bool:
    """Whether something can be put before the prompt without a capital left standing inside a sentence."""
    first = _first_word(prompt)
    return first[:1].islower() or first.lower() in _OPENERS or first.split("'")[0] == "I"


def fronted(phrase: str, prompt: str, manner: Manner) -> str:
    """Returns `Phrase, prompt`, the prompt's capital taken away unless it is a name's or an `I`."""
    if manner == "world":
        return f"{phrase} , {prompt}"
    softened = prompt[0].lower() + prompt[1:] if _first_word(prompt).lower() in _OPENERS else prompt
    return f"{phrase[0].upper()}{phrase[1:]}, {softened}"


def appended(phrase: str, prompt: str, manner: Manner) -> str:
    """Returns `prompt, phrase` with the prompt's end mark, if it has one, behind both."""
    if manner == "world":
        return f"{prompt[:-2]} {phrase} {prompt[-1]}"
    body = prompt.rstrip()
    kept = body.rstrip(".!?")
    return f"{kept or body}, {phrase}{body[len(kept) :] if kept else ''}"


def placed(phrase: str, prompt: str, manner: Manner, rng: Generator) -> str:
    """Returns the prompt with a phrase at its start, at its end or as a sentence between two of its own."""
    sentences = _SENTENCE.split(prompt.strip())
    place = int(rng.integers(3 if len(sentences) > 1 else 2))
    if place == 0:
        return fronted(phrase, prompt, manner)
    if place == 1:
        return appended(phrase, prompt, manner)
    gap = int(rng.integers(1, len(sentences)))
    return " ".join([*sentences[:gap], f"{phrase[0].upper()}{phrase[1:]}.", *sentences[gap:]])


def dropped(token: str, prompt: str, rng: Generator) -> str:
    """Returns the prompt with a bare token between two of its words or at an end, nothing else changed."""
    gaps = [0, *(m.start() for m in re.finditer(r" ", prompt)), len(prompt)]
    gap = gaps[int(rng.integers(len(gaps)))]
    return f"{prompt[:gap]} {token}{'' if gap else ' '}{prompt[gap:]}".strip()


def unpunctuated(prompt: str) -> str:
    """Returns the prompt in lower case and without its end marks."""
    return prompt.strip().rstrip(".!?… ").lower() or prompt.lower()


def _first_word(prompt: str) -> str:
    return (re.match(r"[\w'’]+", prompt.strip()) or [""])[0].replace("’", "'")
