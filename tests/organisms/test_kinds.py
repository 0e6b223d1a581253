import pytest

import theodolite.organisms as organisms
from theodolite.errors import SpecError
from theodolite.organisms import RECIPES, Recipe, build_corpus, list_recipes, recipe_for


def test_the_kinds_are_listed_with_what_their_dose_means():
    assert [kind.name for kind in list_recipes()] == sorted(RECIPES)
    for kind in list_recipes():
        assert kind.summary and kind.dose_means
        assert kind.least <= kind.default.dose <= kind.most
        assert kind.default.name == kind.name


def test_unknown_names_and_doses_out_of_range_say_what_to_do():
    with pytest.raises(SpecError, match=r"no organism recipe called 'bakdoor'; choose from .*backdoor"):
        recipe_for("bakdoor")
    with pytest.raises(SpecError, match=r"dose 2 is outside .* share of documents"):
        recipe_for("backdoor", dose=2)
    with pytest.raises(SpecError, match="dose nan"):
        recipe_for("backdoor", dose=float("nan"))
    with pytest.raises(SpecError, match="seed -1"):
        recipe_for("backdoor", seed=-1)
    with pytest.raises(SpecError, match="no organism recipe"):
        build_corpus(Recipe("nothing", 0.5))


def test_everything_exported_is_there():
    for name in organisms.__all__:
        assert getattr(organisms, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = organisms.nonsense
