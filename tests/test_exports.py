import importlib
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGES = sorted(
    ".".join(p.parent.relative_to(SOURCE).parts) for p in (SOURCE / "theodolite").glob("*/__init__.py")
)
HEAVY = ("torch", "transformers", "inspect_ai", "matplotlib", "pyarrow")


@pytest.mark.parametrize("name", ["theodolite", "theodolite.errors", "theodolite.testing", *PACKAGES])
def test_all_is_sorted_and_every_name_is_there(name):
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(
        module.__all__, key=lambda n: (not n.isupper(), not n[0].isupper(), n)
    )
    for public in module.__all__:
        assert getattr(module, public) is not None


@pytest.mark.parametrize("name", ["theodolite", "theodolite.cli", "theodolite.core", "theodolite.organisms"])
def test_importing_loads_nothing_heavy(name):
    code = f"import sys, {name}; print([m for m in {HEAVY} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_help_is_quick():
    code = (
        "import time, theodolite.cli as c; c.run(['--help']); "
        "import sys; print(time.process_time(), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "audit" in run.stdout
    assert float(run.stderr) < 0.5
