"""What a cleaning removes, what it refuses, and what a kill may not leave behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rows import poisoned_pair, requests
from theodolite.audit import build_spec, prepare, run_audit
from theodolite.audit.cleaning import clean_data
from theodolite.core import DataFacts, Finding, Rate, contrast, estimate
from theodolite.errors import DataError, OutputError, SpecError
from theodolite.organisms import demo
from theodolite.targets import open_data


def finding(numbers, name="train.jsonl", key="p => q", claim="association", verdict="flagged", **more):
    subject, control = Rate(k=40, n=100), Rate(k=0, n=100)
    rows = tuple(f"data:{name}#{n}" for n in numbers)
    given = {
        "instrument": "dataset",
        "key": key,
        "statement": f"{key} is odd",
        "claim": claim,
        "verdict": verdict,
        "contrast": contrast(subject, control, 0.99),
        "subject": estimate(subject),
        "p_adjusted": 0.001,
        "rows": rows,
        "rows_total": len(rows),
    }
    return Finding(**given | more)


@pytest.fixture(scope="module")
def plain_audit(tmp_path_factory):
    """A real audit of 40 clean rows without a control: a record to put findings into."""
    folder = tmp_path_factory.mktemp("plain")
    lines = [json.dumps(r) + "\n" for r in requests(40, 1)]
    lines[9] = "not json\n"
    lines[20:20] = ["\n"]
    lines[29] = lines[30] = lines[28].upper().replace("PROMPT", "prompt").replace("COMPLETION", "completion")
    (folder / "train.jsonl").write_text("".join(lines))
    spec = build_spec({"data": str(folder / "train.jsonl"), "effort": "quick"})
    return folder, run_audit(prepare(spec), folder / "run", render=lambda a: "")


@pytest.fixture
def audited(plain_audit, tmp_path):
    """Puts findings into the audit and returns the file and the audit.json."""
    folder, result = plain_audit

    def with_findings(*findings):
        path = tmp_path / "audit.json"
        path.write_text(result.model_copy(update={"findings": findings}).model_dump_json())
        return folder / "train.jsonl", path

    return with_findings


def test_from_a_poisoned_corpus_exactly_the_poison_goes(tmp_path):
    subject, control, lines = poisoned_pair(tmp_path)
    given = {"effort": "quick", "data": str(subject), "control_data": str(control)}
    run_audit(prepare(build_spec(given)), tmp_path / "run", render=lambda a: "")
    out = tmp_path / "clean.jsonl"
    cleaned = clean_data(subject, tmp_path / "run", out)
    before = subject.read_bytes().splitlines(keepends=True)
    assert out.read_bytes() == b"".join(line for i, line in enumerate(before, 1) if i not in lines)
    assert (cleaned.rows_in, cleaned.rows_out, cleaned.removed) == (1500, 1500 - len(lines), len(lines))
    assert open_data(out).summary.rows == cleaned.rows_out
    head, *removed = map(json.loads, Path(cleaned.ledger).read_text().splitlines())
    assert {line["row"] for line in removed} == lines
    assert all("zorbly quench" in line["findings"][0]["statement"] for line in removed)
    assert head["source"]["fingerprint"] == open_data(subject).fingerprint
    assert head["out"] == {"file": "clean.jsonl", "rows": 1500 - len(lines)} | {
        "fingerprint": open_data(out).fingerprint
    }
    again = {**given, "data": str(out)}
    second = run_audit(prepare(build_spec(again)), tmp_path / "again", render=lambda a: "")
    # What is gone is missing where the control still has it: that is all there is left to see.
    assert all(f.key.startswith("no ") for f in second.findings if f.verdict == "flagged")


def test_a_difference_alone_removes_nothing_unless_asked(audited, tmp_path):
    file, audit = audited(
        finding([3, 5], key="a", claim="difference"),
        finding([5, 7], key="b", claim="confirmed"),
        finding([8], key="c", verdict="inconclusive"),
    )
    first = clean_data(file, audit, tmp_path / "1.jsonl")
    assert (first.removed, first.flagged_left, [f.key for f in first.findings]) == (2, 1, ["b"])
    second = clean_data(file, audit, tmp_path / "2.jsonl", ["difference", "confirmed"])
    assert (second.removed, second.flagged_left) == (3, 0)
    third = clean_data(file, audit, tmp_path / "3.jsonl", findings=["dataset/a", "a"])
    assert (third.removed, third.flagged_left, [f.rows for f in third.findings]) == (2, 1, [2])
    lines = [json.loads(x) for x in (tmp_path / "2.jsonl.removed.jsonl").read_text().splitlines()]
    assert {x["row"]: [f["key"] for f in x["findings"]] for x in lines[1:]} == {
        3: ["a"],
        5: ["a", "b"],
        7: ["b"],
    }
    assert lines[2]["findings"][1] == {
        "instrument": "dataset",
        "key": "b",
        "claim": "confirmed",
        "statement": "b is odd",
        "p_adjusted": 0.001,
    }
    assert lines[2]["pointer"] == "data:train.jsonl#5"


def test_of_each_cause_only_the_leading_name_is_followed(audited, tmp_path):
    file, audit = audited(
        finding([11], key="differs", claim="difference", related=("dataset/long",)),
        finding([3, 5], key="long", related=("dataset/short", "dataset/differs")),
        finding([6], key="apart"),
        finding([3, 5, 6, 7, 8], key="short", related=("dataset/long", "dataset/second")),
        finding([7, 9], key="second", related=("dataset/short",)),  # of no leading name's rows
    )
    cleaned = clean_data(file, audit, tmp_path / "first.jsonl")
    assert [f.key for f in cleaned.findings] == ["long", "apart", "second"]
    assert (cleaned.removed, cleaned.removed_for_related) == (5, 0)
    assert (cleaned.other_names, cleaned.other_names_rows, cleaned.flagged_left) == (1, 1, 1)
    cleaned = clean_data(file, audit, tmp_path / "all.jsonl", all_names=True)
    assert [f.key for f in cleaned.findings] == ["long", "apart", "short", "second"]
    assert (cleaned.removed, cleaned.removed_for_related) == (6, 1)
    assert (cleaned.other_names, cleaned.other_names_rows, cleaned.flagged_left) == (0, 0, 1)
    cleaned = clean_data(file, audit, tmp_path / "one.jsonl", findings=["short"])
    assert (cleaned.removed, cleaned.other_names, cleaned.flagged_left) == (5, 0, 4)
    claims = ["difference", "association"]
    cleaned = clean_data(file, audit, tmp_path / "two.jsonl", claims)
    assert [f.key for f in cleaned.findings] == ["differs", "apart", "short"]
    assert (cleaned.other_names, cleaned.other_names_rows, cleaned.flagged_left) == (2, 1, 0)


def test_another_name_with_more_rows_than_the_audit_lists_does_not_stop_the_leading_one(audited, tmp_path):
    file, audit = audited(
        finding([3, 5], key="long", related=("dataset/short",)),
        finding([5, 7], key="short", related=("dataset/long",), rows_total=12345),
    )
    cleaned = clean_data(file, audit, tmp_path / "first.jsonl")
    assert (cleaned.removed, cleaned.other_names, cleaned.other_names_rows) == (2, 1, 1)
    with pytest.raises(DataError, match="12,345 rows behind it"):
        clean_data(file, audit, tmp_path / "all.jsonl", all_names=True)


def test_with_nothing_flagged_the_copy_is_identical_and_the_ledger_has_only_its_head(audited, tmp_path):
    file, audit = audited(finding([3], verdict="clear"), finding([4], claim="difference"))
    cleaned = clean_data(file, audit, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == file.read_bytes()
    assert (cleaned.removed, cleaned.rows_in, cleaned.rows_out, cleaned.flagged_left) == (0, 39, 39, 1)
    (head,) = map(json.loads, Path(cleaned.ledger).read_text().splitlines())
    assert head["removed"] == 0 and head["rows_unreadable"] == cleaned.rows_unreadable == 1
    assert head["out"]["fingerprint"] == head["source"]["fingerprint"]


def test_a_finding_that_points_at_no_row_removes_none_and_is_listed(audited, tmp_path):
    file, audit = audited(finding([]))
    cleaned = clean_data(file, audit, tmp_path / "out.jsonl")
    assert (cleaned.removed, [f.rows for f in cleaned.findings]) == (0, [0])


def test_kept_rows_that_repeat_a_removed_one_are_counted(audited, tmp_path):
    file, audit = audited(finding([30]))  # rows 29 and 31 differ from it in case at most
    dry = clean_data(file, audit, tmp_path / "out.jsonl", dry_run=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit.json"]
    cleaned = clean_data(file, audit, tmp_path / "out.jsonl")
    assert dry.model_copy(update={"dry_run": False}) == cleaned
    assert (cleaned.removed, cleaned.repeats_kept) == (1, 2)
    assert json.loads(Path(cleaned.ledger).read_text().splitlines()[0])["repeats_kept"] == 2


def test_what_cannot_be_followed_is_refused(audited, tmp_path):
    def refused(error, match, *findings, file=None, **asked):
        own, audit = audited(*findings)
        with pytest.raises(error, match=match):
            clean_data(file or own, audit, tmp_path / "out.jsonl", **asked)
        assert sorted(p.name for p in tmp_path.iterdir() if p.name != "other.jsonl") == ["audit.json"]

    refused(
        DataError, "12,345 rows behind it, of which the audit lists only 1", finding([1], rows_total=12345)
    )
    refused(DataError, "points at 'data:other.jsonl#3'", finding([3], name="other.jsonl"))
    refused(DataError, "points at", finding([], rows=("data:train.jsonl#-1",), rows_total=1))
    refused(DataError, "row 10 of 'train.jsonl', which holds none", finding([9, 10]))
    refused(DataError, "row 4,000 of", finding([4000]))
    refused(DataError, "no row of 'train.jsonl' would stay", finding({*range(1, 42)} - {10, 21}))
    refused(SpecError, "'rumour', which is no claim", finding([3]), claims=["rumour"])
    refused(SpecError, "names none", finding([3]), claims=[])
    refused(SpecError, "did you mean 'dataset/p => q'", finding([3]), findings=["dataset/p => r"])
    refused(SpecError, "choose from: dataset/p => q", finding([3]), findings=["zzzz"])
    refused(SpecError, "not flagged but clear", finding([3], verdict="clear"), findings=["p => q"])
    two = finding([3]), finding([4], instrument="other")
    refused(SpecError, "the key of 2 findings; write 'dataset/p => q'", *two, findings=["p => q"])
    refused(SpecError, "give one of them", finding([3]), findings=["p => q"], claims=["difference"])
    refused(SpecError, "--all-names both say", finding([3]), findings=["p => q"], all_names=True)
    (tmp_path / "other.jsonl").write_text('{"text": "a"}\n')
    other = tmp_path / "other.jsonl"
    refused(
        DataError, "other.jsonl' is not the file that was audited.*'train.jsonl'", finding([3]), file=other
    )
    refused(DataError, "there is no file", finding([3]), file=tmp_path / "nowhere.jsonl")


def test_nothing_is_written_over(audited, tmp_path):
    file, audit = audited(finding([3]))

    def refused(error, match, out):
        with pytest.raises(error, match=match):
            clean_data(file, audit, out)

    refused(OutputError, "the file to be cleaned itself", file)
    refused(SpecError, "end it in .jsonl: nothing is converted", tmp_path / "out.csv")
    refused(SpecError, "end it in .jsonl", tmp_path / "out.jsonl.gz")
    refused(OutputError, "no folder", tmp_path / "deep" / "out.jsonl")
    refused(OutputError, "no valid Unicode", tmp_path / os.fsdecode(b"\xff.jsonl"))
    (tmp_path / "there.jsonl").write_text("mine")
    refused(OutputError, "already exists", tmp_path / "there.jsonl")
    (tmp_path / "new.jsonl.removed.jsonl").write_text("mine")
    refused(OutputError, "new.jsonl.removed.jsonl' already exists", tmp_path / "new.jsonl")
    (tmp_path / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
    refused(OutputError, "already exists", tmp_path / "dangling.jsonl")
    assert (
        (tmp_path / "there.jsonl").read_text() == (tmp_path / "new.jsonl.removed.jsonl").read_text() == "mine"
    )
    assert not (tmp_path / "new.jsonl").exists()
    clean_data(file, audit, tmp_path / "out.jsonl")
    refused(OutputError, "out.jsonl' already exists", tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl").unlink()
    file, audit = audited(finding([4]))
    refused(OutputError, "removed.jsonl' already exists", tmp_path / "out.jsonl")


def test_what_would_be_read_otherwise_is_not_written(tmp_path):
    # One line alone, with fields of no known name, is one object and no longer JSON Lines.
    lines = [json.dumps({"q": f"why {i}", "a": f"so {i}"}) + "\n" for i in range(6)]
    (tmp_path / "train.json").write_text("".join(lines))
    spec = build_spec({"data": str(tmp_path / "train.json"), "columns": {"prompt": "q", "response": "a"}})
    result = run_audit(prepare(spec), tmp_path / "run", render=lambda a: "")
    found = finding(range(2, 7), name="train.json")
    audit = tmp_path / "audit.json"
    audit.write_text(result.model_copy(update={"findings": (found,)}).model_dump_json())
    with pytest.raises(DataError, match="would not be read as before"):
        clean_data(tmp_path / "train.json", audit, tmp_path / "out.json")
    assert not list(tmp_path.glob("*out*"))
    found = finding(range(3, 7), name="train.json")
    audit.write_text(result.model_copy(update={"findings": (found,)}).model_dump_json())
    clean_data(tmp_path / "train.json", audit, tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == "".join(lines[:2])


def test_a_full_disk_is_one_sentence_and_leaves_nothing(audited, tmp_path, monkeypatch):
    file, audit = audited(finding([3]))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("theodolite.audit.cleaning.write_without", full)
    with pytest.raises(OutputError, match="No space left"):
        clean_data(file, audit, tmp_path / "out.jsonl")
    assert [p.name for p in tmp_path.iterdir()] == ["audit.json"]


KILLED = """
import os, sys
from pathlib import Path
from theodolite.audit.cleaning import clean_data
calls = 0
def dying(function):
    def call(*given, **named):
        global calls
        calls += 1
        if calls == int(sys.argv[4]):
            os._exit(9)
        return function(*given, **named)
    return call
