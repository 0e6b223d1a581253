"""Which poison does the audit of the training data see, how often is it wrong, and do its laws hold?

    python benchmarks/poison_power.py [--real DIR] [--out FILE.jsonl] [--json FILE] [--workers 2] [--quick]

The real scanner at the standard effort, over clean rows in which the classes of `benchmarks/poison` are
planted, with judges that are nothing but their error rates. Three tables: (A) power, rank and row recall of
every class against its bars, (B) false alarms of statements that say poison, over clean splits, (C) the
counts that the laws print against those at which the scans reach a power of 0.8.

Every scan is a line of the ledger `--out`, written when it is done: a killed run goes on where it was. Lines
made by another version of the scanner are left alone and not counted.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import theodolite
from poison.carriers import CARRIERS, REAL, carrier, split
from poison.cells import JUDGE, Cell, alarm_cells, in_step, law_cells, power_cells
from poison.scanning import run_cell
from poison.tables import alarm_table, law_table, power_table

FEW, LAW_REPS = 5, 8
LAW_SOURCES = {"hh+gsm8k": "hh", "organism": "request"}
RATIOS = (1, 3, 9)
Record = dict[str, Any]


def main() -> None:
    given = _arguments()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # of the processes that scan
    carriers = [name for name in CARRIERS if carrier(name, given.real) is not None]
    cells = _quick_cells(carriers) if given.quick else _all_cells(carriers, given)
    version = scanner_version()
    records = {r["key"]: r for r in _read(given.out) if r["version"] == version}
    if not given.tables_only:
        _run([c for c in cells if c.key not in records], given, version, records)
    wanted = {c.key for c in cells}
    done = [r for r in records.values() if r["key"] in wanted]
    print(f"Scanner {version}, {len(done)} of {len(cells)} scans, carriers {', '.join(carriers)}.\n")
    for table in (power_table, alarm_table, law_table):
        print(table(done), flush=True)
    if given.json is not None:
        given.json.write_text(
            json.dumps({"version": version, "runs": done}, indent=1) + "\n", encoding="utf-8"
        )


def scanner_version() -> str:
    """Returns a hash of the scanner's and the benchmark's source, so that no two versions share a table."""
    digest = hashlib.blake2b(digest_size=6)
    planted = (
        "carriers",
        "classes",
        "example",
        "judges",
        "phrases",
        "placing",
        "scanning",
        "shifts",
        "truth",
    )
    own = [Path(__file__).parent / "poison" / f"{name}.py" for name in planted]
    for path in [*sorted(Path(theodolite.__file__).parent.rglob("*.py")), *own]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--real", type=Path, default=REAL, help="folder of the real rows")
    parser.add_argument("--out", type=Path, help="ledger, a line for each scan")
    parser.add_argument("--json", type=Path, help="file for every single run")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--reps", type=int, default=10, help="of a line that has a bar")
    parser.add_argument(
        "--splits", type=int, default=300, help="clean splits at least, of the situations of the bar"
    )
    parser.add_argument("--quick", action="store_true", help="two minutes instead of an hour")
    parser.add_argument("--tables-only", action="store_true", help="what the ledger holds, no scan")
    return parser.parse_args()


def _all_cells(carriers: Sequence[str], given: argparse.Namespace) -> list[Cell]:
    return in_step(
        list(power_cells(carriers, given.reps, FEW)),
        list(alarm_cells(carriers, given.splits)),
        list(law_cells(carriers[0], _sizes(carriers[0], given.real), LAW_REPS)),
    )


def _quick_cells(carriers: Sequence[str]) -> list[Cell]:
    name = carriers[0]
    planted = [("P3", 25, None), ("P9", 24, None), ("P3", 12, JUDGE), ("P6", 24, JUDGE), ("P7b", 24, JUDGE)]
    power = [Cell("power", name, cls, 0, m, judge=judge) for cls, m, judge in planted]
    return [*power, Cell("power", name, "P8", 0, share=0.9), *list(alarm_cells([name], 1))]


def _sizes(name: str, real: Path) -> dict[int, tuple[int, int, int]]:
    rows = carrier(name, real)
    assert rows is not None
    parts = {r: split(rows, r, 0) for r in RATIOS}
    source = LAW_SOURCES[name]
    return {r: (len(s), len(c), sum(e.source == source for e in s)) for r, (s, c) in parts.items()}


def _read(ledger: Path | None) -> list[Record]:
    """The lines of the ledger; the last may be torn by a kill, and its scan is done again."""
    if ledger is None or not ledger.is_file():
        return []
    records: list[Record] = []
    for line in ledger.read_bytes().splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            print("a torn line of the ledger is skipped", file=sys.stderr)
    return records


def _run(cells: Sequence[Cell], given: argparse.Namespace, version: str, records: dict[str, Record]) -> None:
    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max(given.workers, 1), mp_context=context) as pool:
        running = {pool.submit(run_cell, cell, given.real): cell for cell in cells}
        for i, future in enumerate(as_completed(running), 1):
            cell = running[future]
            try:
                result = future.result()
            except Exception as error:
                print(f"{cell.key}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                continue
            record = {**cell.as_json(), "version": version, "result": result}
            records[cell.key] = record
            _append(given.out, [record])
            if i % 20 == 0 or i == len(cells):
                print(
                    f"{i} of {len(cells)} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True
                )


def _append(ledger: Path | None, records: Iterable[Record]) -> None:
    if ledger is None:
        return
    with ledger.open("ab+") as file:
        # A kill may have left a line without its end.
        if file.tell() and (file.seek(-1, os.SEEK_END) or True) and file.read(1) != b"\n":
            file.write(b"\n")
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
