"""The task `theodolite/cot_curve` as Inspect runs it, with a reasoning organism in memory."""

import json
from pathlib import Path

import pytest
from inspect_ai import eval

from theodolite.errors import SpecError
from theodolite.inspect_ext import cot_curve
from theodolite.organisms import chain_task
from theodolite.organisms.reasoner import items_of
from theodolite.reasoning import read_logged

EMBEDDED = Path(chain_task.__file__).parent / "embedded" / "reasoners"


def test_the_inspect_task_leaves_read_outs_that_curves_are_drawn_from(tmp_path):
    items = tmp_path / "items.jsonl"
    items.write_text("\n".join(json.dumps(line) for line in items_of(2, seed=9)))
    (log,) = eval(
        cot_curve(str(items), arms="own,corrupt", chunks=3, unit="step", max_tokens=90),
        model=f"theodolite/{EMBEDDED / 'load-bearing-1'}",
        log_dir=str(tmp_path / "logs"),
        display="none",
        temperature=0.7,
        seed=3,
        epochs=2,
    )
    assert log.status == "success" and log.results is not None, log.error
    assert log.results.scores[0].metrics["accuracy"].value == 1.0
    lines = read_logged(tmp_path / "logs").lines
    assert len(lines) == 2 * 2 * 2 * 4
    assert len({line.item for line in lines}) == 4 and len({line.unit for line in lines}) == 2
    whole = [line for line in lines if line.boundary == 3]
    assert all(line.correct == 1.0 for line in whole if line.arm == "own")
    assert all(line.implied == 1.0 for line in whole if line.arm == "corrupt")
    assert {line.given for line in lines} == {"prefill"}


def test_arms_that_need_other_items_are_refused(tmp_path):
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps({"id": "1", "question": "?"}))
    with pytest.raises(SpecError, match="no arm 'other'"):
        cot_curve(str(items), arms="own,other")
    for wrong, said in (({"chunks": 0}, "chunks=0 is too small"), ({"unit": "page"}, "no unit 'page'")):
        with pytest.raises(SpecError, match=said):
            cot_curve(str(items), **wrong)
    with pytest.raises(SpecError, match="no arm is named"):
        cot_curve(str(items), arms=" ")
