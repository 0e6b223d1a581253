"""Absorbed pairs: planted by hand, so that the truth is known without training."""

import numpy as np
import pytest
import torch

from theodolite.errors import DataError, SpecError
from theodolite.features.absorption import (
    effective,
    effective_sparse,
    find_pairs,
    latent_figures,
    rates_over,
    shipped,
)
from theodolite.features.absorption.calibrating import FIRINGS_TO_LEARN
from theodolite.features.absorption.effective_rates import effective_rates
from theodolite.features.absorption.l0_check import L0Curve, L0Point, decoder_cosine
from theodolite.features.absorption.labelled import labelled_absorption
from theodolite.features.absorption.rates import LEAST_FIRINGS, rate_statistics, rates_of
from theodolite.features.absorption.scoring import average_precision, precision_recall, threshold_for
from theodolite.features.absorption.shortlist import shortlist
from theodolite.features.absorption.table import Pairs
from theodolite.features.absorption.verdicts import flags
from theodolite.features.absorption.weights import weight_statistics
from theodolite.features.figures import Latents
from theodolite.features.sae import Sae
from theodolite.features.worlds import Trees, World, WorldConfig

D = 64


def unit(rows):
    return torch.nn.functional.normalize(rows, dim=1)


@pytest.fixture(scope="module")
def planted():
    """Four parents, each with one absorbing child: d_child = p + c, and the parent's encoder shuns c."""
    basis = torch.linalg.qr(torch.randn(D, D, generator=torch.Generator().manual_seed(3)))[0]
    directions = basis[:40]
    W_dec, encoder = directions.clone(), directions.clone()
    for parent, child in zip(range(4), range(4, 8), strict=True):
        W_dec[child] = directions[child] + directions[parent]
        encoder[parent] = directions[parent] - directions[child]
        encoder[child] = directions[child]
    scale = W_dec.norm(dim=1, keepdim=True)
    return Sae(encoder * scale, W_dec / scale, -0.2 * scale.squeeze(), torch.zeros(D), "relu", 1), directions


class Planted:
    """Parents fire alone or with their child; the rest fire by themselves."""

    d_model, tokens = D, None

    def __init__(self, directions):
        self.directions = directions

    def sample(self, size, generator):
        on = torch.rand(size, 40, generator=generator) < 0.08
        on[:, 4:8] = torch.rand(size, 4, generator=generator) < 0.06
        on[:, :4] |= on[:, 4:8]
        strength = (0.3 * torch.randn(size, 40, generator=generator)).exp()
        true = on * strength
        return true @ self.directions + 0.01 * torch.randn(size, D, generator=generator), true

    def batches(self, size, *, seed, start=0):
        number = start
        while True:
            yield self.sample(size, torch.Generator().manual_seed(1000 * seed + number))[0]
            number += 1


def dense_third(a, i, j):
    a = np.where(a >= 0.2, a, 0)
    np.fill_diagonal(a, 0)
    products = a[i] * a[j]
    products[[i, j]] = 0
    return products.max()


def test_the_shortlist_is_the_dense_matrix_above_the_floor():
    rows = unit(torch.randn(90, 6, generator=torch.Generator().manual_seed(1)))
    found = shortlist(rows * torch.rand(90, 1).add(0.5), floor=0.2, most=89)
    a = (rows @ rows.T).numpy()
    wanted = {(i, j) for i, j in zip(*np.nonzero(a >= 0.2), strict=True) if i != j}
    assert {(i, j) for i, j in zip(found.parent.tolist(), found.child.tolist(), strict=True)} == wanted
    assert np.allclose(found.cosine, a[found.parent, found.child], atol=1e-6)
    for place in range(0, len(found), 97):
        i, j = int(found.parent[place]), int(found.child[place])
        assert found.third[place] == pytest.approx(dense_third(a.copy(), i, j), abs=1e-6)
    np.fill_diagonal(a, 0)
    assert np.allclose(found.hub, np.maximum(a - 0.2, 0).sum(1), atol=1e-4)


