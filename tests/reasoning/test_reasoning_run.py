"""`theodolite reasoning run` and `band`, as a person types them, and what stands behind them."""

import json
from pathlib import Path

import pytest

from theodolite.cli import run
from theodolite.core import Estimate
from theodolite.errors import DataError, OutputError, SpecError
from theodolite.organisms import chain_task
from theodolite.organisms.reasoner import items_of
from theodolite.reasoning import Chain, Free, Item, Usage, conclude
from theodolite.reasoning.conclusions import conclusions
from theodolite.reasoning.controlling import try_control
from theodolite.reasoning.default_items import default_items
from theodolite.reasoning.reliance import FIGURES, Figure, Reliance
from theodolite.reasoning.sharing import share_beginnings
from theodolite.reasoning.synonyms import read_synonyms, say_plainly
from theodolite.reasoning.thinking import sample_chains
from theodolite.reasoning.verdict import Band, BandRange

EMBEDDED = Path(chain_task.__file__).parent / "embedded" / "reasoners"


@pytest.fixture
def typed(tmp_path):
    items = tmp_path / "items.jsonl"
    items.write_text("\n".join(json.dumps(line) for line in items_of(6, seed=8)))

    def command(model, out, *more):
        folder = EMBEDDED / model
        words = ["reasoning", "run", str(folder), "--items", str(items), "--out", str(tmp_path / out)]
        words += ["--synonyms", str(folder / "synonyms.json"), "--chunks", "7", "--unit", "step"]
        return [*words, "--max-tokens", "90", *more]

    return command


def test_a_run_says_what_it_cost_and_goes_on_for_nothing(typed, tmp_path, capsys):
    words = typed(
        "post-hoc-0", "run", "--arms", "own,summary,corrupt,other", "--free", "own,summary", "--json"
    )
    assert run(words) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["given"] == "prefill" and first["prefill"] == "continued"
    value = {f["name"]: f["estimate"]["value"] for f in first["figures"]["figures"] if f.get("estimate")}
    assert (value["gain"], value["follow"], value["keep"], value["encoding_gap"]) == (0, 0, 1, 0)
    assert first["spent"]["calls"] > 0 and first["cost"]["prefill_forked"] < first["cost"]["prefill_naive"]
    assert run(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["cost"]["readouts"] == 0 and again["spent"] == first["spent"]
    assert again["figures"] == first["figures"]
    assert run(["reasoning", "curve", "--from", str(tmp_path / "run")]) == 0
    assert "6 chains" in capsys.readouterr().out


def test_a_run_on_one_screen_and_a_plan_that_reads_nothing(typed, tmp_path, capsys):
    assert run(typed("encoded-0", "e", "--arms", "own,summary,corrupt", "--plan")) == 0
    said = capsys.readouterr().out
    assert "144 read-outs" in said and (tmp_path / "e" / "readouts.jsonl").stat().st_size == 0
    assert run(typed("encoded-0", "e", "--arms", "own,summary,corrupt", "--band", "sums")) == 0
    said = capsys.readouterr().out
    assert "Begun turns are continued" in said
    # Six items are too few for a right verdict, and none is false.
    assert "Against clean organisms: inconclusive" in said or "organisms: encoded" in said
    assert max(len(line) for line in said.splitlines()) <= 170


def test_what_cannot_be_is_one_line_and_a_hint(typed, tmp_path, capsys):
    assert run(typed("post-hoc-0", "x", "--arms", "own,none,each")) == 2
    assert "no arm 'each'" in capsys.readouterr().err
    for more, said in (
        (("--arms", ""), "no arm is named"),
        (("--arms", "own", "--free", "other"), "--arms does not"),
        (("--chunks", "0"), "0 is not in the range"),
        (("--seeds", "0"), "0 is not in the range"),
        (("--tokenizer", "somewhere"), "--tokenizer is for a model behind a server"),
    ):
        assert run(typed("post-hoc-0", "x", *more)) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "s.jsonl").write_text('{"item": "no", "arm": "summary", "chunks": ["a"]}')
    assert run(typed("post-hoc-0", "x", "--summaries", str(tmp_path / "s.jsonl"))) == 2
    assert "'no', which is no item" in capsys.readouterr().err
    assert run(typed("post-hoc-0", "x", "--band", "nowhere.json")) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert run(["reasoning", "organism", "upright", "--out", str(tmp_path / "u")]) == 2
    assert "no kind 'upright'" in capsys.readouterr().err


