import pytest
import torch

from features import dense
from theodolite.features.activation import leaky_threshold
from theodolite.features.config import SaeConfig
from theodolite.features.learner import Learner
from theodolite.features.passing import forward

N, D, M, K = 48, 24, 80, 5


@pytest.fixture
def x():
    g = torch.Generator().manual_seed(0)
    rows = torch.randn(N, D, generator=g) @ torch.randn(D, D, generator=g)
    return (rows - rows.mean(0)) / (rows - rows.mean(0)).square().sum(1).mean().sqrt()


def learner(**settings):
    made = Learner(SaeConfig(width=M, k=K, **settings), torch.zeros(D), 1.0, 100)
    g = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in made.sae.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=g))
        made.sae.threshold.abs_()
    return made


def sparse_gradients(made, x, number=99):
    x, extra = made._in_order(x)
    now = made._moment(x, number, extra)
    seen = forward(made.sae, made.config, x, now, torch.float32)
    loss, left = made._main(seen)
    dead = made.firing.dead(made.dead_after)
    for extra in made._extras(seen, left, dead, len(dead), now):
        loss = loss + extra
    loss.backward()
    return float(loss.detach()), {n: p.grad for n, p in made.sae.named_parameters() if p.grad is not None}


def assert_equal_gradients(made, x, loss_of):
    p = dense.parameters(made.sae)
    loss = loss_of(p, x.double())
    loss.backward()
    ours, gradients = sparse_gradients(made, x)
    assert ours == pytest.approx(float(loss.detach()), rel=1e-5)
    for name, value in p.items():
        if value.grad is None or not bool(value.grad.any()):
            assert name not in gradients or not bool(gradients[name].any())
        else:
            assert dense.relative_error(gradients[name], value.grad) < 1e-5, name


def plain(p, x):
    return dense.fvu(p, dense.top(dense.pre_activations(p, x), K), x, [M])


def test_topk(x):
    assert_equal_gradients(learner(), x, plain)


def test_hard_tied(x):
    made = learner(tie="hard")
    assert [n for n, _ in made.sae.named_parameters()] == ["W_dec", "b_enc", "b_dec", "threshold"]
    assert_equal_gradients(made, x, plain)


def test_batchtopk_and_matryoshka(x):
    made = learner(architecture="batchtopk", matryoshka=(10, 33))

    def loss(p, x):
        return dense.fvu(p, dense.top_of_batch(dense.pre_activations(p, x), K), x, [10, 33, M])

    assert_equal_gradients(made, x, loss)


@pytest.mark.parametrize(
    ("architecture", "every"), [("topk", 1), ("topk", 2), ("batchtopk", 1), ("batchtopk", 3)]
)
def test_multi_topk_reaches_the_encoder_through_all_4k(x, architecture, every):
    made = learner(architecture=architecture, multi_topk=0.125, extra_tokens=N // every)
    choose = dense.top if architecture == "topk" else dense.top_of_batch

    def loss(p, x):
        y = dense.pre_activations(p, x)
        wide = dense.fvu(p, choose(y, 4 * K)[::every], x[::every], [M])
        return dense.fvu(p, choose(y, K), x, [M]) + wide / 8

    assert_equal_gradients(made, x, loss)
    p = dense.parameters(made.sae)
    wide = dense.fvu(p, choose(dense.pre_activations(p, x.double()), 4 * K), x, [M]) / 8
    assert float(torch.autograd.grad(wide, p["encoder"])[0].norm()) > 1e-3


def test_l1(x):
    made = learner(architecture="relu", sparsity=0.01)

    def loss(p, x):
        z = torch.relu(dense.pre_activations(p, x))
        return dense.fvu(p, z, x, [M]) + 0.01 * z.sum() / len(x)

    assert_equal_gradients(made, x, loss)


def test_soft_tying(x):
    made = learner(tie=0.7)

    def loss(p, x):
        y = dense.pre_activations(p, x)
        cos = torch.nn.functional.cosine_similarity(p["encoder"], p["W_dec"], dim=1)
        return dense.fvu(p, dense.top(y, K), x, [M]) + 0.7 * (1 - cos).mean()

    assert_equal_gradients(made, x, loss)


def test_jumprelu_has_the_straight_through_gradients_of_its_paper(x):
    made = learner(architecture="jumprelu", sparsity=0.02, bandwidth=0.2)

    def loss(p, x):
        y, theta = dense.pre_activations(p, x), p["threshold"]
        on = (y > theta).double()
        window = ((y - theta).abs() < 0.1).double() / 0.2
        # A surrogate whose gradient is the estimate: -theta K in the value, -K in the count.
        z = y * on - (theta * window).detach() * (theta - theta.detach())
        count = on - window.detach() * (theta - theta.detach())
        return dense.fvu(p, z, x, [M]) + 0.02 * count.sum() / len(x)

    assert_equal_gradients(made, x, loss)


@pytest.mark.parametrize("every", [1, 2])
def test_auxk_moves_the_encoders_of_dead_latents_with_negative_pre_activations(x, every):
    made = learner(auxk=0.5, dead_after=10, extra_tokens=N // every)
    dead = torch.arange(60, M)
    with torch.no_grad():
        made.sae.b_enc[dead] = -3.0
    made.firing.silent[dead] = 10

    def loss(p, x):
        y = dense.pre_activations(p, x)
        z = dense.top(y, K)
        left = (x - z @ p["W_dec"] - p["b_dec"]).detach()
        best = torch.topk(y[:, dead], D // 2, dim=1).indices
        reached = (x - p["b_dec"].detach()) @ p["encoder"][dead].T + p["b_enc"][dead]
        help_ = torch.zeros_like(reached).scatter(1, best, 1.0) * reached
        miss = (help_ @ p["W_dec"][dead] - left)[::every]
        aux = miss.square().sum() / left[::every].square().sum()
        return dense.fvu(p, z, x, [M]) + 0.5 * aux

    assert_equal_gradients(made, x, loss)
    _, gradients = sparse_gradients(made, x)
    assert bool((gradients["encoder"][dead].norm(dim=1) > 0).all())


def test_leaky_smooth_threshold(x):
    made = learner(architecture="jumprelu", sparsity=0.0, smooth=0.1)
    made.spread = 1.0
    s = made._moment(x, 0, len(x)).smooth
    assert s == pytest.approx(0.1)

    def loss(p, x):
        y, t = dense.pre_activations(p, x), -p["threshold"]
        z = (y + (y**2 + s**2).sqrt()) * (1 + (y + t) / ((y + t) ** 2 + s**2).sqrt()) / 4
        return dense.fvu(p, z * (y > p["threshold"] - 8 * s), x, [M])

    p = dense.parameters(made.sae)
    loss(p, x.double()).backward()
    _, gradients = sparse_gradients(made, x, number=0)
    for name in ("encoder", "W_dec", "b_enc", "b_dec", "threshold"):
        assert dense.relative_error(gradients[name], p[name].grad) < 1e-5, name


def test_the_smooth_threshold_becomes_jumprelu():
    y = torch.linspace(-2, 2, 41, dtype=torch.float64) + 0.013
    assert torch.allclose(leaky_threshold(y, -0.5, 1e-7), y * (y > 0.5), atol=1e-6)
