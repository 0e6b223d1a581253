from pathlib import Path

import pytest

from theodolite.targets import open_data

REAL = Path(__file__).parents[3] / "shared" / "real"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not on this machine")


@needs_real
@pytest.mark.parametrize(
    ("name", "rows", "shape"),
    [
        ("phantom-transfer/clean_10000.jsonl", 10_000, "messages"),
        ("phantom-transfer/uk_prompts_5_percent.jsonl", 500, "prompt"),
        ("lie-detector/ft_v2_lie_train.jsonl", 5158, "prompt/completion"),
        ("hh-rlhf/harmless-base-test.jsonl.gz", 2312, "chosen/rejected"),
        ("gsm8k/test.jsonl", 1319, "prompt/completion"),
    ],
)
def test_real_files_are_read_whole(name: str, rows: int, shape: str) -> None:
    summary = open_data(REAL / name).summary
    assert (summary.rows, summary.unreadable_total) == (rows, 0)
    assert summary.shapes == {shape: rows}


@needs_real
def test_real_dialogues_have_turns_that_alternate_and_differ_in_the_last_answer() -> None:
    rows = list(open_data(REAL / "hh-rlhf/harmless-base-test.jsonl.gz").rows())
    alternate = [
        all(a.role != b.role for a, b in zip(row.turns, row.turns[1:], strict=False)) for row in rows
    ]
    assert sum(alternate) / len(rows) > 0.98
    assert all(row.turns[0].role == "user" and row.rejected is not None for row in rows)
    assert sum(row.rejected != row.turns[-1].text for row in rows) / len(rows) > 0.95


@needs_real
def test_the_one_damaged_row_of_a_published_file_is_found() -> None:
    summary = open_data(REAL / "phantom-transfer/uk_prompts_poison_only.jsonl").summary
    assert [(one.number, one.reason) for one in summary.unreadable] == [
        (762, "has no known shape (its fields: 'prop')")
    ]
