"""What the README and the other papers promise."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import theodolite

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_papers_keep_their_length():
    assert len(README.splitlines()) <= 120
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 60


def test_the_two_commands_are_there_and_ci_calls_the_second():
    assert "\npip install -e . && theodolite audit\n" in README
    assert "\npip install -e '.[dev]' && pytest\n" in README
    assert 'grep -oE "&& pytest$" README.md' in (ROOT / ".ci" / "run").read_text()


def test_every_file_that_a_paper_points_to_exists():
    for paper in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", paper.read_text()):
            if "://" not in target:
                assert (paper.parent / target).exists(), f"{paper.name} points to {target}"


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert theodolite.__version__ == project["version"]
    assert "version" not in (ROOT / "CITATION.cff").read_text().replace("cff-version", "")


def test_the_example_in_the_docs_is_the_example_that_is_tested():
    code = (ROOT / "examples" / "theodolite-length" / "theodolite_length.py").read_text()
    shown = (ROOT / "docs" / "write-an-instrument.md").read_text()
    assert code.split("\n\n", 1)[1].strip() in shown
    assert len([line for line in code.splitlines() if line.strip()]) <= 27


@pytest.mark.parametrize("paper", ["docs/dataset.md", "README.md"])
def test_the_python_in_the_papers_runs(paper, tmp_path):
    from rows import requests, write

    write(tmp_path / "train.jsonl", requests(200, 1))
    write(tmp_path / "clean.jsonl", requests(200, 2))
    block = re.search(r"```python\n(.*?)```", (ROOT / paper).read_text(), re.DOTALL)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", block.group(1)], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout


def test_no_path_of_a_particular_machine_is_in_the_tree():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    for name in tracked:
        if name.endswith((".py", ".md", ".toml", ".json", ".yaml", ".html", ".css", ".cff")):
            assert "/wor" + "k/" not in (ROOT / name).read_text(), name
