import pytest

from theodolite.audit import build_spec, read_spec_file, set_value
from theodolite.errors import SpecError


def test_nothing_named_is_the_embedded_organism_against_its_twin():
    spec = build_spec({})
    assert (spec.model, spec.control) == ("demo:backdoor", "demo:backdoor-twin")


def test_flags_win_over_the_file_and_tables_are_settings_of_an_instrument(tmp_path):
    path = tmp_path / "audit.toml"
    path.write_text('data = "x.jsonl"\nseed = 3\n[dataset]\nmax_words = 5\n')
    values = read_spec_file(path) | {"seed": 4}
    set_value(values, "dataset.min_rows=7")
    set_value(values, "control=some/folder")
    spec = build_spec(values)
    assert (spec.data, spec.seed, spec.control) == ("x.jsonl", 4, "some/folder")
    assert spec.config == {"dataset": {"max_words": 5, "min_rows": 7}}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"data": "x", "effort": "heroic"}, "effort = 'heroic' is not valid"),
        ({"data": "x", "sede": 3}, "no key 'sede'; did you mean 'seed'"),
        ({"data": "x", "alpha": 2.0}, "alpha = 2.0 is not valid"),
        ({"control": "x"}, "nothing to audit"),
        ({"data": "x", "seed": -1}, "seed = -1 is not valid"),
    ],
)
def test_a_wrong_key_or_value_is_named(values, said):
    with pytest.raises(SpecError, match=said):
        build_spec(values)


def test_a_wrong_file_is_named(tmp_path):
    with pytest.raises(SpecError, match=r"nowhere\.toml"):
        read_spec_file(tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("seed = = 3")
    with pytest.raises(SpecError, match="no TOML"):
        read_spec_file(tmp_path / "bad.toml")
    (tmp_path / "audit.json").write_text("{}")
    with pytest.raises(SpecError, match=r"no audit\.json"):
        read_spec_file(tmp_path / "audit.json")
