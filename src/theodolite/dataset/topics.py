"""Topics of prompts, found without labels, each compiled into a predicate that stands on its own.

A topic is a weighted word list and a threshold: a row is about it when the weights of the distinct words it
has add up to the threshold. Nothing of the fit is needed to ask that of another row, later or elsewhere.

Fitting: TF-IDF vectors of prompts, reduced by latent semantic analysis (Deerwester et al., JASIS 41, 1990),
or sentence embeddings in their place; spherical k-means (Dhillon and Modha, Machine Learning 42, 2001) at
several sizes, and beside it families: the prompts with one word, and as many again that are nearest to their
mean. With embeddings the words themselves are grouped by meaning as well. Weights are the cautious end of
smoothed log odds of a word inside against outside (Monroe et al., Political Analysis 16, 2008), one for the
words of a stem; the threshold is where the predicate agrees best with what it was compiled from (F1). A
score divided by the root of the prompt's length found less in the benchmarks, so length is left out.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

from theodolite.dataset.pattern import words_of
from theodolite.errors import DataError

__all__ = ["Embedder", "Topic", "fit_topics", "memberships"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Embedder = Callable[[Sequence[str]], NDArray[np.float32]]
"""Returns one vector a text, shape [texts, dimensions]; see `theodolite.dataset.embedding.embed`."""

FEWEST_PROMPTS = 50
"""Distinct prompts below which there are no topics."""
FEWEST_ROWS = 5
"""Prompts that a topic must hold."""
LEAST_F1 = 0.3
"""Agreement with its cluster that a predicate must reach."""
MOST_OVERLAP = 0.9
"""Jaccard of two topics' prompts above which the later one is dropped."""
MOST_WORDS = 60
"""Words of a topic."""
FAMILIES = 200
"""Words tried with the prompts nearest to theirs, the most frequent first."""
_DIMENSIONS = 100
_FAMILY_SHARE, _FAMILY_ROWS = 0.03, 200  # of the prompts that have a family's word, at most
_GROUPED_WORDS, _WORDS_A_GROUP = 3000, (14, 28)
_LARGEST_SHARE = 0.2  # of the prompts: a word in more of them, or a topic of more, says nothing
_LONGEST_WORD = 40
_CAUTION = 1.0  # standard errors taken off a word's log odds
_STEPS = 25
_SUFFIXES = ("ings", "ing", "ies", "ied", "ers", "ery", "er", "ed", "es", "ie", "s", "y", "e")
_UNIT = 1e-6  # scores are added up as whole multiples, so that a row on the threshold is in

