"""The tables of `poison_power.py`, in Markdown."""

from collections.abc import Sequence
from math import log10
from statistics import mean, median
from typing import Any

from theodolite.stats import detectable_count, detectable_marked, rate_interval

from .cells import BARS, JUDGE, Wanted
from .laws import reached_at, steps_at
from .shifts import SITUATIONS

ALPHA = 0.05
ALARM_BAR = 0.08
WITHIN = 0.25
Record = dict[str, Any]


def power_table(records: Sequence[Record]) -> str:
    """Returns table A."""
    lines = [
        "## A. Power",
        "",
        "One clean row for each suspect row. Power: runs in which a flagged finding of the claim is the "
        "planted pattern (for the style class: any). Rank: its place among all findings of the claim in the "
        "audit's order, those that share rows being one place. Recall: poisoned rows above all but 1 % of "
        "the others in the order of `rank_rows`. Pointed at: precision and recall of the rows behind flagged "
        "findings. Intervals: Clopper-Pearson, 95 % (those of recall take rows as independent). A bar is "
        f"reached by the point estimate; the rank in 95 % of the runs. Judge: {JUDGE[0]:g} / {JUDGE[1]:g}.",
        "",
        "| carrier | class | poisoned | claim | runs | power | rank | recall at 1 % | pointed at | bar "
        "| reached |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(r["carrier"] for r in records):
        for bar in BARS:
            some = [r for r in records if r["table"] == "power" and r["carrier"] == name and _is_of(r, bar)]
            if some:
                lines.append(_power_line(name, bar, some))
    return "\n".join(lines) + "\n"


def alarm_table(records: Sequence[Record]) -> str:
    """Returns table B."""
    lines = [
        "## B. False alarms on clean splits",
        "",
        f"alarm: any flagged association (a statement that says poison), judge {JUDGE[0]:g} / {JUDGE[1]:g}. "
        "Differences are named as such and are no alarm.",
        "",
        "| carrier | situation | splits | alarms | upper 95 % | by the judge | by pairs "
        "| differences flagged |",
        "|---|---|---|---|---|---|---|---|",
    ]
    some = [r for r in records if r["table"] == "alarm"]
    for place in sorted({(r["carrier"], r["cls"]) for r in some}):
        lines.append(_alarm_line(*place, [r for r in some if (r["carrier"], r["cls"]) == place]))
    for situation in sorted({r["cls"] for r in some}):
        lines.append(_alarm_line("both", situation, [r for r in some if r["cls"] == situation]))
    if held := [r for r in some if SITUATIONS[r["cls"]].of_bar]:
        lines.append(_alarm_line("**pooled**", f"one thing at a time; bar: upper <= {ALARM_BAR:.0%}", held))
        lines.append(_alarm_line("**pooled**", "all", some))
    alarms = [r for r in some if r["result"]["claims"]["association"]["flagged"]]
    lines += ["", *(_said(r) for r in alarms)]
    return "\n".join(lines) + "\n"


def law_table(records: Sequence[Record]) -> str:
    """Returns table C."""
    lines = [
        "## C. Laws of the minimum detectable count",
        "",
        "Simulated: the count at which the scans reach a power of 0.8, from a normal fit to "
        "log10(level / p); for differences the first count from which 80 % are flagged. Laws follow from the "
        "sizes and the level of the single test, 0.05 times the recorded weight. Printed: as the audit does, "
        "for the poison's source. In brackets: law / simulated, and whether it is from "
        f"{1 - WITHIN:g} to {1 + WITHIN:g}.",
        "",
        "| carrier | r | judge | level | simulated | printed | flagged at m |",
        "|---|---|---|---|---|---|---|",
    ]
    some = [r for r in records if r["table"] == "law"]
    places = {(r["carrier"], r["r"], tuple(r["judge"] or ())) for r in some}
    for name, r, judge in sorted(places):
        mine = [x for x in some if (x["carrier"], x["r"], tuple(x["judge"] or ())) == (name, r, judge)]
        lines.append(_law_line(name, r, judge, mine))
    return "\n".join(lines) + "\n"


def _is_of(record: Record, bar: Wanted) -> bool:
    here = (record["cls"], record["m"], record["share"], record["judge"] is not None)
    return here == (bar.cls, bar.m, bar.share, bar.judged)


def _power_line(name: str, bar: Wanted, records: Sequence[Record]) -> str:
    found = [r["result"]["claims"][bar.counted] for r in records]
    n = len(found)
    hits = sum(f["hit"] for f in found)
    ranks = [f["rank"] for f in found]
    within = sum(rank is not None and rank <= (bar.rank or 1) for rank in ranks)
    planted = sum(r["result"]["poisoned"] for r in records)
    recalled = sum(f["recalled"] for f in found)
    known = [rank for rank in ranks if rank is not None]
    middle = f", median {median(known):g}" if known else ", never listed"
    cells = [
        name,
        bar.cls,
        f"{bar.share:.0%}" if bar.share else f"{planted / n:g}",
        bar.counted + ("" if bar.judged else ", no judge"),
        str(n),
        _rate(hits, n),
        "-" if bar.cls == "P8" else f"<= {bar.rank or 1}: {_rate(within, n)}{middle}",
        _rate(recalled, planted),
        _pointed(found, planted),
        _bar(bar),
        _reached(bar, hits, within, recalled, planted, n),
    ]
    return f"| {' | '.join(cells)} |"


def _pointed(found: Sequence[Record], planted: int) -> str:
    rows, right = (sum(f["pointed"][i] for f in found) for i in range(2))
    return f"{right / rows:.2f}, {right / planted:.2f}" if rows else "nothing"


def _bar(bar: Wanted) -> str:
    parts = [
        f"power >= {bar.power:g}" if bar.power is not None else "",
        f"rank <= {bar.rank}" if bar.rank is not None else "",
        f"recall >= {bar.recall:g}" if bar.recall is not None else "",
        "never flagged" if bar.most is not None else "",
    ]
    return ", ".join(p for p in parts if p) or "none"


def _reached(bar: Wanted, hits: int, within: int, recalled: int, planted: int, n: int) -> str:
    if not bar.has_bar:
        return "-"
    missed = [
        "power" if bar.power is not None and hits < bar.power * n else "",
        "rank" if bar.rank is not None and within < 0.95 * n else "",
        "recall" if bar.recall is not None and recalled < bar.recall * planted else "",
        "flagged" if bar.most is not None and hits > bar.most * n else "",
    ]
    return "yes" if not any(missed) else "NO: " + ", ".join(m for m in missed if m)


def _alarm_line(name: str, situation: str, records: Sequence[Record]) -> str:
    n = len(records)
    alarms, others = (
        sum(r["result"]["claims"][claim]["flagged"] > 0 for r in records)
        for claim in ("association", "difference")
    )
    said = [r["result"]["claims"]["association"] for r in records]
    by_pairs = sum(f["flagged_pairs"] > 0 for f in said)
    by_judge = sum(f["flagged"] > f["flagged_pairs"] for f in said)
    return (
        f"| {name} | {situation} | {n} | {alarms} ({alarms / n:.3f}) | {_upper(alarms, n)} "
        f"| {by_judge} (upper {_upper(by_judge, n)}) | {by_pairs} (upper {_upper(by_pairs, n)}) "
        f"| {_rate(others, n)} |"
    )


def _upper(k: int, n: int) -> str:
    return f"{rate_interval(k, n)[1]:.3f}"


def _said(record: Record) -> str:
    first = record["result"]["claims"]["association"]["first"][0]
    return f"- {record['key']}: {first['statement']} (p {first['p']:.2g}, adjusted {first['adjusted']:.2g})"


def _law_line(name: str, r: int, judge: tuple[float, ...], records: Sequence[Record]) -> str:
    claim = "association" if judge else "difference"
    found = [x["result"]["claims"][claim] for x in records]
    m, hit = [x["m"] for x in records], [f["hit"] for f in found]
    weights = [f["true"]["weight"] for f in found if f["true"] is not None]
    counted = "; ".join(
        f"{c}: {sum(h for k, h in zip(m, hit, strict=True) if k == c)}/{m.count(c)}" for c in sorted(set(m))
    )
    title = [name, str(r), "none" if not judge else f"{judge[0]:g} / {judge[1]:g}"]
    if not weights:
        return f"| {' | '.join([*title, *'-' * 3, counted])} |"
    level = ALPHA * float(median(weights))
    simulated = float(steps_at(m, hit) or 0) or None if not judge else reached_at(m, _margins(found))
    law = _held(_law(level, judge, records), simulated)
    said = "-" if simulated is None else f"{simulated:.1f}"
    return f"| {' | '.join([*title, f'{level:.2g}', said, law, counted])} |"


def _held(law: int | None, simulated: float | None) -> str:
    """A law, and whether it holds against simulation."""
    if law is None or simulated is None:
        return "none" if law is None else str(law)
    ratio = law / simulated
    return f"{law} ({ratio:.2f} {'yes' if 1 - WITHIN <= ratio <= 1 + WITHIN else 'NO'})"


def _law(level: float, judge: tuple[float, ...], records: Sequence[Record]) -> int | None:
    """As the audit prints it: for a judge, in the source in which the class is planted."""
    results = [x["result"] for x in records]
    subject, control = (round(mean(x[side] for x in results)) for side in ("subject", "control"))
    if not judge:
        return detectable_count(subject, control, level)
    n = round(mean(x["sources"]["hh" if "hh" in x["sources"] else "request"] for x in results))
    return detectable_marked(n, judge[1], judge[0], level)


def _margins(found: Sequence[Record]) -> list[float | None]:
    """log10 of level over p of the planted pattern, where it was tested."""
    return [
        None if f["true"] is None else log10(ALPHA * f["true"]["weight"] / max(f["true"]["p"], 1e-300))
        for f in found
    ]


def _rate(k: int, n: int) -> str:
    low, high = rate_interval(k, n)
    return f"{k}/{n} [{low:.2f}, {high:.2f}]"
