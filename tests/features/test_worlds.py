"""Rows of synthetic worlds against the definitions of what fires, how strongly and in which direction."""

import time

import numpy as np
import pytest
import torch
from scipy import stats as sps
from scipy.sparse import csr_array

from theodolite.errors import SpecError
from theodolite.features.activations import Activations
from theodolite.features.worlds import (
    PRESETS,
    Contexts,
    Magnitudes,
    Pairs,
    Trees,
    World,
    WorldConfig,
    max_coherence,
    named_world,
)
from theodolite.features.worlds.events import factor_values, given_factor

ROWS = 200_000


def fired(world, rows=ROWS, seed=1):
    """A sparse boolean matrix as integers: which feature fires in which row."""
    firing = world.firing(rows, seed, 0)
    ones = np.ones(firing.indices.size, np.int64)
    return csr_array((ones, firing.indices, firing.offsets), shape=(rows, world.n_features))


def together(on):
    return np.asarray((on.T @ on).todense())


def z_scores(counts, rate, rows):
    return (counts - rows * rate) / np.sqrt(rows * rate * (1 - rate))


@pytest.fixture(scope="module")
def absorption():
    world = World("absorption")
    return world, together(fired(world))


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"synthsae"}))
def test_every_feature_fires_at_its_rate(name):
    world = World(name)
    on = np.asarray(fired(world).sum(axis=0)).ravel()
    z = z_scores(on, world.structure.rate, ROWS)
    assert np.abs(z).max() < 5
    assert 0.8 < np.mean(z**2) < 1.25
    assert world.structure.rate.sum() == pytest.approx(world.config.l0)


def test_contexts_change_neither_rates_nor_hierarchy():
    config = WorldConfig(
        d_model=16,
        n_features=80,
        l0=6,
        forest=(
            Trees(count=4, branching=3, depth=2, cover=(0.5, 0.9), exclusive=0.5, parent_given_child=(0.8,)),
        ),
        pairs=(Pairs(count=4, firing="correlated"), Pairs(count=3, firing="exclusive")),
        contexts=Contexts(count=3, loading=0.8, share=0.7),
    )
    world = World(config)
    structure, both = world.structure, together(fired(world))
    assert np.abs(z_scores(np.diag(both), structure.rate, ROWS)).max() < 4.5
    parent, child = structure.edges.T
    loyal = 1 - structure.without_parent[child] / structure.rate[child]
    assert set(loyal.round(6)) == {0.8, 1.0}
    assert both[parent, child] / np.diag(both)[child] == pytest.approx(loyal, abs=0.03)


def test_no_feature_fires_twice_in_a_row(absorption):
    world, _ = absorption
    assert fired(world, 20_000).max() == 1


def test_children_fire_with_their_parents_and_stray_as_often_as_asked(absorption):
    world, both = absorption
    structure = world.structure
    parent, child = structure.edges.T
    loyal = 1 - structure.without_parent[child] / structure.rate[child]
    strict = loyal == 1
    n = np.diag(both)
    assert (both[parent, child] == n[child])[strict].all()
    assert sorted(set(loyal.round(6))) == [0.85, 0.95, 1.0]
    k = both[parent, child][~strict]
    assert np.abs(z_scores(k, loyal[~strict], n[child][~strict])).max() < 4.5


def test_children_cover_what_they_should(absorption):
    world, both = absorption
    structure = world.structure
    for parent in np.flatnonzero((structure.parent < 0) & np.isin(np.arange(256), structure.parent))[:26]:
        child = np.flatnonzero(structure.parent == parent)
        cover = both[parent, child].sum() / both[parent, parent]
        assert min(abs(cover - c) for c in (0.3, 0.6, 0.85)) < 0.04


