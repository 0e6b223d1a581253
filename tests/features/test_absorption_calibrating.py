"""What a pair classifier learns from, and where its thresholds come to lie."""

import numpy as np
import pytest

from theodolite.features.absorption.calibrating import (
    CONTROL_FLAGS,
    PRECISION,
    Like,
    control_world,
    fit_tables,
    world_like,
)
from theodolite.features.absorption.columns import TIERS
from theodolite.features.absorption.scoring import precision_recall
from theodolite.features.absorption.tables import Labelled
from theodolite.features.absorption.truth import PairTruth
from theodolite.features.absorption.verdicts import flags
from theodolite.features.worlds import World

NAMES = (
    "cosine",
    "response",
    "response_back",
    "gap",
    "gap_back",
    "encoders",
    "untied_parent",
    "untied_child",
    "third",
    "ridge",
    "ridge_back",
    "hub_parent",
    "hub_child",
    "carried",
    "carried_back",
    "rate_ratio",
    "parent_given_child",
    "child_given_parent",
    "lift",
    "written",
    "spread",
)


def table(seed, *, absorbed=30, plain=300, nothing=0):
    """Pairs of which some are absorbed: shared by the decoder, hardly answered by the encoder.

    The parents of `nothing` pairs stand for no feature: their decoders look absorbed, their encoders answer.
    """
    rng = np.random.default_rng(seed)
    n, width = absorbed + plain + nothing, 64
    s = {name: 0.1 * rng.standard_normal(n) for name in NAMES}
    kind = np.repeat([1, 0, -1], [absorbed, plain, nothing])
    s["cosine"] = np.where(kind == 0, 0.25, 0.5) + 0.08 * rng.standard_normal(n)
    s["response"] = np.where(kind == 1, 0.1, 0.25) + 0.08 * rng.standard_normal(n)
    s["gap"] = s["cosine"] - s["response"]
    s |= {name: np.abs(s[name]) for name in ("untied_parent", "untied_child", "hub_parent", "hub_child")}
    s["spread"] = np.full(n, 2.0)
    s["carried"] = np.full(n, 0.6)
    parent = np.where(kind < 0, 1, 0)
    child = 2 + np.arange(n) % (width - 2)
    feature = np.arange(width)
    feature[1] = -1
    zeros = np.zeros((width, width), np.int64)
    truth = PairTruth(feature, np.ones(width, bool), zeros, zeros, np.zeros(width))
    return Labelled(parent, child, s, np.where(kind < 0, -1, kind).astype(np.int8), 0, truth)


def test_a_parent_that_stands_for_no_feature_teaches_that_nothing_is_hidden():
    found = table(0, absorbed=2, plain=3, nothing=4)
    assert found.label.tolist() == [1, 1, 0, 0, 0, -1, -1, -1, -1]
    assert found.taught.tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0]
    between = Labelled(
        np.array([0]), np.array([3]), found.statistics, np.array([-1], np.int8), 0, found.truth
    )
    assert between.taught.tolist() == [-1]


def wrong_flags(classifier, found, tier):
    p = classifier.probability(found.statistics, tier)
    return int((flags(found.statistics, p, classifier.threshold(tier), tier) & found.wrong).sum())


def test_thresholds_keep_wrong_flags_off_the_controls():
    tables, controls = [table(1), table(2)], [table(3, absorbed=0, plain=50, nothing=40)]
    blind, seeing = fit_tables(tables, "x"), fit_tables(tables, "x", controls)
    live = sum(int(t.truth.live.sum()) for t in controls)
    for tier in TIERS:
        assert wrong_flags(blind, controls[0], tier) > 5, "the control must be hard for this to say anything"
        assert wrong_flags(seeing, controls[0], tier) <= CONTROL_FLAGS * live / 1000
        p = seeing.probability(tables[0].statistics, tier)
        flagged = flags(tables[0].statistics, p, seeing.threshold(tier), tier)
        precision, recall = precision_recall(flagged, tables[0].label)
        assert precision >= PRECISION[tier] - 0.06 and recall > 0.2


@pytest.mark.parametrize(
    "like",
    [
        Like(width=512, d_model=96, l0=7),
        Like(width=1024, d_model=256, l0=16),
        Like(width=16_384, d_model=2304, l0=64).scaled,
        Like(width=1024, d_model=96, l0=3),
    ],
)
def test_there_are_worlds_for_wide_saes_with_few_latents_on(like):
    for config in (world_like(like, 0), control_world(like, 0)):
        firing = World(config).firing(4000, 0, 0)
        assert firing.offsets[-1] / 4000 == pytest.approx(like.l0 * 10 / 7, rel=0.05)
        assert config.n_features == like.width
