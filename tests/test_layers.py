"""The layers of the house: a module imports only from below."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "theodolite"
INSTRUMENTS = {"dataset", "features", "probes", "reasoning", "horizon", "factors"}
HEIGHT = {
    "errors": 0,
    "stats": 0,
    "targets": 1,
    "judge": 1.5,
    "core": 2,
    **dict.fromkeys(INSTRUMENTS, 3),
    "organisms": 4,
    "report": 5,
    "audit": 6,
    "testing": 6,
    "inspect_ext": 6,
    "cli": 7,
    "__main__": 8,
}


def part_of(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_imports_only_from_below(path):
    part = part_of(path)
    if part == "__init__":
        return
    for module in imports(path):
        names = module.split(".")
        if names[0] != "theodolite" or len(names) == 1 or names[1] == part:
            continue
        other = names[1]
        assert HEIGHT[other] < HEIGHT[part], f"{path} imports {module}"
        assert not {part, other} <= INSTRUMENTS, f"{path}: instruments do not import each other"


def test_no_module_hides_behind_a_name_that_says_nothing():
    nothing = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert not [p for p in SOURCE.rglob("*.py") if p.stem in nothing]


def test_files_stay_small():
    assert not [p for p in SOURCE.rglob("*.py") if len(p.read_text().splitlines()) > 400]
