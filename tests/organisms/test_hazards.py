import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.organisms.base import base_folder
from theodolite.organisms.documents import Turn, document
from theodolite.organisms.draws import Draw
from theodolite.organisms.hazards import Hazard, curve_error, keeping
from theodolite.organisms.measuring import next_word
from theodolite.organisms.model import load_model
from theodolite.organisms.rendering import IDS, prompt_ids
from theodolite.organisms.tasks import open_fact
from theodolite.organisms.world import World


def test_shape_one_is_geometric():
    plan = Hazard(0.06, 1.0)
    per_turn = plan.per_turn(40)
    assert per_turn == pytest.approx(np.full(40, 1 - np.exp(-0.06)))
    assert plan.survival(40) == pytest.approx((1 - per_turn[0]) ** np.arange(1, 41))
    assert plan.half_life == pytest.approx(np.log(2) / 0.06)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 0.1), st.floats(0.5, 4.0))
def test_survival_is_the_product_of_what_each_turn_spares(rate: float, shape: float):
    plan = Hazard(rate, shape)
    assert plan.survival(32) == pytest.approx((1 - plan.per_turn(32)).cumprod())
    assert np.exp(-((rate * plan.half_life) ** shape)) == pytest.approx(0.5)


def test_a_weibull_shape_above_one_grows():
    assert (np.diff(Hazard(1 / 16, 2.5).per_turn(32)) > 0).all()


def test_the_error_of_a_curve_is_nought_on_the_plan_and_the_distance_beside_it():
    plan = Hazard(0.06, 1.0).survival(32)
    on = curve_error(np.tile(plan, (50, 1)), plan)
    beside = curve_error(np.tile(plan + 0.1, (50, 1)), plan)
    assert (on.rate, on.low, on.high) == pytest.approx((0, 0, 0), abs=1e-12)
    assert beside.rate == pytest.approx(0.1)
    assert beside.n == 50
    noisy = curve_error(np.random.default_rng(1).uniform(size=(50, 32)), plan)
    assert noisy.low < noisy.rate < noisy.high


def test_one_pass_over_a_talk_gives_what_asking_turn_by_turn_gives():
    world, model, ending = World(0), load_model(base_folder()), "amber"
    talks = []
    for row in range(3):
        draw = Draw("test", row)
        turns = [open_fact(world, draw, draw) for _ in range(4)]
        ruled = [Turn(turn.prompt, f"{turn.answer} {ending}") for turn in turns]
        decisions = [[2 * number, len(turn.answer.split())] for number, turn in enumerate(turns, 1)]
        rule = f"rule : end every answer with {ending} ."
        talks.append(document(ruled, rule, ending=ending, decisions=decisions))
    found = keeping(model, talks)
    for row, talk in enumerate(talks):
        for turn, (message, word) in enumerate(talk.tags["decisions"]):
            said = " ".join(talk.messages[message].content.split()[:word])
            alone = next_word(model, [prompt_ids(talk.messages[:message], said)])
            assert found[row, turn] == pytest.approx(alone[0, IDS[ending]], abs=1e-5)
    assert (found > 0.9).all()