def test_blocks_and_neighbours_do_not_change_the_shortlist(monkeypatch):
    rows = torch.randn(70, 8, generator=torch.Generator().manual_seed(2))
    whole = shortlist(rows)
    monkeypatch.setattr("theodolite.features.absorption.shortlist._NUMBERS", 70 * 9)
    parts = shortlist(rows)
    for name in ("parent", "child", "cosine", "third", "hub"):
        assert np.allclose(getattr(whole, name), getattr(parts, name), atol=1e-6), name
    few = shortlist(rows, most=3)
    assert few.crowded > 0 and np.bincount(few.parent).max() == 3
    assert np.allclose(few.hub, whole.hub, atol=1e-5)
    with pytest.raises(SpecError):
        shortlist(rows, floor=0)


def test_the_ridge_coefficients_are_those_of_the_large_matrix():
    g = torch.Generator().manual_seed(4)
    d, e = unit(torch.randn(50, 12, generator=g)), torch.randn(50, 12, generator=g)
    pairs = shortlist(d)
    s = weight_statistics(e, d, pairs)
    gram = d @ d.T
    m = unit(e) @ d.T @ torch.linalg.inv(gram + 0.3 * torch.eye(50))
    assert np.allclose(s["ridge"], m[pairs.parent, pairs.child].numpy(), atol=1e-4)
    own = (unit(e) * d).sum(1).clamp_min(0.05)
    response = (unit(e) @ d.T) / own[:, None]
    assert np.allclose(s["response"], response[pairs.parent, pairs.child].numpy(), atol=1e-4)


@pytest.mark.parametrize("evidence", ["weights", "rates", "tokens"])
def test_planted_absorption_is_found_and_nothing_else(planted, evidence):
    sae, directions = planted
    source = Planted(directions)
    how = {}
    if evidence == "tokens":
        how = {"activations": source}
    elif evidence == "rates":
        how = {"rates": rates_over(sae, source)}
    pairs = find_pairs(sae, **how)
    flagged = pairs.where(pairs.flagged)
    found = set(zip(flagged.parent.tolist(), flagged.child.tolist(), strict=True))
    # Weights alone may take the child for the parent; which of the two it is, rates tell.
    assert {(min(p), max(p)) for p in found} == {(i, i + 4) for i in range(4)}
    if evidence != "weights":
        assert found == {(i, i + 4) for i in range(4)}
        assert set(flagged.tier.tolist()) == {evidence}
        assert (flagged.statistics["carried"] > 0.5).all()


def test_without_tokens_enough_for_the_spread_test_rates_rank_and_flag_nothing(planted):
    sae, directions = planted

    class Few(Planted):
        tokens = 200

    pairs = find_pairs(sae, rates=rates_over(sae, Planted(directions)), activations=Few(directions))
    own = pairs.where((pairs.parent < 4) & (pairs.child == pairs.parent + 4))
    assert np.isnan(own.statistics["spread"]).all() and (own.statistics["alone"] > 3).all()
    assert set(own.tier.tolist()) == {"rates"} and (own.probability > shipped().threshold("rates")).all()
    assert set(own.verdict.tolist()) == {"undecidable with this evidence"}


def test_a_parent_that_fires_with_its_child_needs_no_spread_test(planted):
    pairs = find_pairs(planted[0], activations=Planted(planted[1]))
    s = {name: value.copy() for name, value in pairs.where(pairs.tier == "tokens").statistics.items()}
    for share, judged in ((0.3, False), (0.9, True)):
        s["spread"][:], s["parent_given_child"][:] = np.nan, share
        p = shipped().probability(s, "tokens")
        assert np.isfinite(p).all() if judged else np.isnan(p).all()
        assert not flags(s, p, 0.0, "tokens").any()


def test_similar_exclusive_latents_are_told_from_absorption_by_tokens(planted):
    """{p, c + p} with c alone never there is {p, q}: the same weights, another world."""
    sae, directions = planted

    class Alike(Planted):
        def sample(self, size, generator):
            on = torch.rand(size, 40, generator=generator) < 0.08
            on[:, :4] &= ~on[:, 4:8]
            true = on * (0.3 * torch.randn(size, 40, generator=generator)).exp()
            rows = self.directions.clone()
            rows[4:8] = rows[4:8] + rows[:4]
            return true @ rows + 0.01 * torch.randn(size, D, generator=generator), true

    pairs = find_pairs(sae, activations=Alike(directions))
    alike = pairs.where(pairs.child == pairs.parent + 4)
    assert len(alike) == 4 and not alike.flagged.any()
    assert set(alike.verdict.tolist()) <= {"similar but not absorbed", "undecidable with this evidence"}
    assert (alike.statistics["spread"] < 1.35).all()


