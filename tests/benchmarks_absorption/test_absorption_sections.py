"""The parts of the absorption benchmarks that a wrong figure could come from."""

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import absorption_transfer
from absorption_judging import as_find_pairs, clean_counts
from absorption_labels import concepts, names
from absorption_saes import plain
from absorption_size import planted
from theodolite.features.absorption import find_pairs, shipped
from theodolite.features.absorption.tables import OTHER_ROWS, TRUTH_ROWS, label_pairs
from theodolite.features.run import Run
from theodolite.features.training import train
from theodolite.features.worlds import World
from theodolite.organisms import words
from theodolite.organisms.rendering import IDS
from theodolite.organisms.world import World as Entities


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A world written as a peer would write it: 300 rows for training and 50 for each other use."""
    monkeypatch.setattr(absorption_transfer, "HELD", 50)
    world = World("small")
    firing = world.firing(500, 3, 0)
    bias = np.full(world.d_model, 0.25, np.float32)
    clean = firing.dense().numpy() @ world.directions + bias
    facts = {"offsets": firing.offsets, "indices": firing.indices, "values": firing.values}
    facts |= {"directions": world.directions, "bias": bias, "check": clean[:40]}
    np.savez(tmp_path / "world.npz", **facts)
    return tmp_path / "world.npz", clean, firing.dense(), facts


def test_written_rows_are_those_of_the_peer_and_no_use_sees_those_of_another(written):
    path, clean, dense, _ = written
    source = absorption_transfer.Written(path)
    seen = torch.cat(list(islice(source.batches(64, seed=0), 9))).numpy()
    assert np.allclose(seen, np.resize(clean[:300], seen.shape), atol=1e-6)
    for place, seed in enumerate((OTHER_ROWS, OTHER_ROWS + 1, TRUTH_ROWS, TRUTH_ROWS + 1)):
        x, firing = source.sample(50, seed, 0)
        own = slice(300 + 50 * place, 350 + 50 * place)
        assert np.allclose(x.numpy(), clean[own], atol=1e-6)
        assert torch.equal(firing.dense(), dense[own])


def test_activations_that_the_peer_did_not_make_are_refused(written):
    path, _, _, facts = written
    np.savez(path, **facts | {"check": facts["check"] + 0.01})
    with pytest.raises(SystemExit, match="off by"):
        absorption_transfer.Written(path)


def test_without_the_peer_its_section_says_so(tmp_path, capsys):
    absorption_transfer.judge_transfer("saelens", tmp_path, None)
    assert "not run" in capsys.readouterr().out


def test_counts_on_a_clean_world_add_up():
    world = World("clean")
    config = plain(0, 64, 4, ("topk",))["topk"]
    sae = train([config], world, Run(tokens=30_000, batch=256, seed=0, threads=1))[0].sae
    found = label_pairs(sae, world, tokens=4000, truth_tokens=4000)
    counted = clean_counts(shipped(), [found], "weights")
    assert counted["live"] == found.truth.live.sum() > 30
    assert counted["flags"] == counted["absorbed"] + counted["in between"] + counted["wrong"]
    assert counted["interval"][0] <= counted["wrong per 1000"] <= counted["interval"][1]
    assert len(as_find_pairs(shipped(), found)) == 5


def test_random_groups_mix_the_classes():
    true, mixed = concepts()
    assert set(true) == {*words.HEADS, "animal", "plant"} and len(mixed) == 11
    assert true["plant"] == {*words.HEADS["tree"], *words.HEADS["flower"]}
    for group in mixed.values():
        assert [len(group & set(heads)) for heads in words.HEADS.values()] == [1] * 8


def test_names_are_found_where_they_end():
    world = Entities(0)
    first, second = world.seen[0], world.held_out[0]
    text = ["what", "is", "a", first.modifier, first.head, "?", second.head, second.modifier, second.head]
    token = np.array([IDS[word] for word in text])
    assert names(token, np.zeros(9, int), world) == [(4, first.head, False), (8, second.head, True)]
    assert names(token, np.array([0, 0, 0, 0, 1, 1, 1, 1, 1]), world) == [(8, second.head, True)]


def test_pairs_planted_in_a_wide_sae_are_found():
    sae, parent = planted(1024, 256)
    pairs = find_pairs(sae)
    flagged = pairs.where(pairs.flagged)
    right = np.isin(flagged.parent, parent.numpy()) & (flagged.child == flagged.parent + 1)
    assert right.sum() > 0.7 * len(parent) and right.mean() > 0.9
