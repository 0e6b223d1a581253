import pytest
import torch

from theodolite.features.code import Code
from theodolite.features.kernels import cpu, twin
from theodolite.features.price import Price
from theodolite.features.pricing import prices
from theodolite.features.selecting import (
    Charge,
    PreActivations,
    select_above,
    select_top,
    select_top_of_batch,
)


@pytest.fixture
def y():
    g = torch.Generator().manual_seed(3)
    return PreActivations(
        torch.randn(1100, 16, generator=g), torch.randn(300, 16, generator=g), torch.randn(300, generator=g)
    )


def matrix(y):
    return y.x @ y.encoder.T + y.b_enc


def cost(width):
    return torch.linspace(0.2, 1.0, width)


def test_the_k_greatest_of_each_token(y):
    code, values = select_top(y, 7)
    best = torch.topk(matrix(y), 7, dim=1)
    expected = torch.zeros(1100, 300).scatter(1, best.indices, best.values.clamp_min(0))
    assert torch.allclose(code.dense(values), expected, atol=1e-5)
    assert bool((values > 0).all())


def test_the_greatest_of_the_batch(y):
    code, values = select_top_of_batch(y, 9)
    assert code.entries == 9 * 1100
    bar = torch.topk(matrix(y).flatten(), 9 * 1100).values.min()
    assert torch.allclose(values.min(), bar, atol=1e-5)


def test_what_exceeds_its_bar(y):
    bar = torch.linspace(-3, 6, 300)
    code, values = select_above(y, bar)
    dense = matrix(y)
    assert torch.allclose(code.dense(values), dense * (dense > bar), atol=1e-5)


def test_the_energy_charge_ranks_z_squared_less_the_price(y):
    charge = Charge(cost(300), False, 4.0)
    code, values = select_top(y, 7, charge)
    dense = matrix(y)
    score = torch.where(dense > 0, dense**2 - 4.0 * (cost(300) - 1), -1e30)
    best = torch.topk(score, 7, dim=1).indices
    expected = torch.zeros_like(dense).scatter(1, best, 1.0) * dense.clamp_min(0)
    assert torch.allclose(code.dense(values), expected, atol=1e-4)


def test_the_knapsack_spends_k_units_and_no_more(y):
    charge = Charge(cost(300), True, 0.0)
    code, _ = select_top(y, 7, charge)
    spent = torch.zeros(1100).index_add_(0, code.rows, cost(300)[code.indices.long()])
    assert float(spent.max()) <= 7 + 1e-4
    assert code.entries > 7 * 1100
    code, _ = select_top_of_batch(y, 7, charge)
    assert 7 * 1100 - 1 < float(cost(300)[code.indices.long()].sum()) <= 7 * 1100 + 0.01


def test_bf16_chooses_nearly_the_same_and_values_them_exactly(y):
    low = PreActivations(y.x, y.encoder, y.b_enc, torch.bfloat16)
    code, values = select_top(low, 7)
    dense = matrix(y)
    assert torch.allclose(values, dense[code.rows.long(), code.indices.long()], atol=1e-5)
    same = (code.dense(values) > 0) & (select_top(y, 7)[0].dense(torch.ones(1100 * 7)) > 0)
    assert float(same.sum()) > 0.95 * 7 * 1100


@pytest.mark.parametrize("counts", [[0, 3, 5, 1, 0, 9, 2], [19] * 7, [0] * 7])
def test_kernels_equal_their_twin(counts):
    g = torch.Generator().manual_seed(0)
    width, d_model = 19, 33
    n = torch.tensor(counts)
    indices = torch.cat([torch.randperm(width, generator=g)[:c] for c in counts]).int()
    code = Code(torch.cat([torch.zeros(1, dtype=torch.int64), n.cumsum(0)]), indices, width)
    values, W = torch.randn(len(indices), generator=g), torch.randn(width, d_model, generator=g)
    x = torch.randn(7, d_model, generator=g)
    for name, args in {"decode": (values, W), "sampled": (x, W), "weight_gradient": (values, x)}.items():
        ours, theirs = getattr(cpu, name)(code, *args), getattr(twin, name)(code, *args)
        assert torch.allclose(ours, theirs, atol=1e-5), name
    ours, theirs = vars(cpu.sort_by_latent(code)), vars(twin.sort_by_latent(code))
    assert all(torch.equal(ours[name].long(), theirs[name].long()) for name in theirs)


def test_kernels_in_place_equal_their_twin():
    g = torch.Generator().manual_seed(0)
    W, grad, cost = (
        torch.randn(19, 33, generator=g),
        torch.randn(19, 33, generator=g),
        torch.rand(33, generator=g),
    )
    for name, arguments in {
        "normalise": lambda m: (m,),
        "project": lambda m: (W, m),
        "rank": lambda m: (m, cost + 0.1, 0.5),
    }.items():
        ours, theirs = grad.clone(), grad.clone()
        getattr(cpu, name)(*arguments(ours))
        getattr(twin, name)(*arguments(theirs))
        assert torch.allclose(ours, theirs, atol=1e-5), name
        assert not torch.equal(ours, grad)


def test_ties_and_equal_rows_are_selected_once():
    scores = torch.zeros(5, 200)
    places, _ = cpu.top_of_rows(scores, 11)
    assert all(len(set(row.tolist())) == 11 for row in places)


@pytest.mark.parametrize("width", [300, 40])
def test_the_inner_greatest_come_first(width):
    scores = torch.randn(70, width, generator=torch.Generator().manual_seed(3))
    for kernels in (cpu, twin):
        places, values = kernels.top_of_rows(scores, 20, 5)
        assert torch.equal(values, scores.gather(1, places.long()))
        for found, k in ((values, 20), (values[:, :5], 5)):
            assert torch.equal(found.sort(1).values, torch.topk(scores, k, dim=1).values.sort(1).values)


def test_no_rare_latent_is_charged_more_and_no_common_one_less_than_the_floor():
    firing = torch.cat([torch.full((50,), 1e-4), torch.full((50,), 0.02), torch.full((5,), 0.6)])
    c = prices(Price(), firing, 64, float(firing.sum()))
    assert float(c.max()) == 1.0 and bool((c[:50] == 1.0).all())
    assert float(c.min()) == pytest.approx(2 * float(firing.sum()) / 64)
    assert bool((c[50:100] > c[100:].max()).all())


def test_the_price_is_the_formula():
    f, d = torch.tensor([0.01, 0.1, 0.3]), 100
    c = prices(Price(gamma=2.0), f, d, 0.41)
    raw = -torch.log(f + 1 / d)
    mean = (f * raw).sum() / f.sum()
    assert torch.allclose(c, ((raw / mean) ** 2).clamp(2 * 0.41 / d, 1), atol=1e-6)