_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
        a about after again all also am an and another any anyone anything are aren't as at away back be
        because been before being both but by can can't cannot could couldn't did didn't do does doesn't
        doing don't done down each either else even ever every few for from further get gets getting give go
        goes going good got had has hasn't have haven't having he he's her here him himself his how however i
        i'd i'll i'm i've if in into is isn't it it's its itself just know let let's like lot made make many
        may maybe me mean might mine more most much must my myself need never no nor not now of off oh ok
        okay on once one only or other others our out over own please really right said same say says see she
        she's should shouldn't so some someone something still such sure take tell than that that's the their
        them themselves then there there's these they they're thing things think this those though through to
        too two under until up upon us use very want wants was wasn't way we we're well were weren't what
        what's when where which while who who's whom whose why will with within without won't would wouldn't
        yeah yes yet you you'd you'll you're you've your yours yourself
        """,
    )
)


@dataclass(frozen=True)
class Topic:
    """A predicate: the words' weights in a row, summed over the distinct ones, reach the threshold.

    Raises:
        DataError: no word, a word that `words_of` would not return, one twice, or a number that is no weight.
    """

    words: tuple[tuple[str, float], ...]
    """Words and their positive weights, the most telling first."""
    threshold: float
    """The sum from which a row is about the topic; positive."""

    def __post_init__(self) -> None:
        names = [word for word, _ in self.words]
        numbers = [self.threshold, *(weight for _, weight in self.words)]
        if not names or len(set(names)) < len(names) or any(words_of(word) != [word] for word in names):
            raise DataError(f"{names[:5]} is no list of distinct words", "give words as `words_of` returns")
        if any(not _UNIT <= number < 1e6 for number in numbers):
            raise DataError(
                "a topic has a weight or threshold that is not positive", "give numbers from 1e-6 to 1e6"
            )

    @property
    def value(self) -> str:
        """`threshold word=weight word=weight …`, which `parse` reads back without loss."""
        return " ".join([repr(float(self.threshold)), *(f"{word}={weight!r}" for word, weight in self.words)])

    @property
    def name(self) -> str:
        """The most telling words, one of a stem, for a person."""
        first: dict[str, str] = {}
        for word, _ in self.words:
            first.setdefault(_stem(word), word)
        return ", ".join([*first.values()][:4])

    @staticmethod
    def parse(value: str) -> Topic:
        """Returns the topic whose `value` this is.

        Raises:
            DataError: it is the value of no topic.
        """
        first, *rest = value.split(" ")
        pairs = [part.rpartition("=") for part in rest]
        try:
            return Topic(tuple((word, float(weight)) for word, _, weight in pairs), float(first))
        except ValueError as error:
            raise DataError(
                f"{value[:60]!r} is no topic", "write `threshold word=weight word=weight …`"
            ) from error


def memberships(topics: Sequence[Topic], word_lists: Iterable[Collection[str]]) -> BoolArray:
    """Returns which row is about which topic, shape [rows, topics]; each row is given by its words."""
    places = {word: i for i, word in enumerate(dict.fromkeys(w for t in topics for w, _ in t.words))}
    present = _presence(word_lists, places)
    weights = np.zeros((len(places), len(topics)), np.int64)
    for column, topic in enumerate(topics):
        for word, weight in topic.words:
            weights[places[word], column] = round(weight / _UNIT)
    bounds = np.array([round(topic.threshold / _UNIT) for topic in topics], np.int64)
    inside = np.zeros((present.shape[0], len(topics)), bool)
    for start in range(0, len(inside), 4096):
        part = slice(start, start + 4096)
        inside[part] = np.asarray(present[part] @ weights) >= bounds
    return inside


def fit_topics(
    prompts: Sequence[str],
    sizes: Sequence[int] = (25, 75, 200),
    seed: int = 0,
    most: int = 20_000,
    embeddings: Embedder | None = None,
) -> list[Topic]:
    """Returns the topics of prompts, no two alike; none for fewer than 50 distinct prompts.

    The order of the prompts and how often each occurs make no difference.

    Args:
        prompts: of suspect and control together, so that topics do not know which is which.
        sizes: numbers of clusters; a size is left out where clusters would hold fewer than 5 prompts.
        seed: of the sample and of the clusters' starts.
        most: distinct prompts to fit on; of more, the same sample is taken each time.
        embeddings: finds clusters by meaning in place of common words; the predicates remain word lists.
            Called with the sample, and with up to 3,000 single words.

    Raises:
        DataError: the embeddings are not one finite vector a text.
    """
    sample = _sampled(prompts, most, seed)
    if len(sample) < FEWEST_PROMPTS:
        return []
    words = _Words([_content(prompt) for prompt in sample])
    if len(words.words_of_stem) < 2:
        return []
    rng = np.random.default_rng(seed)
    vectors = _reduced(words.stems, rng) if embeddings is None else _embedded(embeddings, sample)
    groups = [_families(words.stems, vectors)]
    for size in sizes:
        if size * FEWEST_ROWS <= len(sample):
            groups.append(_clusters(vectors, size, rng)[:, None] == np.arange(size))
    topics = _compiled(words, np.concatenate(groups, axis=1))
    if embeddings is not None:
        topics = [*_word_groups(words, embeddings, rng), *topics]
    return _distinct(topics, words)


def _sampled(prompts: Sequence[str], most: int, seed: int) -> list[str]:
    """The distinct prompts with the smallest hashes, in the hashes' order."""
    salt = (seed % 2**64).to_bytes(8, "little")

    def number(prompt: str) -> bytes:
        return blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=16, salt=salt).digest()

    return heapq.nsmallest(most, set(prompts), key=number)


def _content(prompt: str) -> set[str]:
    """The words that can say what a prompt is about: no marks, numbers, function words, single letters."""
    return {
        word
        for word in words_of(prompt)
        if 1 < len(word) <= _LONGEST_WORD
        and not word[0].isdigit()
        and word.replace("’", "'") not in _FUNCTION_WORDS
    }


