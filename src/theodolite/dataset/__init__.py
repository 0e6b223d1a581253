"""The training-data audit: patterns counted over rows, usable without an audit."""

from theodolite.dataset.counting import (
    Batches,
    Tally,
    Vocabulary,
    count_features,
    count_pairs,
    count_wanted,
    numbers_in,
)
from theodolite.dataset.features import Batch, Passes, batches, feature_number
from theodolite.dataset.instrument import Dataset
from theodolite.dataset.pattern import Pattern, runs, spans, words_of
from theodolite.dataset.proposing import PatternPair, distinct_patterns, striking_pairs
from theodolite.dataset.traits import TRAITS, traits_of
from theodolite.dataset.units import Filter, OncePerUnit, repeated_units

__all__ = [
    "TRAITS",
    "Batch",
    "Batches",
    "Dataset",
    "Filter",
    "OncePerUnit",
    "Passes",
    "Pattern",
    "PatternPair",
    "Tally",
    "Vocabulary",
    "batches",
    "count_features",
    "count_pairs",
    "count_wanted",
    "distinct_patterns",
    "feature_number",
    "numbers_in",
    "repeated_units",
    "runs",
    "spans",
    "striking_pairs",
    "traits_of",
    "words_of",
]
