import json
import subprocess
import sys
from pathlib import Path

import pytest

from theodolite.core import choose, installed, load
from theodolite.errors import ContractError, InstrumentError

EXAMPLE = Path(__file__).parents[2] / "examples" / "theodolite-length"


def distribution(folder, name, entry, module=""):
    """A package as pip leaves it: a module and its dist-info."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[theodolite.instruments]\n{entry}\n")
    (folder / f"{entry.split('=')[1].split(':')[0].strip()}.py").write_text(module)
    return folder


def test_the_dataset_instrument_comes_in_by_the_same_door():
    assert "dataset" in installed()
    assert load(installed()["dataset"]).name == "dataset"


def test_listing_imports_no_plug_in(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(distribution(tmp_path, "boom", "boom = boom_module:X", "raise RuntimeError"))
    assert "boom" in installed()
    with pytest.raises(RuntimeError):
        load(installed()["boom"])


def test_two_packages_of_one_name_are_an_error_naming_both(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(distribution(tmp_path / "1", "first-pack", "twice = first_module:X"))
    monkeypatch.syspath_prepend(distribution(tmp_path / "2", "second-pack", "twice = second_module:X"))
    with pytest.raises(InstrumentError, match=r"(?s)(?=.*first-pack)(?=.*second-pack).*uninstall"):
        installed()


def test_an_unknown_instrument_lists_what_there_is():
    with pytest.raises(InstrumentError, match="no instrument 'datasett'; choose from: dataset"):
        choose(["datasett"])


def test_what_is_no_instrument_is_said(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(distribution(tmp_path, "odd", "odd = odd_module:X", "X = 3"))
    with pytest.raises(ContractError, match="not a subclass"):
        load(installed()["odd"])


def test_the_example_installs_for_real_and_runs_in_an_audit(tmp_path):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(EXAMPLE)], check=True, capture_output=True)
    rows = [json.dumps({"prompt": f"p {i}", "completion": "x" * (10 + i % 7)}) for i in range(200)]
    long = [json.dumps({"prompt": f"p {i}", "completion": "x" * (70 + i % 7)}) for i in range(200)]
    (tmp_path / "short.jsonl").write_text("\n".join(rows))
    (tmp_path / "long.jsonl").write_text("\n".join(long))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from theodolite.testing import check_instrument\n"
        "from theodolite_length import Length\n"
        "check_instrument(Length)\n"
        "from theodolite.cli import main\n"
        "main(['audit', '--data', sys.argv[2] + '/long.jsonl',"
        " '--control-data', sys.argv[2] + '/short.jsonl',"
        " '--instruments', 'length', '--out', sys.argv[2] + '/run', '--json'])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(site), str(tmp_path)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    finding = json.loads(run.stdout)["findings"][0]
    assert finding["verdict"] == "flagged"
    assert finding["contrast"]["value"] == pytest.approx(60)
