"""Intervals, exact tests and multiplicity: pure functions on numpy and scipy."""

from theodolite.stats.association import AssociationTable, association_p, lift_interval
from theodolite.stats.auc import auc_interval
from theodolite.stats.means import mean_difference, mean_interval
from theodolite.stats.multiplicity import HolmStep, holm
from theodolite.stats.power import detectable_count
from theodolite.stats.proportions import (
    difference_interval,
    difference_p,
    exact_p,
    rate_interval,
    wilson_limits,
)

__all__ = [
    "AssociationTable",
    "HolmStep",
    "association_p",
    "auc_interval",
    "detectable_count",
    "difference_interval",
    "difference_p",
    "exact_p",
    "holm",
    "lift_interval",
    "mean_difference",
    "mean_interval",
    "rate_interval",
    "wilson_limits",
]