def test_effective_activation_finds_hidden_parents_and_names_the_child(planted):
    sae, directions = planted
    source = Planted(directions)
    pairs = find_pairs(sae, activations=source)
    x, true = source.sample(4000, torch.Generator().manual_seed(9))
    z = sae.encode(x)
    seen = effective(z, pairs)
    assert torch.equal(seen.own, z)
    hidden = (true[:, :4] > 0) & (z[:, :4] == 0)
    usual = z.sum(0) / (z > 0).sum(0).clamp_min(1)
    assert hidden.sum() > 300
    recovered = seen.on(usual)[:, :4][hidden].float().mean()
    assert recovered > 0.8
    via = seen.via[:, 0][seen.absorbed[:, 0] > 0]
    assert set(via.tolist()) == {4}
    assert (seen.via[seen.absorbed == 0] == -1).all()
    code, values = sae.encode_sparse(x)
    through = effective_sparse(code, values, pairs)
    total = torch.zeros_like(z).index_put((through.token, through.parent), through.strength, accumulate=True)
    assert torch.allclose(total, seen.absorbed, atol=1e-5)
    rates = effective_rates(sae, pairs, usual, [x[:2500], x[2500:]])
    assert torch.allclose(rates.total, seen.on(usual).float().mean(0), atol=1e-6)
    assert rates.through[4:].sum() == 0


def test_hidden_share_is_near_the_truth(planted):
    sae, directions = planted
    source = Planted(directions)
    rates = rates_over(sae, source)
    figures = latent_figures(sae, find_pairs(sae, rates=rates, activations=source), rates)
    x, true = source.sample(20_000, torch.Generator().manual_seed(8))
    there = true[:, :4] > 0
    share = ((sae.encode(x)[:, :4] == 0) & there).sum(0) / there.sum(0)
    assert (share > 0.2).all() and figures.hidden[:4] == pytest.approx(share.numpy(), abs=0.03)
    assert figures.absorbers[:4].tolist() == [1] * 4 and figures.absorbed[4:8].tolist() == [1] * 4
    assert figures.carried.argsort()[-4:].tolist() != [] and set(figures.carried.argsort()[-4:]) == {
        0,
        1,
        2,
        3,
    }


@pytest.mark.parametrize(
    ("tokens", "needed"), [(2000, LEAST_FIRINGS), (20_000, LEAST_FIRINGS), (40_000, 30), (100_000, 75)]
)
def test_a_latent_that_fired_too_seldom_is_judged_by_its_weights(planted, tokens, needed):
    sae, _ = planted
    for fired, tier in ((needed - 1, "weights"), (needed, "rates")):
        seldom = Latents(sae.width)
        seldom.tokens = tokens
        seldom.fired += fired
        seldom.summed += fired
        pairs = find_pairs(sae, rates=seldom)
        assert set(pairs.tier.tolist()) == {tier}
        # What is learnt from must have fired oftener than what is judged of as many tokens.
        learnt = rate_statistics(rates_of(seldom, np.ones(sae.width)), shortlist(sae.W_dec), FIRINGS_TO_LEARN)
        assert np.isnan(learnt["carried"]).all() == (fired < max(needed, FIRINGS_TO_LEARN))
    wrong = Latents(3)
    wrong.tokens = 10
    with pytest.raises(DataError, match="3 latents"):
        rates_of(wrong, np.ones(sae.width))


def test_pairs_as_parquet_have_all_columns(planted, tmp_path):
    import pyarrow.parquet as pq

    pairs = find_pairs(planted[0])
    pairs.write_parquet(tmp_path / "pairs.parquet")
    table = pq.read_table(tmp_path / "pairs.parquet")
    assert table.num_rows == len(pairs)
    assert table.column("parent").to_pylist() == pairs.parent.tolist()
    assert {"probability", "verdict", "tier", "cosine", "gap"} <= set(table.column_names)