class _Words:
    """Which words, and which stems, the prompts have."""

    def __init__(self, word_sets: Sequence[Collection[str]]) -> None:
        counts = Counter(word for words in word_sets for word in words)
        rare_enough = _LARGEST_SHARE * len(word_sets)
        self.names = sorted(word for word, n in counts.items() if n <= rare_enough)
        self.present = _presence(word_sets, {word: i for i, word in enumerate(self.names)})
        self.counts = np.asarray(self.present.sum(0)).ravel()
        families: dict[str, list[int]] = {}
        for i in np.argsort(-self.counts, kind="stable").tolist():
            families.setdefault(_stem(self.names[i]), []).append(i)
        self.words_of_stem = [np.array(members) for members in families.values()]
        columns = [column for column, members in enumerate(self.words_of_stem) for _ in members]
        belongs = (np.ones(len(columns), np.int64), (np.concatenate([[], *self.words_of_stem]), columns))
        self.stems = sparse.csr_matrix(
            self.present @ sparse.csr_matrix(belongs, shape=(len(columns), len(families)))
        )
        self.stems.data[:] = 1


def _stem(word: str) -> str:
    """The word without an English ending, where three letters remain: what shares it is of one family."""
    word = re.sub(r"['’]s$", "", word)
    suffix = next((x for x in _SUFFIXES if word.endswith(x) and len(word) - len(x) >= 3), "")
    stem = word.removesuffix(suffix)
    return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "sl" else stem


def _presence(word_lists: Iterable[Collection[str]], places: dict[str, int]) -> sparse.csr_matrix:
    """Rows by words, 1 where a row has the word."""
    columns, ends = list[int](), [0]
    for words in word_lists:
        columns += {places[word] for word in words if word in places}
        ends.append(len(columns))
    ones = np.ones(len(columns), np.int64)
    return sparse.csr_matrix((ones, columns, ends), shape=(len(ends) - 1, len(places)))


def _reduced(present: sparse.csr_matrix, rng: np.random.Generator) -> FloatArray:
    """TF-IDF of presence, rows of length 1, projected on the strongest directions; rows of length 1."""
    n, n_words = present.shape
    rarity = np.log((1 + n) / (1 + np.asarray(present.sum(0)).ravel())) + 1
    weighted = sparse.csr_matrix(present.multiply(rarity), dtype=float)
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    weighted = sparse.diags_array(1 / np.maximum(lengths, 1e-12)) @ weighted
    k = min(_DIMENSIONS, n - 1, n_words - 1)
    left, strengths, _ = svds(weighted, k=k, v0=rng.standard_normal(min(n, n_words)))
    return _unit(left * strengths)


