import torch

from theodolite.features import compose, compositions, measure
from theodolite.features.harvest import Tensors
from theodolite.features.meta import MetaLearner, draw_rows
from theodolite.features.sae import Sae, fresh


def composed_rows(n=400, parts=24, d_model=32, each=3):
    """Unit rows, each the sum of three of 24 directions."""
    g = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(d_model, d_model, generator=g)).Q[:parts]
    chosen = torch.stack([torch.randperm(parts, generator=g)[:each] for _ in range(n)])
    rows = directions[chosen].sum(1)
    return rows / rows.norm(dim=1, keepdim=True), directions, chosen


def test_a_meta_sae_finds_of_what_rows_are_composed():
    rows, directions, chosen = composed_rows()
    meta, explained = compose(rows, 24, k=3, steps=1500)
    assert explained > 0.9
    likeness = directions @ meta.W_dec.detach().T
    # All rows have three parts, so b_dec may take what they share, and each direction is seen less that.
    assert float((likeness.max(1).values > 0.7).float().mean()) > 0.9
    assert len(set(likeness.argmax(1).tolist())) >= 23
    named = likeness.argmax(0)
    table = compositions(meta, rows)
    right = [len({int(named[m]) for m in c.parts} & set(chosen[c.latent].tolist())) for c in table]
    assert sum(right) / (3 * len(rows)) > 0.8
    assert all(bool((c.weights.diff() <= 0).all()) for c in table)


def test_directions_that_share_nothing_are_not_explained():
    rows = torch.nn.functional.normalize(
        torch.randn(400, 32, generator=torch.Generator().manual_seed(1)), dim=1
    )
    assert compose(rows, 24, k=3, steps=1500)[1] < 0.6


def test_the_joint_penalty_pulls_rows_away_from_what_the_meta_sae_composes():
    rows, _, _ = composed_rows()
    learner = MetaLearner(24, 32, 3, seed=0, lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(600):
        learner.learn(draw_rows(rows, generator), 1.0)
    W_dec = rows.clone().requires_grad_(True)
    before = learner.penalty(W_dec)
    before.backward()
    assert all(p.grad is None or not bool(p.grad.any()) for p in learner.sae.parameters())
    moved = (rows - 2.0 * W_dec.grad).detach()
    after = learner.penalty(moved)
    assert float(after) < float(before.detach())


def test_figures_are_those_of_a_dense_computation():
    sae = fresh("topk", 40, 16, 4, tied=False, seed=0)
    x = torch.randn(3000, 16, generator=torch.Generator().manual_seed(2))
    figures, latents = measure(sae, Tensors(x), 3000, batch=3000)
    z = sae.encode(x)
    back = sae.decode(z)
    fvu = float((back - x).square().sum() / (x - x.mean(0)).square().sum())
    share = (z > 0).float().mean(0)
    entropy = -(share * share.log2() + (1 - share) * (1 - share).log2()).nansum()
    assert abs(figures.fvu - fvu) < 1e-4 and abs(figures.l0 - float((z > 0).sum(1).float().mean())) < 1e-6
    assert abs(figures.bits - float(entropy)) < 1e-3
    assert torch.allclose(latents.share, share)
    mean = z.sum(0) / (z > 0).sum(0).clamp_min(1)
    assert torch.allclose(latents.mean_activation, mean, atol=1e-5)


def test_scaling_an_sae_scales_what_it_does():
    sae = fresh("topk", 40, 16, 4, tied=False, seed=0)
    x = torch.randn(50, 16)
    assert torch.allclose(sae.scaled(3.0)(3.0 * x), 3.0 * sae(x), atol=1e-5)
    assert isinstance(sae.scaled(2.0), Sae)