def test_exclusive_siblings_never_fire_together_and_others_do(absorption):
    world, both = absorption
    structure = world.structure
    for parent in np.unique(structure.parent[structure.parent >= 0]):
        child = np.flatnonzero(structure.parent == parent)
        a, b = child[:2]
        if structure.exclusive[parent]:
            assert both[a, b] == 0
        elif structure.without_parent[a] == 0:
            expected = structure.rate[parent] * structure.given_parent[a] * structure.given_parent[b]
            assert abs(z_scores(both[a, b], expected, ROWS)) < 4.5
    assert 0 < structure.exclusive.sum() < np.unique(structure.parent).size - 1


def test_pairs_fire_as_they_are_called(absorption):
    world, both = absorption
    structure = world.structure
    cosine = np.einsum("ij,ij->i", *(world.directions[structure.pairs[:, side]] for side in (0, 1)))
    for i, ((a, b), kind) in enumerate(zip(structure.pairs, structure.pair_kind, strict=True)):
        p, q, r = both[a, b] / ROWS, both[a, a] / ROWS, both[b, b] / ROWS
        if kind.firing == "exclusive":
            assert p == 0
        elif kind.firing == "correlated":
            phi = (p - q * r) / np.sqrt(q * (1 - q) * r * (1 - r))
            assert phi == pytest.approx(structure.pair_strength[i], abs=0.04)
        elif kind.firing == "implied":
            assert p / r == pytest.approx(structure.pair_strength[i], abs=0.05)
        else:
            assert abs(z_scores(both[a, b], q * r, ROWS)) < 4.5
        if kind.cosine:
            assert cosine[i] == pytest.approx(kind.cosine, abs=1e-5)


def test_features_of_a_clean_world_fire_independently():
    world = World("clean")
    both = together(fired(world))
    rate = np.diag(both) / ROWS
    sd = np.sqrt(rate * (1 - rate))
    z = (np.sqrt(ROWS) * (both / ROWS - np.outer(rate, rate)) / np.outer(sd, sd))[np.triu_indices(192, 1)]
    assert np.mean(z) == pytest.approx(0, abs=0.03)
    assert np.mean(z**2) == pytest.approx(1, abs=0.05)


def test_contexts_are_a_gaussian_copula():
    loading = 0.6
    config = WorldConfig(
        d_model=8,
        n_features=40,
        l0=4,
        rates=(0.02, 0.3),
        contexts=Contexts(count=2, loading=loading),
        magnitudes=Magnitudes(law="constant"),
    )
    world = World(config)
    rate, both = world.structure.rate, together(fired(world)) / ROWS
    phi = (both - np.outer(rate, rate)) / np.sqrt(np.outer(rate * (1 - rate), rate * (1 - rate)))
    inside = phi > 0.04
    np.fill_diagonal(inside, False)
    assert inside.sum() == 2 * 20 * 19
    gaussian = sps.multivariate_normal(cov=[[1, loading**2], [loading**2, 1]])
    for a, b in np.argwhere(np.triu(inside))[::20]:
        expected = gaussian.cdf(sps.norm.ppf(rate[[a, b]]))
        assert abs(z_scores(both[a, b] * ROWS, expected, ROWS)) < 4.5
    apart = ~inside & ~np.eye(40, dtype=bool)
    assert np.abs(phi[apart]).max() < 0.015


@pytest.mark.parametrize("rates", [(0.3, 0.3), (0.05, 0.02), (1e-3, 1e-3)])
@pytest.mark.parametrize("loading", [0.3, 0.8])
def test_the_factor_is_gaussian_for_rare_features_too(rates, loading):
    rate, weights = np.asarray(rates), factor_values()[1]
    table = given_factor(rate, loading)
    assert weights @ table == pytest.approx(rate)
    gaussian = sps.multivariate_normal(cov=[[1, loading**2], [loading**2, 1]])
    assert weights @ table.prod(axis=1) == pytest.approx(gaussian.cdf(sps.norm.ppf(rate)), rel=1e-3)