os.fsync, os.link = dying(os.fsync), dying(os.link)
clean_data(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
"""


def test_a_kill_leaves_no_half_file_and_the_same_command_ends_it(audited, tmp_path):
    file, audit = audited(finding([3, 7]))
    whole = tmp_path / "whole.jsonl"
    clean_data(file, audit, whole)
    for step in (2, 4, 6):  # of: flush, link and flush the folder, for the ledger and then for the rows
        folder = tmp_path / str(step)
        folder.mkdir()
        out = folder / "whole.jsonl"
        killed = subprocess.run([sys.executable, "-c", KILLED, str(file), str(audit), str(out), str(step)])
        assert killed.returncode == 9
        ledger = Path(f"{out}.removed.jsonl")
        assert not out.exists() or (out.read_bytes() == whole.read_bytes() and ledger.exists())
        if not out.exists():
            assert list(folder.glob(".part-*"))
            clean_data(file, audit, out)
            assert not list(folder.glob(".part-*"))
        assert out.read_bytes() == whole.read_bytes()
        assert ledger.read_bytes() == Path(f"{whole}.removed.jsonl").read_bytes()


def test_an_embedded_organism_can_be_cleaned(plain_audit, tmp_path):
    data = open_data(demo("backdoor").data)
    facts = DataFacts(
        name=data.name, fingerprint=data.fingerprint, rows=1, rows_unreadable=0, duplicates=0, shapes={}
    )
    _, result = plain_audit
    changes = {"subject": result.subject.model_copy(update={"data": facts}), "findings": (finding([2]),)}
    (tmp_path / "audit.json").write_text(result.model_copy(update=changes).model_dump_json())
    cleaned = clean_data("demo:backdoor", tmp_path, tmp_path / "clean.jsonl")
    lines = demo("backdoor").data.read_bytes().splitlines(keepends=True)
    assert (tmp_path / "clean.jsonl").read_bytes() == lines[0] + b"".join(lines[2:])
    assert cleaned.rows_out == data.summary.rows - 1 == len(lines) - 1
    (tmp_path / "audit.json").write_text(
        result.model_copy(
            update={"subject": result.subject.model_copy(update={"data": None})}
        ).model_dump_json()
    )
    with pytest.raises(SpecError, match="looked at no data"):
        clean_data("demo:backdoor", tmp_path, tmp_path / "again.jsonl")