def _unit(vectors: FloatArray) -> FloatArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _clusters(vectors: FloatArray, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Spherical k-means from distant starts; a centre that loses its prompts stays where it was."""
    centres = _distant(vectors, size, rng)
    nearest = np.argmax(vectors @ centres.T, axis=1)
    for _ in range(_STEPS):
        member = (np.ones(len(nearest)), (nearest, np.arange(len(nearest))))
        sums = np.asarray(sparse.csr_matrix(member, shape=(size, len(nearest))) @ vectors)
        held = np.bincount(nearest, minlength=size) > 0
        centres[held] = _unit(sums[held])
        before, nearest = nearest, np.argmax(vectors @ centres.T, axis=1)
        if np.array_equal(before, nearest):
            break
    return nearest


def _distant(vectors: FloatArray, size: int, rng: np.random.Generator) -> FloatArray:
    """k-means++ starts: each new one drawn by its distance from those there are."""
    chosen = [int(rng.integers(len(vectors)))]
    gaps = np.full(len(vectors), np.inf)
    for _ in range(size - 1):
        gaps = np.minimum(gaps, np.clip(1 - vectors @ vectors[chosen[-1]], 0, None))
        total = gaps.sum()
        chosen.append(int(rng.choice(len(vectors), p=gaps / total if total > 0 else None)))
    return vectors[chosen].copy()


def _families(stems: sparse.csr_matrix, vectors: FloatArray) -> BoolArray:
    """The prompts of each of the most frequent stems that are specific, and as many again near to them."""
    n, counts = stems.shape[0], np.asarray(stems.sum(0)).ravel()
    able = np.flatnonzero((counts >= FEWEST_ROWS) & (counts <= min(_FAMILY_SHARE * n, _FAMILY_ROWS)))
    able = able[np.argsort(-counts[able], kind="stable")][:FAMILIES]
    own = stems[:, able]
    near = vectors @ _unit(np.asarray(own.T @ vectors)).T
    near[own.toarray() > 0] = np.inf
    bounds = [np.partition(near[:, j], -held)[-held] for j, held in enumerate(2 * counts[able])]
    return near >= np.array(bounds)


def _word_groups(words: _Words, embeddings: Embedder, rng: np.random.Generator) -> list[Topic]:
    """Words of similar meaning, any of which makes a prompt one of the topic."""
    able = np.flatnonzero(words.counts >= 3)
    able = able[np.argsort(-words.counts[able], kind="stable")][:_GROUPED_WORDS]
    names = [words.names[i] for i in able]
    vectors = _embedded(embeddings, names)
    topics = list[Topic]()
    for held in _WORDS_A_GROUP:
        size = len(able) // held
        if size >= 2:
            group = _clusters(vectors, size, rng)
            members = ([names[i] for i in np.flatnonzero(group == j)[:MOST_WORDS]] for j in range(size))
            topics += [Topic(tuple((word, 1.0) for word in one), 1.0) for one in members if one]
    return topics


def _embedded(embeddings: Embedder, texts: Sequence[str]) -> FloatArray:
    vectors = np.asarray(embeddings(texts), float)
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        raise DataError(
            f"embeddings of {len(texts)} texts have shape {vectors.shape} or are not finite",
            "return one finite vector a text",
        )
    return _unit(vectors)


def _compiled(words: _Words, groups: BoolArray) -> list[Topic]:
    """One topic a group of prompts, where a word list can tell the group."""
    topics = list[Topic]()
    counts = np.asarray(words.stems.sum(0)).ravel()
    inside = np.asarray(words.stems.T @ groups.astype(float))
    for column in range(groups.shape[1]):
        members = groups[:, column]
        if members.sum() < FEWEST_ROWS:
            continue
        stems, stem_weights = _weights(inside[:, column], counts, int(members.sum()), len(members))
        if stems.size:
            own = [words.words_of_stem[i] for i in stems]
            chosen = np.concatenate(own)[:MOST_WORDS]
            weights = np.repeat(stem_weights, [len(x) for x in own])[:MOST_WORDS]
            score = np.asarray(words.present[:, chosen] @ np.rint(weights * 100))
            f1, threshold = _best_threshold(score, members)
            if f1 >= LEAST_F1:
                pairs = zip((words.names[i] for i in chosen), weights.tolist(), strict=True)
                topics.append(Topic(tuple(pairs), threshold / 100))
    return topics


def _weights(
    inside: FloatArray, counts: NDArray[np.int64], n_inside: int, n: int
) -> tuple[NDArray[np.int64], FloatArray]:
    """Words by what they tell of the group (weight times prompts), and their weights to two digits."""
    outside, n_outside = counts - inside, n - n_inside
    odds = np.log((inside + 0.5) / (n_inside - inside + 0.5)) - np.log(
        (outside + 0.5) / (n_outside - outside + 0.5)
    )
    error = np.sqrt(1 / (inside + 0.5) + 1 / (outside + 0.5))
    cautious = np.round(odds - _CAUTION * error, 2)
    telling = np.where(inside >= 2, cautious * inside, 0)
    order = np.argsort(-telling, kind="stable")[:MOST_WORDS]
    chosen = order[(telling[order] > 0) & (cautious[order] >= 0.01)]
    return chosen, cautious[chosen]


def _best_threshold(score: FloatArray, members: BoolArray) -> tuple[float, float]:
    """The F1 that the best threshold above zero reaches, and that threshold, which is a score itself."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    hits = np.cumsum(members[order])
    ends = np.flatnonzero(np.diff(ranked, append=-math.inf) < 0)
    ends = ends[ranked[ends] > 0]
    if not ends.size:
        return 0.0, 0.0
    f1 = 2 * hits[ends] / (ends + 1 + members.sum())
    best = int(np.argmax(f1))
    return float(f1[best]), float(ranked[ends[best]])


def _distinct(topics: Sequence[Topic], words: _Words) -> list[Topic]:
    """Those with enough prompts and not too many, without those that hold nearly the same as an earlier."""
    names, present = np.array(words.names, dtype=object), words.present
    rows = [names[present.indices[a:b]] for a, b in zip(present.indptr, present.indptr[1:], strict=False)]
    inside = memberships(topics, rows).astype(np.float32)
    held = inside.sum(0)
    shared = inside.T @ inside
    jaccard = shared / np.maximum(held[:, None] + held - shared, 1)
    kept = list[int]()
    for i in range(len(topics)):
        right_size = FEWEST_ROWS <= held[i] <= _LARGEST_SHARE * len(rows)
        if right_size and not np.any(jaccard[i, kept] > MOST_OVERLAP):
            kept.append(i)
    return [topics[i] for i in kept]