def test_rates_without_trees_follow_zipf():
    rate = np.sort(World(WorldConfig(d_model=8, n_features=300, l0=2, zipf_exponent=0.8)).structure.rate)[
        ::-1
    ]
    slope = np.polyfit(np.log(np.arange(1, 301)), np.log(rate), 1)[0]
    assert slope == pytest.approx(-0.8, abs=1e-9)
    config = WorldConfig(
        d_model=8, n_features=300, l0=4, zipf_exponent=0.5, rates=(1e-3, 0.5), reach_floor=True
    )
    shifted = np.sort(World(config).structure.rate)[::-1]
    law = np.arange(1, 301) ** -0.5
    assert shifted[-1] == pytest.approx(1e-3)
    assert np.corrcoef(shifted, law)[0, 1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("law", "distribution"),
    [
        ("half_normal", sps.halfnorm(scale=np.sqrt(np.pi / 2))),
        ("normal", sps.norm(1, 0.25)),
        ("log_normal", sps.lognorm(0.25, scale=np.exp(-(0.25**2) / 2))),
    ],
)
def test_magnitudes_have_their_law_and_mean(law, distribution):
    config = named_world("clean").model_copy(update={"magnitudes": Magnitudes(law=law)})
    world = World(config)
    firing = world.firing(20_000, 3, 0)
    scaled = firing.values / world.mean_magnitude[firing.indices]
    assert sps.kstest(scaled[::5], distribution.cdf).pvalue > 1e-4
    assert scaled.mean() == pytest.approx(1, abs=0.01)
    low, high = config.magnitudes.mean
    assert low <= world.mean_magnitude.min() < world.mean_magnitude.max() <= high


def test_magnitudes_can_be_constant_and_follow_the_parent():
    constant = named_world("small").model_copy(update={"magnitudes": Magnitudes(law="constant")})
    world = World(constant)
    firing = world.firing(2000, 3, 0)
    assert (firing.values == world.mean_magnitude[firing.indices]).all()
    tree = WorldConfig(
        d_model=4,
        n_features=2,
        l0=0.75,
        forest=(Trees(count=1, branching=1, root_rate=(0.5, 0.5), cover=(0.5,)),),
        magnitudes=Magnitudes(law="log_normal", children_follow=True, spread=0.5),
    )
    dense = World(tree).firing(50_000, 0, 0).dense().double().log().numpy()
    dense = dense[np.isfinite(dense[:, 1])]
    # log child = log own + log parent, so the correlation of equal variances is 1 / sqrt(2)
    assert np.corrcoef(dense.T)[0, 1] == pytest.approx(0.5**0.5, abs=0.02)


def test_rows_depend_on_the_seed_and_their_number_alone():
    world = World("small")
    whole, firing = world.sample(96, 7, 0)
    parts = [world.sample(32, 7, number)[0] for number in range(3)]
    assert torch.equal(whole, torch.cat(parts))
    assert torch.equal(next(world.batches(32, seed=7, start=2)), parts[2])
    assert torch.equal(World("small").sample(96, 7, 0)[0], whole)
    assert not torch.equal(world.sample(96, 8, 0)[0], whole)
    assert not torch.equal(World(named_world("small", seed=1)).sample(96, 7, 0)[0], whole)
    again = WorldConfig.model_validate_json(world.config.model_dump_json())
    assert torch.equal(World(again).sample(96, 7, 0)[0], whole)
    assert whole.dtype == torch.float32
    assert firing.offsets[-1] == firing.indices.size == firing.values.size


