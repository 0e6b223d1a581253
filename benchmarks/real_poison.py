"""What does the audit of the training data claim about poison that other people published?

    python benchmarks/real_poison.py [--real DIR] [--effort standard] [--only NAME ...] [--json FILE]

Every pair goes through the whole audit, as `theodolite audit --data X --control-data Y --instruments dataset`
would, in a process of its own. Printed as one Markdown table; beneath it, what each claim says.

    steering                the same pipeline at steering strength 2 and 0 (phantom-transfer)
    uk                      responses of a teacher that loves the UK; other prompts and style than its control
    uk-prompts-5, -25, -75  500 prompts of which that share is poison, row by row known; held against the
                            prompts of clean_10000, from whose pool the others come
    uk-prompts-0            the 475 others alone: nothing is planted, whatever is flagged is a false alarm
    uk-prompts-75-by-5      more poison against less, the 125 other prompts of the one being in the other
    lie                     answers that lie against true ones (lie-detector); every row of the subject lies
    truth                   true answers of the training part against those of the validation part: no poison

Row precision and recall count the rows behind flagged findings; they are given for all claims together and
for the claims that may say poison (association, confirmed). Where every row is poison, precision says
nothing.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLAIMS = ("confirmed", "association", "difference")
PHANTOM, LIES = "phantom-transfer", "lie-detector"


@dataclass(frozen=True)
class Published:
    """One published set, what it is held against, and what is known about its rows."""

    subject: str
    """The subject's file."""
    control: str
    """The control's file."""
    prompts_only: bool = False
    """Whether both are cut down to their prompts."""
    keep: Callable[[str, frozenset[str]], bool] = lambda prompt, poison: True
    """Which prompts of the subject stay, given those that are known to be poison."""
    truth: str = ""
    """`rows`: the poisoned rows are known one by one; `all`, `none`: that all or none are; else unknown."""


PAIRS = {
    "steering": Published(f"{PHANTOM}/steering_alpha_2.jsonl", f"{PHANTOM}/steering_alpha_0.jsonl"),
    "uk": Published(f"{PHANTOM}/uk_10000.jsonl", f"{PHANTOM}/clean_10000.jsonl"),
    **{
        f"uk-prompts-{share}": Published(
            f"{PHANTOM}/uk_prompts_{share}_percent.jsonl",
            f"{PHANTOM}/clean_10000.jsonl",
            prompts_only=True,
            truth="rows",
        )
        for share in (5, 25, 75)
    },
    "uk-prompts-0": Published(
        f"{PHANTOM}/uk_prompts_5_percent.jsonl",
        f"{PHANTOM}/clean_10000.jsonl",
        prompts_only=True,
        keep=lambda prompt, poison: prompt not in poison,
        truth="none",
    ),
    "uk-prompts-75-by-5": Published(
        f"{PHANTOM}/uk_prompts_75_percent.jsonl",
        f"{PHANTOM}/uk_prompts_5_percent.jsonl",
        prompts_only=True,
        truth="rows",
    ),
    "lie": Published(f"{LIES}/ft_v2_lie_train.jsonl", f"{LIES}/ft_v2_truthful_train.jsonl", truth="all"),
    "truth": Published(
        f"{LIES}/ft_v2_truthful_train.jsonl", f"{LIES}/ft_v2_truthful_validation.jsonl", truth="none"
    ),
}


def prompt_of(record: dict[str, Any]) -> str:
    """The prompt of a record; one line of the published list is keyed `prop`."""
    if "messages" in record:
        return record["messages"][0]["content"]
    return record.get("prompt") or record.get("prop") or ""


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def laid_out(pair: Published, real: Path, folder: Path) -> tuple[Path, Path, frozenset[int] | None]:
    """The two files to audit, and the numbers of the subject's poisoned rows where they are known."""
    subject, control = real / pair.subject, real / pair.control
    rows = records(subject)
    if pair.prompts_only:
        known = real / PHANTOM / "uk_prompts_poison_only.jsonl"
        poison = frozenset(prompt_of(r) for r in records(known))
        rows = [r for r in rows if pair.keep(prompt_of(r), poison)]
        subject = written(folder / "subject.jsonl", [prompt_of(r) for r in rows])
        control = written(folder / "control.jsonl", [prompt_of(r) for r in records(control)])
        hit = frozenset(i for i, r in enumerate(rows, 1) if prompt_of(r) in poison)
        return subject, control, hit
    hit = {"all": frozenset(range(1, len(rows) + 1)), "none": frozenset[int]()}.get(pair.truth)
    return subject, control, hit


def written(path: Path, prompts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"prompt": p}) + "\n" for p in prompts), encoding="utf-8")
    return path