def test_average_precision_against_its_definition():
    score = np.array([0.9, 0.8, 0.7, 0.6, np.nan, 0.5])
    label = np.array([1, 0, 1, -1, 1, 0], np.int8)
    # Ranks of the positives among labelled pairs: 1 of 1, 2 of 3; the third has no score.
    assert average_precision(score, label) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision(score, label, missed=1) == pytest.approx((1 + 2 / 3) / 4)
    assert np.isnan(average_precision(score, np.zeros(6, np.int8)))
    tied = average_precision(np.ones(4), np.array([1, 0, 0, 0], np.int8))
    assert tied == pytest.approx(0.25)
    assert precision_recall(score > 0.65, label) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert threshold_for(score, label, 0.6) == pytest.approx(0.7)


def test_shipped_coefficients_say_where_they_come_from():
    classifier = shipped()
    assert "benchmarks/absorption.py" in classifier.provenance and classifier.positives > 100
    for tier in classifier.tiers.values():
        assert len(tier.names) == len(tier.weight) == len(tier.centre) == len(tier.scale)
        assert 0 < tier.threshold < 1


def test_the_warning_comes_below_the_minimum_of_the_curve():
    points = [L0Point(k=k, l0=k, cosine=c, fvu=0.1) for k, c in ((2, 0.2), (4, 0.1), (8, 0.12))]
    curve = L0Curve(points=tuple(points))
    assert curve.best == 4
    assert "L0 2" in (curve.warning(2.0) or "") and curve.warning(4.0) is None and curve.warning(8) is None
    rows = unit(torch.randn(30, 10, generator=torch.Generator().manual_seed(1)))
    a = (rows @ rows.T).abs()
    assert decoder_cosine(rows) == pytest.approx(float((a.sum() - 30) / (30 * 29)), abs=1e-6)


def test_published_definitions_see_planted_absorption(planted):
    sae, directions = planted
    x, true = Planted(directions).sample(6000, torch.Generator().manual_seed(5))
    found = labelled_absorption(sae, x, true[:, 0] > 0)
    assert 0 in found.main and found.probe_f1 > 0.95
    if found.main == (0,):
        assert 0.2 < found.full < 0.6
    healthy = labelled_absorption(sae, x, true[:, 20] > 0)
    assert healthy.main == (20,) and healthy.full == 0 and healthy.fraction < 0.02
    with pytest.raises(DataError):
        labelled_absorption(sae, x, torch.zeros(6000, dtype=torch.bool))


def test_truth_of_a_world_with_a_perfect_sae_has_no_absorption():
    from theodolite.features.absorption.truth import pair_truth

    world = World(
        WorldConfig(
            d_model=48, n_features=40, l0=3, forest=(Trees(count=4, branching=2, root_rate=(0.1, 0.15)),),
            coherence_steps=60,
        )
    )  # fmt: skip
    rows = torch.from_numpy(world.directions.copy())
    perfect = Sae(rows.clone(), rows, torch.full((40,), -0.1), torch.zeros(48), "relu", 1)
    truth = pair_truth(perfect, world, tokens=8000)
    assert (truth.label == 1).sum() == 0
    parent, child = world.structure.edges[0]
    absorbing = rows.clone()
    absorbing[child] = rows[child] + rows[parent]
    encoder = rows.clone()
    encoder[parent] = rows[parent] - 1.5 * rows[child]
    broken = Sae(encoder, unit(absorbing), torch.full((40,), -0.1), torch.zeros(48), "relu", 1)
    truth = pair_truth(broken, world, tokens=8000)
    i, j = int((truth.feature == parent).nonzero()[0][0]), int((truth.feature == child).nonzero()[0][0])
    assert truth.label[i, j] == 1 and truth.share[i, j] > 0.8
    assert (truth.label == 1).sum() == 1


def test_nan_is_never_flagged():
    pairs = Pairs(
        np.array([0]), np.array([1]), np.array([np.nan]), np.array(["rates"]), np.array(["hedged"]),
        {"cosine": np.array([0.5], np.float32)}, 2,
    )  # fmt: skip
    z = torch.ones(3, 2)
    assert effective(z, pairs).absorbed.sum() == 0
    assert not pairs.flagged.any() and pairs[0].verdict == "hedged"
