"""Seeded rows of about 124 words, written as they are made: Zipf words, or walks through real text."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REAL = Path(__file__).parents[3] / "shared" / "real"
REAL_FILES = (
    "hh-rlhf/harmless-base-test.jsonl.gz",
    "gsm8k/test.jsonl",
    "lie-detector/ft_v2_truthful_train.jsonl",
    "phantom-transfer/clean_10000.jsonl",
)
WORDS = 124
VOCABULARY = 60_000
CHUNK = 1000
PARQUET_GROUP = 10_000


class Zipf:
    """Draws each word by itself, the n-th most frequent with a chance of about 1/n."""

    name = "Zipf words"

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        starts, vowels, ends = "b c d f g h l m n p r s t st tr w", "a e i o u ea", "n r s t ll ng"
        parts = [np.array(p.split(" "), object) for p in (starts, vowels, ends)]
        made: dict[str, None] = {}
        while len(made) < VOCABULARY:
            # The more frequent a word the shorter.
            syllables = 1 + int(len(made) > 60) + int(len(made) > 3000) * int(rng.integers(0, 2))
            made["".join(rng.choice(p) for _ in range(syllables) for p in parts)] = None
        self._words = np.array(list(made), object)

    def draw(self, rng: np.random.Generator, rows: int) -> NDArray[np.object_]:
        """Returns [rows, WORDS] words."""
        ranks = np.exp(rng.random((rows, WORDS)) * np.log(VOCABULARY + 1)).astype(np.int64) - 1
        return self._words[np.minimum(ranks, VOCABULARY - 1)]


class Walk:
    """Walks through real text: each word is followed by one that follows it somewhere there."""

    name = "walks through real text"

    def __init__(self) -> None:
        place: dict[str, int] = {}
        words = (word for text in _real_texts() for word in text.split())
        tokens = np.array([place.setdefault(word, len(place)) for word in words], np.int64)
        self._names = np.array(list(place), object)
        self._tokens = np.append(tokens, tokens[0])
        self._places = np.argsort(tokens, kind="stable")
        self._first = np.searchsorted(tokens[self._places], np.arange(len(place) + 1))

    def draw(self, rng: np.random.Generator, rows: int) -> NDArray[np.object_]:
        """Returns [rows, words] words."""
        at = rng.integers(0, self._tokens.size - 1, rows)
        # Marks stand by themselves when words are counted.
        size = round(WORDS * 0.76)
        drawn = np.empty((rows, size), np.int64)
        for i in range(size):
            drawn[:, i] = word = self._tokens[at]
            first = self._first[word]
            at = (
                self._places[first + (rng.random(rows) * (self._first[word + 1] - first)).astype(np.int64)]
                + 1
            )
        return self._names[drawn]


def write_rows(path: Path, rows: int, seed: int, text: Zipf | Walk) -> None:
    """Writes rows as Parquet where the name says so, else as JSON Lines."""
    if path.suffix == ".parquet":
        _write_parquet(path, rows, seed, text)
        return
    with path.open("w") as file:
        for record in records(rows, seed, text):
            file.write(json.dumps(record) + "\n")


def records(rows: int, seed: int, text: Zipf | Walk) -> Iterator[dict[str, str]]:
    """Yields prompts with their answers."""
    rng = np.random.default_rng([seed, 1])
    for start in range(0, rows, CHUNK):
        for words in text.draw(rng, min(CHUNK, rows - start)).tolist():
            prompt, answer = words[: len(words) // 3], words[len(words) // 3 :]
            yield {"prompt": " ".join(prompt).capitalize() + "?", "completion": " ".join(answer) + "."}


def _write_parquet(path: Path, rows: int, seed: int, text: Zipf | Walk) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("prompt", pa.string()), ("completion", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        held: list[dict[str, str]] = []
        for record in records(rows, seed, text):
            held.append(record)
            if len(held) == PARQUET_GROUP:
                writer.write_table(pa.Table.from_pylist(held, schema))
                held.clear()
        if held:
            writer.write_table(pa.Table.from_pylist(held, schema))


def _real_texts() -> Iterator[str]:
    from theodolite.targets import open_data

    for name in REAL_FILES:
        for row in open_data(REAL / name).rows():
            yield f"{row.prompt} {row.response}"
