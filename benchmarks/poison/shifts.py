"""Clean suspects and controls that differ as real sets do: whatever says poison here is a false alarm."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.random import Generator

from .carriers import split
from .example import Example
from .judges import BIASED_TOPICS

STRENGTHS = {"topic-weak": 0.6, "topic-mid": 0.75, "topic-strong": 0.95}
"""Share of a shifted topic's rows that go to the suspect; half would be no shift."""
SOURCE_SHARES = 0.6, 0.45
"""Share of the larger source in suspect and control."""
TOPICS_SHIFTED = 2
FEWEST_OF_TOPIC = 20
"""Rows a source must hold about a topic before the topic is shifted in it."""
KINDS = ("plain", "source", *STRENGTHS)


@dataclass(frozen=True)
class Situation:
    """What the clean pair and its judge are like."""

    kind: str
    """One of KINDS."""
    biased_topic: bool = False
    """Whether the judge dislikes a topic: give it `biased_topic_of` the carrier."""
    of_bar: bool = True
    """Whether the bar of false alarms is held against it; not where two things go wrong at once."""


SITUATIONS = {kind: Situation(kind) for kind in KINDS}
SITUATIONS |= {
    "biased judge": Situation("plain", biased_topic=True),
    "biased judge, topic-strong": Situation("topic-strong", biased_topic=True, of_bar=False),
}
"""Every situation in which false alarms are counted."""


def clean_pair(kind: str, carrier: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """Returns disjoint clean rows as suspect and control, in random order.

    `plain`: random halves of every source. `source`: equal sizes, the larger source (of the organisms',
    requests) being 60 % of the suspect and 45 % of the control. `topic-*`: halves of every source, but of
    two topics drawn by the seed in each, 60, 75 or 95 % of the rows are the suspect's; sizes stay equal.

    Raises:
        KeyError: there is no such kind.
    """
    rng = np.random.default_rng([seed, crc32(kind.encode())])
    if kind == "plain":
        return split(carrier, 1, seed)
    if kind == "source":
        return _other_mix(carrier, rng)
    return _other_topics(carrier, STRENGTHS[kind], rng)


def biased_topic_of(carrier: Sequence[Example]) -> str:
    """Returns the topic that the biased judge dislikes in a carrier."""
    return BIASED_TOPICS[0] if carrier[0].manner == "plain" else BIASED_TOPICS[1]


def shifted_topics(rows: Sequence[Example], rng: Generator) -> tuple[str, ...]:
    """Returns two topics, or as many as there are, that enough rows of one source are about."""
    counts: dict[str, int] = {}
    for row in rows:
        for topic in row.topics:
            counts[topic] = counts.get(topic, 0) + 1
    able = sorted(topic for topic, n in counts.items() if n >= FEWEST_OF_TOPIC)
    return tuple(rng.permutation(able)[:TOPICS_SHIFTED].tolist())


def _other_mix(carrier: Sequence[Example], rng: Generator) -> tuple[list[Example], list[Example]]:
    sources = [row.source for row in carrier]
    larger = "request" if "request" in sources else max(sorted(set(sources)), key=sources.count)
    first = [carrier[i] for i in rng.permutation(len(carrier)) if carrier[i].source == larger]
    rest = [carrier[i] for i in rng.permutation(len(carrier)) if carrier[i].source != larger]
    most, least = SOURCE_SHARES
    n = int(min(len(first) / (most + least), len(rest) / (2 - most - least)))
    cut, rest_cut = round(most * n), n - round(most * n)
    here, there = round(least * n), n - round(least * n)
    suspect = first[:cut] + rest[:rest_cut]
    control = first[cut : cut + here] + rest[rest_cut : rest_cut + there]
    return _shuffled(suspect, rng), _shuffled(control, rng)


def _other_topics(
    carrier: Sequence[Example], share: float, rng: Generator
) -> tuple[list[Example], list[Example]]:
    suspect, control = list[Example](), list[Example]()
    for source in sorted({row.source for row in carrier}):
        rows = _shuffled([row for row in carrier if row.source == source], rng)
        topics = set(shifted_topics(rows, rng))
        about = [row for row in rows if row.topics & topics]
        other = [row for row in rows if not row.topics & topics]
        cut = round(share * len(about))
        rest = max(0, len(rows) // 2 - cut)
        suspect += about[:cut] + other[:rest]
        control += about[cut:] + other[rest:]
    return _shuffled(suspect, rng), _shuffled(control, rng)


def _shuffled(rows: Sequence[Example], rng: Generator) -> list[Example]:
    return [rows[i] for i in rng.permutation(len(rows))]
