"""Reports on SAEs whose faults were planted, and against plain definitions computed in one piece."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest
import torch

from theodolite.errors import DataError, SpecError
from theodolite.features.control_saes import frozen_decoder_sae, random_sae
from theodolite.features.matching import match_latents
from theodolite.features.truth import evaluate
from theodolite.features.worlds import Magnitudes, Trees, World, WorldConfig

TREES = WorldConfig(
    d_model=40,
    n_features=32,
    l0=4.0,
    rates=(1e-3, 0.3),
    forest=(Trees(count=4, branching=3, root_rate=(0.2, 0.3), cover=(0.6,)),),
    coherence_steps=1,
    magnitudes=Magnitudes(law="constant"),
)


@dataclass
class Plain:
    """The least that can be judged, in whatever precision its weights have."""

    W_enc: torch.Tensor
    W_dec: torch.Tensor
    b_enc: torch.Tensor
    b_dec: torch.Tensor
    threshold: float = 0.0

    def encode(self, x):
        before = (x - self.b_dec) @ self.W_enc + self.b_enc
        return torch.where(before > self.threshold, before, 0.0)

    def decode(self, z):
        return z @ self.W_dec + self.b_dec


def sae_of(decoder, encoder=None):
    decoder = torch.as_tensor(decoder, dtype=torch.float32)
    encoder = decoder if encoder is None else torch.as_tensor(encoder, dtype=torch.float32)
    width, d_model = decoder.shape
    return Plain(encoder.T.contiguous(), decoder, torch.zeros(width), torch.zeros(d_model), 1e-3)


@pytest.fixture(scope="module")
def world():
    return World(TREES)


def test_the_true_features_themselves_are_perfect(world):
    report = evaluate(sae_of(world.directions), world, rows=3000)
    assert report.mcc == pytest.approx(1, abs=1e-5)
    for perfect in ("uniqueness", "latent_f1", "feature_f1", "feature_precision", "feature_recall"):
        assert getattr(report, perfect) == 1
    assert report.fvu == pytest.approx(0, abs=1e-9)
    assert report.shrinkage == pytest.approx(1, abs=1e-5)
    assert (report.dead, report.always_on, report.l0) == (0, 0, report.true_l0)
    assert report.hidden.judged.sum() == len(report.hidden.edge) == 12
    assert report.hidden.rate == report.hidden.absorbed_share == 0
    assert report.hidden.interval == pytest.approx((0, 0.2425), abs=1e-4)  # Wilson: 0 of 12


def test_planted_absorption_is_counted_edge_by_edge(world):
    decoder, encoder = world.directions.copy(), world.directions.copy()
    absorbed = world.structure.edges[::2]
    for parent, child in absorbed:
        encoder[parent] -= 5 * world.directions[child]
        decoder[child] += world.directions[parent]
    report = evaluate(sae_of(decoder, encoder), world, rows=6000)
    hidden = report.hidden
    expected = [edge in absorbed.tolist() for edge in hidden.edge.tolist()]
    assert hidden.absorbed.tolist() == expected
    assert hidden.rate == 0.5
    assert hidden.recall_with[hidden.absorbed] == pytest.approx(0)
    assert hidden.recall_without == pytest.approx(1)
    assert report.feature_precision == 1
    share = hidden.carried[:, 0] / hidden.carried[:, 1]
    parents = np.unique(world.structure.parent[world.structure.parent >= 0])
    expected_share = [world.structure.given_parent[absorbed[absorbed[:, 0] == p, 1]].sum() for p in parents]
    assert share == pytest.approx(expected_share, abs=0.03)
    assert hidden.absorbed_share == pytest.approx(np.mean(share))
    low, high = hidden.recall_intervals(with_child=True)
    assert (low <= hidden.recall_with + 1e-12).all() and (hidden.recall_with <= high + 1e-12).all()
    assert hidden.figures()["recall_with"] == pytest.approx(0.5)


def test_dead_always_on_shrunk_and_doubled_latents_are_reported(world):
    report = evaluate(sae_of(world.directions * 0.5), world, rows=2000)
    assert report.shrinkage == pytest.approx(0.25, abs=1e-4)
    decoder = np.concatenate([world.directions, world.directions[:4]])
    plain = sae_of(decoder)
    bias = torch.zeros(36)
    bias[30], bias[31] = -100, 100
    report = evaluate(Plain(plain.W_enc, plain.W_dec, bias, plain.b_dec), world, rows=2000)
    assert report.dead >= 1 and report.frequency[30] == 0
    assert report.always_on >= 1 and report.max_frequency == 1
    assert report.uniqueness == 32 / 36
    assert report.width == 36


def test_the_report_is_what_the_definitions_say(world):
    sae = random_sae(world, width=24, l0=6, seed=3)
    report = evaluate(sae, world, rows=1000, batch=300, seed=5)
    x, firing = world.sample(1000, 5, 0)
    z, true = sae.encode(x), firing.dense() > 0
    on, back = z > 0, sae.decode(z)
    cosine = (torch.from_numpy(world.directions) @ sae.W_dec.T).abs()
    nearest = cosine.argmax(0)
    f1 = []
    for latent in range(24):
        hit = (on[:, latent] & true[:, nearest[latent]]).sum()
        both = on[:, latent].sum() + true[:, nearest[latent]].sum()
        f1.append(float(2 * hit / both))
    assert report.latent_f1 == pytest.approx(np.mean(f1), rel=1e-6)
    assert report.uniqueness == len(nearest.unique()) / 24
    own = torch.from_numpy(report.matching.latent)
    recall = [
        float((on[:, own[f]] & true[:, f]).sum() / true[:, f].sum()) if own[f] >= 0 else 0.0
        for f in range(32)
    ]
    assert report.feature_recall == pytest.approx(np.mean(recall), rel=1e-6)
    assert (own >= 0).sum() == 24
    assert report.fvu == pytest.approx(
        float((x - back).square().sum() / (x - x.mean(0)).square().sum()), rel=1e-5
    )
    length = x.norm(dim=1)
    ratio = (back.norm(dim=1) / length)[length > 1e-6]
    assert report.shrinkage == pytest.approx(float(ratio.mean()), rel=1e-5)
    p = on.double().mean(0)
    bits = torch.distributions.Bernoulli(probs=p).entropy().sum() / np.log(2)
    assert report.pattern_bits == pytest.approx(float(bits), rel=1e-6)
    assert report.bits_per_token == pytest.approx(float(bits) + 8 * float(on.sum(1).double().mean()))
    assert report.explained_variance == 1 - report.fvu


def test_batches_do_not_change_the_report(world):
    sae = random_sae(world, width=24, l0=3, seed=3)
    one, many = (evaluate(sae, world, rows=700, batch=b) for b in (700, 33))
    assert one.figures() == pytest.approx(many.figures(), rel=1e-9, nan_ok=True)


def test_half_precision_and_weights_in_training_can_be_judged(world):
    plain = sae_of(world.directions)
    half = Plain(*(w.bfloat16() for w in (plain.W_enc, plain.W_dec, plain.b_enc, plain.b_dec)), 0.1)
    assert evaluate(half, world, rows=500).feature_f1 > 0.95
    plain.W_dec.requires_grad_()
    assert evaluate(plain, world, rows=500).feature_f1 == 1


def test_matching_is_the_best_one_to_one():
    rng = np.random.default_rng(0)
    latents, features = torch.from_numpy(rng.normal(size=(5, 3))), torch.from_numpy(rng.normal(size=(5, 3)))
    for signed in (False, True):
        cosine = torch.nn.functional.cosine_similarity(features[:, None], latents[None], dim=2)
        cosine = cosine if signed else cosine.abs()
        best = max(float(cosine[range(5), list(p)].mean()) for p in permutations(range(5)))
        assert match_latents(latents, features, signed=signed).mcc == pytest.approx(best, abs=1e-6)
    opposite = match_latents(-features, features)
    assert opposite.mcc == pytest.approx(1)
    assert match_latents(-features, features, signed=True).mcc < 0.9


def test_a_random_sae_has_the_l0_asked_for_and_finds_nothing():
    world = World("small")
    sae = random_sae(world, width=256, l0=6, seed=0)
    report = evaluate(sae, world, rows=5000)
    assert report.l0 == pytest.approx(6, rel=0.05)
    assert sae.W_dec.detach().norm(dim=1) == pytest.approx(torch.ones(256))
    assert report.mcc < 0.5
    assert report.feature_f1 < 0.2
    assert 0.3 < report.fvu < 1


def test_a_frozen_decoder_reconstructs_better_and_finds_no_more():
    world = World("small")
    plain = random_sae(world, width=256, l0=6, seed=0)
    trained = frozen_decoder_sae(world, width=256, k=6, seed=0, steps=100)
    assert torch.equal(plain.W_dec, trained.W_dec)
    a, b = evaluate(plain, world, rows=3000), evaluate(trained, world, rows=3000)
    assert b.fvu < a.fvu - 0.02
    assert b.mcc == a.mcc
    assert b.l0 <= 6
    once, again = (frozen_decoder_sae(world, width=64, k=6, seed=0, steps=5) for _ in range(2))
    assert torch.equal(once.W_enc, again.W_enc)


def test_what_cannot_be_judged_is_refused(world):
    with pytest.raises(DataError, match="d_model 7"):
        evaluate(sae_of(np.eye(7)), world)
    with pytest.raises(DataError, match="finite"):
        evaluate(sae_of(np.full((3, 40), np.nan)), world)
    with pytest.raises(DataError, match="judge nothing"):
        evaluate(sae_of(world.directions), world, rows=1)
    fine = sae_of(world.directions)
    broken = Plain(fine.W_enc, fine.W_dec, fine.b_enc, fine.b_dec + np.inf)
    with pytest.raises(DataError, match="not finite"):
        evaluate(broken, world, rows=10)
    with pytest.raises(SpecError, match="threshold"):
        random_sae(world, width=8, l0=9, seed=0)
    with pytest.raises(SpecError, match="k 0"):
        frozen_decoder_sae(world, width=8, k=0, seed=0)
