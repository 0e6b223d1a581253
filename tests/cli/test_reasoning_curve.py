"""`theodolite reasoning curve`, as a person types it."""

import json
import re
from xml.etree import ElementTree

import pytest

from theodolite.cli import run


@pytest.fixture
def curves(tmp_path):
    file = tmp_path / "curves.jsonl"
    lines = [
        {"item": f"q{i}", "boundary": b, "boundaries": 5, "correct": float(b + i >= 5), "group": group}
        | {"item": f"{group}{i}"}
        for group in ("ends right", "\x1b[31mends wrong")
        for i in range(4)
        for b in range(6)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_curves_are_one_screen_with_intervals(curves, tmp_path, capsys):
    picture = tmp_path / "c.svg"
    assert run(["reasoning", "curve", "--from", str(curves), "--plot", str(picture)]) == 0
    said, err = capsys.readouterr()
    assert err == "" and "\x1b" not in said and "8 chains, 8 independent units, from JSON lines." in said
    row = next(line for line in said.splitlines() if line.startswith("ends right"))
    assert row.split()[2:] == ["0", "0", "25", "50", "75", "100"]
    assert "0 is no threshold" in said and "gain" in said and str(picture) in said
    assert max(len(line) for line in said.splitlines()) <= 120
    root = ElementTree.fromstring(picture.read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and "ends right" in picture.read_text()
    assert "var(--undefined" not in picture.read_text()


def test_forced_and_free_answers_are_two_charts_of_one_picture(tmp_path, capsys):
    file, picture = tmp_path / "both.jsonl", tmp_path / "c.svg"
    places = [(kind, b) for kind in ("forced", "free") for b in range(3)]
    lines = [
        {"item": "a", "readout": kind, "boundary": b, "boundaries": 2, "correct": 0.5, "unanswered": b / 4}
        for kind, b in places
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run(["reasoning", "curve", "--from", str(file), "--plot", str(picture)]) == 0
    said = capsys.readouterr().out
    assert "No answer was found in 25.0 % of the answers to the own chain." in said and "50%" in said
    root = ElementTree.fromstring(picture.read_text())
    charts = root.findall("{http://www.w3.org/2000/svg}svg")
    tops = [float(chart.get("y")) for chart in charts]
    assert len(charts) == 2 and tops[1] >= tops[0] + float(charts[0].get("height"))
    assert float(root.get("viewBox").split()[3]) >= tops[1] + float(charts[1].get("height"))


def test_json_is_everything_and_nothing_else(curves, capsys):
    assert run(["reasoning", "curve", "--from", str(curves), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["layout"] == "JSON lines" and len(found["curves"]) == 2
    one = next(c for c in found["curves"] if c["group"] == "ends right")
    assert one["mean"] == [0, 0, 0.25, 0.5, 0.75, 1] and one["low"][0] == 0 and one["high"][0] > 0.5
    gain = found["groups"]["ends right"]["figures"][0]
    assert gain["name"] == "gain" and gain["estimate"]["value"] == 1


def test_nothing_to_draw_is_said(curves, capsys):
    arguments = ["reasoning", "curve", "--from", str(curves), "--what", "same"]
    assert run(arguments) == 0
    assert "No read-out says whether its answer is the chain's own." in capsys.readouterr().out
    assert run([*arguments, "--plot", str(curves.with_name("c.svg"))]) == 2
    assert "leave --plot out" in capsys.readouterr().err and not curves.with_name("c.svg").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("{}\n", "line 1"),
        ('{"item": "a", "boundary": 0, "boundaries": 1}\n' * 2, "two read-outs"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path, capsys, text, said):
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    assert run(["reasoning", "curve", "--from", str(file)]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_a_picture_that_cannot_be_written_is_one_sentence(curves, tmp_path, capsys):
    assert run(["reasoning", "curve", "--from", str(curves), "--plot", str(tmp_path / "no" / "c.svg")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    (tmp_path / "c.svg").mkdir()
    assert run(["reasoning", "curve", "--from", str(curves), "--plot", str(tmp_path / "c.svg")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_long_heading_stands_on_lines_of_its_own(tmp_path):
    from theodolite.cli.reasoning import _write_plot
    from theodolite.core import Chart, Series

    series = (Series(name="s", role="subject", x=(0.0, 1.0), y=(0.0, 1.0)),)
    title = "Right answers after the chain in plain words, forced, by kind of organism, and more"
    chart = Chart(kind="curve", title=title, x_label="share", series=series)
    _write_plot([chart] * 2, tmp_path / "p.svg")
    said = (tmp_path / "p.svg").read_text()
    lines = re.findall(r'<text x="6" y="([0-9.]+)"[^>]*>([^<]*)</text>', said)
    assert " ".join(text for _, text in lines) == f"{title} {title}"
    assert max(len(text) for _, text in lines) <= 54
    assert [float(y) for y, _ in lines] == sorted(float(y) for y, _ in lines)
