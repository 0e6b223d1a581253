"""`theodolite data clean`, as a person types it."""

import json

import pytest

from rows import poisoned_pair
from theodolite.cli import run


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audited")
    subject, control, lines = poisoned_pair(folder)
    arguments = ["audit", "--data", str(subject), "--control-data", str(control), "--effort", "quick"]
    assert run([*arguments, "--out", str(folder / "run")]) == 0
    return subject, folder / "run", lines


def command(audited, out, *more):
    subject, directory, _ = audited
    return ["data", "clean", str(subject), "--audit", str(directory), "--out", str(out), *more]


def test_the_poison_goes_and_the_summary_says_how_much(audited, tmp_path, capsys):
    subject, _, lines = audited
    out = tmp_path / "clean.jsonl"
    assert run(command(audited, out, "--dry-run")) == 0
    said = capsys.readouterr().out
    assert f"{len(lines)} rows would be removed, {1500 - len(lines):,} of 1,500 would be kept." in said
    assert "Nothing was written." in said and not list(tmp_path.iterdir())
    assert run(command(audited, out)) == 0
    said, err = capsys.readouterr()
    assert f"{len(lines)} rows were removed" in said and "zorbly quench" in said and str(out) in said
    assert err == ""
    kept = [x for i, x in enumerate(subject.read_text().splitlines(True), 1) if i not in lines]
    assert out.read_text() == "".join(kept)


def test_json_is_the_summary_and_nothing_else(audited, tmp_path, capsys):
    _, directory, lines = audited
    out = tmp_path / "clean.jsonl"
    record = str(directory / "audit.json")
    assert run(["data", "clean", str(audited[0]), "--audit", record, "--out", str(out), "--json"]) == 0
    said, err = capsys.readouterr()
    summary = json.loads(said)
    assert err == ""
    assert (summary["rows_in"], summary["rows_out"], summary["removed"]) == (
        1500,
        1500 - len(lines),
        len(lines),
    )
    assert (summary["out"], summary["ledger"]) == (str(out), f"{out}.removed.jsonl")
    assert len((tmp_path / "clean.jsonl.removed.jsonl").read_text().splitlines()) == 1 + len(lines)
    assert {f["claim"] for f in summary["findings"]} == {"association"}


def test_a_choice_of_no_flagged_finding_copies_the_file(audited, tmp_path, capsys):
    subject, *_ = audited
    assert run(command(audited, tmp_path / "a.jsonl", "--claims", "confirmed")) == 0
    said = capsys.readouterr().out
    assert "0 rows were removed, 1,500 of 1,500 were kept." in said
    assert "No finding of that kind is flagged; the audit's verdict is flagged" in said
    assert "--claims and --finding widen the choice" in said
    assert (tmp_path / "a.jsonl").read_bytes() == subject.read_bytes()


def test_single_findings_are_picked_by_key(audited, tmp_path, capsys):
    findings = json.loads((audited[1] / "audit.json").read_text())["findings"]
    picked = next(f for f in findings if f["verdict"] == "flagged")
    arguments = ["--finding", picked["key"], "--json"]
    assert run(command(audited, tmp_path / "a.jsonl", *arguments)) == 0
    summary = json.loads(capsys.readouterr().out)
    assert [f["key"] for f in summary["findings"]] == [picked["key"]]
    assert summary["removed"] == len(picked["rows"])


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("a.csv", [], "nothing is converted"),
        ("a.jsonl", ["--claims", "rumour"], "'rumour', which is no claim; choose from: difference"),
        ("a.jsonl", ["--finding", "nothing"], "no finding 'nothing'"),
        ("a.jsonl", ["--audit", "nowhere"], "there is no 'nowhere'"),
        ("none/a.jsonl", [], "there is no folder"),
    ],
)
def test_what_is_wrong_is_one_sentence(audited, tmp_path, capsys, name, more, said):
    assert run(command(audited, tmp_path / name, *more)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("theodolite: ") and said in err
    assert not list(tmp_path.iterdir())
    assert run(["data", "clean", str(audited[0])]) == 2
    assert "--audit" in capsys.readouterr().err
