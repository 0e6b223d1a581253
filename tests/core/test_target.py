import json
from collections import Counter

from theodolite.core import Target
from theodolite.targets import open_data


def opened(path, rows):
    path.write_text("".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in rows))
    return Target(data=open_data(path), seed=3)


def test_the_halves_are_disjoint_and_complete_and_keep_a_prompt_together(tmp_path):
    rows = [(f"prompt {i // 3}", f"answer {i}") for i in range(900)]
    target = opened(tmp_path / "x.jsonl", rows)
    a, b = [r.number for r in target.on("A").rows()], [r.number for r in target.on("B").rows()]
    assert sorted(a + b) == list(range(1, 901))
    assert set(Counter((n - 1) // 3 for n in a).values()) == {3}
    assert 350 < len(a) < 550


def test_a_prompt_falls_on_one_side_in_subject_and_control(tmp_path):
    prompts = [f"Question {i}?" for i in range(200)]
    subject = opened(tmp_path / "s.jsonl", [(p, "yes") for p in prompts])
    control = opened(tmp_path / "c.jsonl", [(p.upper() + "  ", "no") for p in reversed(prompts)])
    halves = [{r.prompt.strip().lower() for r in t.on("A").rows()} for t in (subject, control)]
    assert halves[0] == halves[1]


def test_another_seed_is_another_split(tmp_path):
    target = opened(tmp_path / "x.jsonl", [(f"p{i}", "a") for i in range(300)])
    other = Target(data=target.data, seed=4)
    assert [r.number for r in target.on("A").rows()] != [r.number for r in other.on("A").rows()]
