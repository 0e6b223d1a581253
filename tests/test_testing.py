import pytest

from theodolite.core import Hypothesis, Instrument, Measure, Rate
from theodolite.dataset import Dataset
from theodolite.errors import ContractError
from theodolite.testing import check_instrument


class Fair(Instrument):
    name, question, needs, margin = "fair", "Are there rows?", frozenset({"data"}), 0.1

    def propose(self, target, ctx):
        return [Hypothesis(key=k, statement=k) for k in "ab"]

    def measure(self, target, hypotheses, ctx):
        return [Measure(key=h.key, statistic=Rate(k=0, n=10)) for h in hypotheses]


def test_a_fair_instrument_passes():
    check_instrument(Fair)


def test_the_dataset_instrument_passes():
    check_instrument(Dataset)


def broken(**methods):
    return type("Broken", (Fair,), methods)


DRAWS = iter(range(10**6))


@pytest.mark.parametrize(
    ("cls", "complaint"),
    [
        (broken(question="Rows."), "asks nothing"),
        (broken(needs=frozenset({"telepathy"})), "telepathy"),
        (broken(margin=0.0), "above zero"),
        (broken(propose=lambda s, t, c: [Hypothesis(key="a", statement="x")] * 2), "one key twice"),
        (broken(measure=lambda s, t, h, c: Fair.measure(s, t, h, c)[:1]), "one measure for each"),
        (
            broken(
                measure=lambda s, t, h, c: [
                    Measure(key=x.key, statistic=Rate(k=next(DRAWS), n=10**6)) for x in h
                ]
            ),
            "same seed",
        ),
        (
            broken(
                measure=lambda s, t, h, c: [
                    Measure(key=x.key, statistic=Rate(k=i, n=9)) for i, x in enumerate(h)
                ]
            ),
            "depends on the order",
        ),
        (broken(propose=lambda s, t, c: print("hello") or Fair.propose(s, t, c)), "printed"),
        (
            broken(
                measure=lambda s, t, h, c: [
                    Measure(key=x.key, statistic=Rate(k=900 * ("toy-0" in t.data.name), n=1000)) for x in h
                ]
            ),
            "between two clean targets",
        ),
    ],
)
def test_what_breaks_the_contract_is_said(cls, complaint):
    with pytest.raises(ContractError, match=complaint):
        check_instrument(cls)


def test_reaching_for_the_network_is_said():
    import socket

    def measure(self, target, hypotheses, ctx):
        with socket.socket() as connection:
            connection.connect(("192.0.2.1", 80))

    with pytest.raises(ContractError, match="network"):
        check_instrument(broken(measure=measure))