def test_a_folder_of_other_chains_is_refused(tmp_path):
    class Thinker:
        given = "prefill"

        def __init__(self, name):
            self.name, self.asked = name, 0

        def count(self, text):
            return len(text.split())

        def usage(self):
            return Usage()

        def think(self, prompts, seed, max_tokens):
            self.asked += len(prompts)
            return [Free("x", "4", 3, "end", f"first {p}. then 2 + 2. ") for p in prompts]

    items = [Item(id=str(i), question=f"q{i}") for i in range(20)]
    items += [
        Item(id="r", question="?", chain="recorded. so", answer="7"),
        Item(id="n", question="?", chain=""),
    ]
    one = Thinker("one")
    chains = sample_chains(items, one, tmp_path / "c.jsonl", 2)  # type: ignore[arg-type]
    assert one.asked == 20
    assert [chain.state for chain in chains[-2:]] == ["never_mentioned", "no_answer"]
    assert sample_chains(items, one, tmp_path / "c.jsonl", 2) == chains and one.asked == 20  # type: ignore[arg-type]
    with pytest.raises(OutputError, match="chains of another model"):
        sample_chains(items, Thinker("two"), tmp_path / "c.jsonl", 2)  # type: ignore[arg-type]
    twice = [items[0], items[0].model_copy(update={"id": "again"})]
    with pytest.raises(DataError, match="items '0' and 'again' ask the same question"):
        sample_chains(twice, one, tmp_path / "t.jsonl", 2)  # type: ignore[arg-type]


def test_what_the_model_cannot_read_or_answer_is_said_and_not_measured(typed, tmp_path, capsys):
    folder = str(EMBEDDED / "post-hoc-0")
    items = str(tmp_path / "items.jsonl")
    words = ["reasoning", "control", folder, "--items", items, "--word", "well", "--max-tokens", "90"]
    assert run([*words, "--out", str(tmp_path / "c")]) == 2
    assert "does not know their words" in capsys.readouterr().err
    # Every chain is cut off before its answer, and is counted so.
    lines = [json.loads(line) for line in Path(items).read_text().splitlines()]
    Path(items).write_text("".join(json.dumps(line | {"chain": ""}) + "\n" for line in lines))
    assert run(typed("post-hoc-0", "n", "--arms", "own")) == 2
    assert "nothing can be read (6 no answer)" in capsys.readouterr().err


def test_arms_that_nobody_wrote_are_counted_by_reason(typed, tmp_path, capsys):
    words = [w for w in typed("post-hoc-0", "w", "--arms", "own,paraphrase") if w]
    assert run(words) == 0
    assert "Without the arm paraphrase: 6 items, as nobody wrote one." in capsys.readouterr().out


def test_control_counts_only_items_where_obeying_takes_a_change(tmp_path):
    class Obedient:
        """Uses 'so' in odd items; obeys in items below 3, and answers otherwise where it avoids."""

        name, given = "obedient", "prefill"

        def count(self, text):
            return len(text.split())

        def usage(self):
            return Usage()

        def think(self, prompts, seed, max_tokens):
            out = []
            for prompt in prompts:
                number = int(prompt[1])
                uses, answer = number % 2 == 1, "4"
                if "do not use" in prompt and number < 3:
                    uses, answer = False, "5"
                if "at least once" in prompt and number < 3:
                    uses = True
                out.append(Free("x", answer, 3, "end", "We think. So it is. " if uses else "We think. "))
            return out

    items = [Item(id=str(i), question=f"q{i}") for i in range(6)]
    trials = try_control(items, Obedient(), "So", tmp_path / "c.jsonl")  # type: ignore[arg-type]
    assert [(t.instruction, t.obeyed, t.same_answer) for t in trials] == [
        ("include", True, True),
        ("avoid", True, False),
        ("include", True, True),
        ("avoid", False, True),
        ("include", False, True),
        ("avoid", False, True),
    ]
    with pytest.raises(SpecError, match="is empty"):
        try_control(items, Obedient(), " ", tmp_path / "d.jsonl")  # type: ignore[arg-type]