def test_activations_are_directions_times_magnitudes_and_bias_and_noise():
    config = named_world("small").model_copy(update={"noise": 0.0, "bias": 2.0, "d_model": 63})
    world = World(config)
    x, firing = world.sample(500, 0, 3)
    expected = firing.dense().double() @ torch.from_numpy(world.directions).double()
    expected += torch.from_numpy(world.bias)
    torch.testing.assert_close(x.double(), expected, atol=1e-5, rtol=1e-5)
    assert np.linalg.norm(world.bias) == pytest.approx(2, rel=1e-5)
    noisy, same = World(config.model_copy(update={"noise": 0.3})).sample(500, 0, 3)
    assert (same.indices == firing.indices).all()
    noise = ((noisy - x) / 0.3).numpy()
    assert sps.kstest(noise.ravel(), sps.norm.cdf).pvalue > 1e-4
    assert np.abs(np.corrcoef(noise.T) - np.eye(63)).max() < 0.25


def test_directions_are_unit_and_can_be_pushed_apart():
    base = WorldConfig(d_model=48, n_features=128, l0=3)
    random, apart = (World(base.model_copy(update={"coherence_steps": s})).directions for s in (0, 60))
    for rows in (random, apart):
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert max_coherence(apart) < 0.65 * max_coherence(random)
    few = World(base.model_copy(update={"n_features": 40, "coherence_steps": 1})).directions
    assert max_coherence(few) < 1e-5


def test_directions_of_a_crowded_world_do_not_coincide():
    crowded = WorldConfig(d_model=32, n_features=512, l0=3, coherence_steps=20)
    random = crowded.model_copy(update={"coherence_steps": 0})
    assert max_coherence(World(crowded).directions) < 0.8 * max_coherence(World(random).directions)


def test_a_world_is_a_source_of_activations_without_end():
    source: Activations = World("small")
    assert (source.d_model, source.tokens) == (64, None)
    assert next(source.batches(10, seed=0)).shape == (10, 64)


def test_rows_come_faster_than_a_training_step_eats_them():
    world = World("medium")
    world.sample(64, 0, 0)
    start = time.process_time()
    world.sample(4096, 0, 1)
    assert 4096 / (time.process_time() - start) > 15_000


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: World("smal"), "small"),
        (lambda: named_world("small", seed=-1), "seed -1"),
        (lambda: WorldConfig(d_model=8, n_features=5, l0=1, pairs=(Pairs(count=3),)), "only 5"),
        (lambda: World(WorldConfig(d_model=8, n_features=5, l0=4)), "choose l0 between"),
        (lambda: WorldConfig(d_model=8, n_features=5, l0=1, rates=(0.5, 0.1)), "rates"),
        (lambda: Trees(count=1, branching=2, cover=(1.5,)), "cover"),
        (lambda: Trees(count=1, branching=2, parent_given_child=(0.0,)), "parent_given_child"),
        (lambda: Trees(count=1, branching=2, cover=None, parent_given_child=(0.5,)), "cover"),
        (lambda: Pairs(count=1, rate=(0.4, 0.9)), "rate"),
        (lambda: Pairs(count=1, firing="implied", strength=(1.0,)), "strength"),
        (lambda: Magnitudes(mean=(0.0, 1.0)), "magnitude"),
        (lambda: World("small").sample(0, 0, 0), "batch"),
        (lambda: World("small").sample(1, -1, 0), "seed -1"),
    ],
)
def test_impossible_worlds_are_refused_with_a_sentence(make, said):
    with pytest.raises(SpecError, match=said):
        make()


def test_synthsae_has_the_sizes_and_bounds_of_its_model():
    world = World("synthsae")
    structure = world.structure
    depth = np.zeros(world.n_features, int)
    for feature, parent in enumerate(structure.parent):
        depth[feature] = depth[parent] + 1 if parent >= 0 else 0
    assert np.bincount(depth)[1:].tolist() == [128 * 4, 128 * 16, 128 * 64]
    on = fired(world, 20_000)
    assert on.sum() / 20_000 == pytest.approx(34, abs=0.3)
    assert np.sort(structure.rate)[-4096:].sum() == pytest.approx(25, abs=1.5)  # as published
    assert structure.exclusive.sum() == 128 * 21
    assert structure.rate.max() <= 0.4