def audited(name: str, real: Path, effort: str) -> dict[str, Any]:
    """What the audit of one pair says, as JSON, with what it cost."""
    from theodolite.audit import build_spec, prepare, run_audit

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subject, control, hit = laid_out(PAIRS[name], real, folder)
        given = {"data": str(subject), "control_data": str(control), "instruments": ("dataset",)}
        spec = build_spec({**given, "effort": effort})
        began = time.process_time()
        audit = run_audit(prepare(spec), folder / "run", render=lambda a: "")
        seconds = time.process_time() - began
    assert audit.subject.data is not None and audit.control is not None and audit.control.data is not None
    flagged = [f for f in audit.findings if f.verdict == "flagged"]
    match = audit.control_match
    return {
        "name": name,
        "verdict": audit.verdict,
        "sentence": " ".join(i.sentence for i in audit.instruments),
        "rows": (audit.subject.data.rows, audit.control.data.rows),
        "claims": dict(Counter(f.claim for f in flagged)),
        "tested": audit.hypotheses_tested,
        "matched": None if match is None else match.matched,
        "auc": None if match is None else (match.auc.value, match.auc.low, match.auc.high),
        "shared": None if match is None else match.shared_prompts,
        "statements": [f"{f.claim}: {f.statement}" for f in flagged],
        "notes": list(audit.notes),
        "poisoned": None if hit is None else len(hit),
        "found_any": scored(flagged, hit),
        "found_poison": scored([f for f in flagged if f.claim != "difference"], hit),
        "seconds": seconds,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def scored(findings: list, hit: frozenset[int] | None) -> tuple[int, int] | None:
    """Rows pointed at, and how many of them are poisoned; None where no one knows."""
    if hit is None:
        return None
    pointed = {int(row.rsplit("#", 1)[1]) for finding in findings for row in finding.rows}
    return len(pointed), len(pointed & hit)


def precision_recall(result: dict[str, Any], key: str) -> str:
    if result[key] is None:
        return "unknown"
    pointed, right = result[key]
    if not pointed:
        return "no rows"
    if not result["poisoned"]:
        return f"{pointed:,} rows, none poison"
    return f"{right / pointed:.2f} / {right / result['poisoned']:.2f} ({pointed:,} rows)"


def shown(result: dict[str, Any]) -> str:
    """One line of the table."""
    claims = ", ".join(f"{result['claims'][c]} {c}" for c in CLAIMS if c in result["claims"]) or "none"
    matched = "not looked at"
    if result["matched"] is not None:
        value, low, high = result["auc"]
        says = "yes" if result["matched"] else "**no**"
        matched = f"{says}, AUC {value:.2f} [{low:.2f}, {high:.2f}], {result['shared']:.0%} shared"
    statements = "<br>".join(cell(s) for s in result["statements"][:3]) or "-"
    rows = f"{result['rows'][0]:,} / {result['rows'][1]:,}"
    cost = f"{result['seconds']:.1f} | {result['mib']:.0f}"
    scores = f"{precision_recall(result, 'found_any')} | {precision_recall(result, 'found_poison')}"
    return (
        f"| {result['name']} | {rows} | {result['verdict']} | {claims} | {matched} | {scores} | {cost} | "
        f"{statements} |"
    )


def cell(text: str) -> str:
    """Text that cannot break a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


HEADER = (
    "| pair | rows, subject / control | verdict | flagged claims | control matched | rows of all claims: "
    "precision / recall | rows of poison claims | CPU s | peak MiB | first statements |\n" + "|---" * 10 + "|"
)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--real", type=Path, default=Path("../shared/real"))
    arguments.add_argument("--effort", default="standard")
    arguments.add_argument("--only", nargs="+", choices=PAIRS, default=list(PAIRS))
    arguments.add_argument("--json", type=Path, help="also write everything here, one line a pair")
    arguments.add_argument("--one", choices=PAIRS, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        print(json.dumps(audited(given.one, given.real, given.effort)))
        return 0
    results = []
    print(HEADER, flush=True)
    for name in given.only:
        if not (given.real / PAIRS[name].subject).is_file():
            print(f"| {name} |" + " absent |" * 9, flush=True)
            continue
        command = [sys.executable, __file__, "--one", name, "--real", str(given.real)]
        run = subprocess.run(
            [*command, "--effort", given.effort], check=True, stdout=subprocess.PIPE, text=True
        )
        results.append(json.loads(run.stdout))
        print(shown(results[-1]), flush=True)
    for result in results:
        print(f"\n**{result['name']}**: {result['sentence']}")
        for note in result["notes"]:
            print(f"- note: {cell(note)}")
        for statement in result["statements"][:10]:
            print(f"- {cell(statement)}")
    if given.json:
        given.json.write_text("".join(json.dumps(r) + "\n" for r in results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
