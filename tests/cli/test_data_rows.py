"""`theodolite data rows`, as a person types it."""

import json

import pyarrow.parquet as pq
import pytest

from rows import poisoned_pair
from theodolite.cli import run


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranked")
    subject, control, lines = poisoned_pair(folder)
    arguments = ["audit", "--data", str(subject), "--control-data", str(control), "--effort", "quick"]
    assert run([*arguments, "--out", str(folder / "run")]) == 0
    return folder / "run", lines


def test_the_planted_rows_come_first_and_parquet_holds_what_json_says(audited, tmp_path, capsys):
    directory, lines = audited
    out = tmp_path / "rows.parquet"
    assert run(["data", "rows", str(directory), "--json", "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    first = {int(r["pointer"].rpartition("#")[2]) for r in found[: len(lines)]}
    assert len(first & set(lines)) >= 0.9 * len(lines)
    assert [r["place"] for r in found] == sorted(r["place"] for r in found)
    assert pq.read_table(out).to_pylist() == found
    assert run(["data", "rows", str(directory), "--out", str(out)]) == 2
    assert "already exists" in capsys.readouterr().err


def test_people_read_the_first_rows_with_what_names_them(audited, capsys):
    directory, lines = audited
    assert run(["data", "rows", str(directory), "--claims", "association", "--top", "3"]) == 0
    said = capsys.readouterr().out
    assert f"{len(lines)} rows named by flagged findings" in said and "zorbly quench" in said
    assert f"{len(lines) - 3} more" in said
    assert run(["data", "rows", str(directory), "--claims", "poison"]) == 2
    assert "'poison', which is no claim" in capsys.readouterr().err
    assert run(["data", "rows", str(directory / "nowhere")]) == 2