def test_an_answer_moves_with_the_last_number_whatever_hides_behind_it():
    item = Item(id="1", question="?", answers=("a", "b", "c", "d"), moves=3)
    chain = Chain(item="1", state="cut", answer="b", chunks=("1 + 1 = 2;", "2 + 3 = 5;"), tokens=(5, 5))
    conclude = conclusions([item], [chain])["1"]
    assert conclude(["2 + 3 = 5;"]) == "b"
    assert conclude(["2 + 3 = 6;"]) == "a"
    assert conclude(["2 + 3 = 3;"]) == "d"
    assert conclude(["nothing"]) is None
    assert conclusions([Item(id="1", question="?", answers=("a",))], [chain]) == {}


def test_plain_words_take_away_the_choice_of_words_alone(tmp_path):
    chain = Chain(item="1", state="cut", answer="b", chunks=("Sure, 2 fine; ", "Unsure."), tokens=(5, 5))
    (said,) = say_plainly([chain], {"sure": "yes", "fine": "well"})
    assert said.chunks == ("yes, 2 well; ", "Unsure.")
    table = tmp_path / "t.json"
    for text, problem in (("[1]", "no table"), ("{", "no JSON"), ('{"a": 1}', "no table")):
        table.write_text(text)
        with pytest.raises(DataError, match=problem):
            read_synonyms(table)
    table.write_text('{"Indeed": "yes"}')
    assert read_synonyms(table) == {"indeed": "yes"}


def test_shared_beginnings_hold_every_text_once():
    own = [tuple(range(n)) for n in (5, 20, 60)]
    other = [(*range(5), *range(100, 100 + n)) for n in (1, 50)]
    texts = [*own, *other, own[1]]
    shared = share_beginnings(texts)
    seen = [index for one in shared for index, _ in one.branches]
    assert sorted(seen) == list(range(len(texts)))
    for one in shared:
        for index, cut in one.branches:
            assert texts[index][:cut] == one.chain[:cut] and cut < len(texts[index])
    assert len(shared) == 2


def test_default_items_have_the_answer_that_their_words_give():
    for item in default_items(30, seed=1):
        total = None
        for sentence in item.question.split(". ")[:6]:
            number = next(int(word) for word in sentence.rstrip(".").split() if word.isdigit())
            less = any(word in sentence for word in ("away", "loses", "sells"))
            total = number if total is None else total - number if less else total + number
        assert item.gold == str(total)
    assert default_items(5) == default_items(9)[:5]


def figures_of(**values):
    def figure(name, value):
        low, high = max(value - 0.1, -1.0), min(value + 0.1, 1.0)
        estimate = Estimate(value=value, low=low, high=high, level=0.95, n=40, method="x")
        return Figure(name=name, meaning=FIGURES[name], readout="forced", estimate=estimate)

    return Reliance(
        given="prefill",
        items=40,
        units=40,
        unanswered=0.0,
        figures=tuple(figure(name, value) for name, value in values.items()),
    )


@pytest.mark.parametrize(
    ("gain", "gap", "word"), [(0.9, 0.8, "encoded"), (0.9, 0.0, "inconclusive"), (0.0, 0.0, "post hoc")]
)
def test_a_needed_chain_whose_numbers_are_not_followed_is_encoded_if_plain_words_lose_it(gain, gap, word):
    def ranges(**values):
        return tuple(BandRange(name=n, low=v - 0.1, high=v + 0.1, runs=3) for n, v in values.items())

    band = Band(
        organisms="x",
        load_bearing=ranges(gain=0.9, follow=1.0, keep=0.0, encoding_gap=0.0),
        post_hoc=ranges(follow=0.0, keep=1.0),
    )
    assert conclude(figures_of(gain=gain, follow=0.0, keep=1.0, encoding_gap=gap), band).word == word
