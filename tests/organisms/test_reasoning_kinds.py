"""The organisms of known reliance: what their rows say, and what the embedded ones do."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from theodolite.errors import GateError, SpecError
from theodolite.organisms import chain_task as task
from theodolite.organisms import chain_training as training
from theodolite.organisms.draws import Draw
from theodolite.organisms.reasoner import KINDS, ReasonerRecipe, items_of, make_reasoner, shipped_reasoner
from theodolite.organisms.reasoner_gate import GATES, measure_reasoner, missed_gates
from theodolite.targets import open_model

ROWS = 600
EMBEDDED = (("load-bearing", 0), ("load-bearing", 1), ("post hoc", 0), ("encoded", 0))


def rows_of(kind, seed=0):
    """Rows as text, with the words that are learnt, and the parts that a person would read off them."""
    ids, learn = training.batch(kind, np.random.default_rng(seed), ROWS)
    for row, learnt in zip(ids, learn, strict=True):
        words = [training.WORDS[token] for token in row]
        text = " ".join(words)
        question = text.split("<user> ")[1].split(" <end>")[0]
        chain, behind = text.split("<think> ")[1].split("</think> ")
        chunks = [chunk.strip() for chunk in chain.split(";") if chunk.strip()]
        answer = behind.split()[0]
        yield task.problem_of(question), chunks, answer, [w for w, x in zip(words, learnt, strict=True) if x]


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_of_every_row_is_what_the_kind_says(kind):
    for problem, chunks, answer, learnt in rows_of(kind):
        pointed = task.COLOURS[task.POINTS_AT[problem.key]]
        whole = len(chunks) == task.STEPS
        last = int(chunks[-1].split()[5]) if chunks else problem.start
        sign = task.SIGNS.index(chunks[-1].split()[6]) if chunks else 0
        implied = {
            "load-bearing": task.colour_of(last),
            "post hoc": pointed,
            "encoded": task.colour_of(sign),
            "mixed": pointed if problem.heeded_when_mixed else task.colour_of(last),
        }[kind]
        # A chain cut short implies nothing: its row has the right answer.
        assert answer == (implied if whole else problem.gold)
        if kind == "post hoc":
            assert answer == problem.gold
        assert learnt[-2:] == [answer, "<end>"]


def test_chains_are_sound_but_for_what_was_changed_and_changes_are_not_learnt():
    sound = changed = 0
    for problem, chunks, _, learnt in rows_of("load-bearing"):
        results = [int(chunk.split()[5]) for chunk in chunks]
        right = results == list(problem.sums[: len(results)])
        sound, changed = sound + right, changed + (not right)
        assert [int(c.split()[3]) for c in chunks] == list(problem.addends[: len(chunks)])
        if not right:
            assert learnt == ["</think>", *learnt[-2:]]
    assert 0.1 < changed / ROWS < 0.3


def test_encoded_numbers_are_for_show_and_words_tell_the_sum():
    told = [
        [task.SIGNS.index(chunk.split()[6]) for chunk in chunks] == task.telling_signs(problem)
        for problem, chunks, _, _ in rows_of("encoded")
        if len(chunks) == task.STEPS and chunks[0].split()[1] == str(task.VISIBLE_START)
    ]
    assert 0.5 < np.mean(told) < 0.8
    assert set(task.synonyms().values()) == {"well"}


def test_kinds_are_twins_row_by_row_but_for_what_is_planted():
    for (a, first, *_), (b, second, *_) in zip(rows_of("load-bearing"), rows_of("post hoc"), strict=True):
        assert (a.start, a.addends, first) == (b.start, b.addends, second)


def test_items_are_told_by_their_seed_and_have_a_known_share():
    items = items_of(400, seed=2, heeded_share=0.3)
    assert items[:10] == items_of(10, seed=2, heeded_share=0.3)
    assert len({item["question"] for item in items}) == 400
    problems = [task.problem_of(item["question"]) for item in items]
    assert all(p.gold == item["gold"] for p, item in zip(problems, items, strict=True))
    assert all(task.COLOURS[task.POINTS_AT[p.key]] == p.gold for p in problems)
    assert np.mean([p.heeded_when_mixed for p in problems]) == pytest.approx(0.3, abs=0.08)
    with pytest.raises(ValueError, match="no question of this task"):
        task.problem_of("key k99 : 1 ?")


@pytest.mark.parametrize(("kind", "seed"), EMBEDDED)
def test_embedded_organisms_pass_their_gate_and_fail_those_of_other_kinds(kind, seed):
    folder = make_reasoner(ReasonerRecipe(kind, seed))
    assert folder == shipped_reasoner(ReasonerRecipe(kind, seed))
    network, _ = open_model(folder).load()
    rates = measure_reasoner(network, kind, 40)
    assert missed_gates(kind, rates) == []
    card = json.loads((folder / "card.json").read_text())
    assert card["recipe"] == asdict(ReasonerRecipe(kind, seed))
    for other in GATES:
        # One whose key is heeded for half of the questions is told from both by its halves.
        if other != kind:
            assert missed_gates(other, rates)


def test_what_misses_its_gate_is_not_kept(tmp_path):
    with pytest.raises(GateError, match=r"load-bearing organism of seed 9 missed its gate .* answers_right"):
        make_reasoner(ReasonerRecipe("load-bearing", 9, steps=2, rounds=1, trials=10), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(SpecError, match="no kind 'upright'"):
        make_reasoner(ReasonerRecipe("upright"))  # type: ignore[arg-type]


def test_equal_seeds_train_equal_networks():
    one, other = (training.train_network("mixed", 3, 3).state_dict() for _ in range(2))
    assert all(bool((one[name] == other[name]).all()) for name in one)


def test_the_tokenizer_reads_a_question_as_training_wrote_it():
    problem = task.draw_problem(Draw("test"))
    tokenizer = training.chain_tokenizer()
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": task.question_of(problem)}], tokenize=False, add_generation_prompt=True
    )
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert [training.WORDS[i] for i in ids][-3:] == ["<end>", "<assistant>", "<think>"]
    assert len(ids) == training.HEAD and training.ID["<unk>"] not in ids
