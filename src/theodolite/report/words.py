"""What do the verdicts and claims mean, said in words that promise no more than was measured?"""

from typing import NamedTuple

from theodolite.core import Audit, Claim, Verdict

__all__ = ["Meaning", "claim_meaning", "headline", "lede", "method", "plural", "verdict_word"]

_VERDICT_WORDS: dict[Verdict, str] = {
    "flagged": "flagged",
    "clear": "clear",
    "inconclusive": "inconclusive",
    "not_run": "not run",
}


class Meaning(NamedTuple):
    """What a claim says and what it leaves open."""

    name: str
    says: str
    leaves_open: str


_MEANINGS: dict[Claim | None, Meaning] = {
    "difference": Meaning(
        "Difference",
        "subject and control differ in this by more than chance explains",
        "that anything was planted, or that it does harm: sets that were collected or written differently "
        "differ too",
    ),
    "association": Meaning(
        "Association",
        "inside the subject, the pattern goes with the outcome beyond what the control shows",
        "that the pattern causes the outcome, or that anyone put it there: only an intervention shows that",
    ),
    "confirmed": Meaning(
        "Confirmed by intervention",
        "changing the one changed the other: the effect was produced, not just observed",
        "who or what put it there, or that it was meant",
    ),
    None: Meaning("No claim", "", ""),
}


def verdict_word(verdict: Verdict) -> str:
    """Returns the verdict as it is written for people."""
    return _VERDICT_WORDS[verdict]


def claim_meaning(claim: Claim | None) -> Meaning:
    """Returns what a claim means and does not mean."""
    return _MEANINGS[claim]


def plural(n: int, one: str, many: str = "") -> str:
    """Returns a count with its noun: `1 finding`, `1,204 rows`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def headline(verdict: Verdict) -> str:
    """Returns the audit's conclusion in one line."""
    match verdict:
        case "flagged":
            return "The subject stands out from its control"
        case "clear":
            return "Nothing found, by instruments shown to find it"
        case "inconclusive":
            return "Nothing flagged, and not enough to call it clear"
        case "not_run":
            return "Nothing could be measured"


def lede(audit: Audit, causes: int) -> str:
    """Returns the sentence under the headline."""
    flagged = sum(f.verdict == "flagged" for f in audit.findings)
    tested = plural(audit.hypotheses_tested, "hypothesis", "hypotheses")
    if audit.verdict == "not_run":
        return "No instrument ran. The reasons are below; they are no news about the subject, good or bad."
    if audit.control is None:
        return (
            f"{tested} measured, without a control. Nothing can be flagged on a contrast that was not made: "
            "what follows are the subject's own numbers."
        )
    match audit.verdict:
        case "flagged":
            shared = "" if causes == flagged else f", going back to {plural(causes, 'cause')}"
            return (
                f"{plural(flagged, 'finding')} flagged{shared}, among {tested} tested together. What each "
                "one claims, and what it does not, stands beside it."
            )
        case "clear":
            return (
                f"{tested} tested together; no contrast lies above zero, and a planted property of the "
                "declared size was found in at least 80 % of the organisms that carried one."
            )
        case "inconclusive":
            return (
                f"{tested} tested together; no contrast lies above zero, but an interval is too wide, the "
                "measured power too low or not measured, or an instrument did not run."
            )


def method(audit: Audit) -> tuple[str, ...]:
    """Returns five sentences for a reader who distrusts the result."""
    proposed = plural(audit.hypotheses_proposed, "hypothesis", "hypotheses")
    return (
        "Subject and control went through the same instruments with the same seeds, and no instrument was "
        "told which of the two it was looking at.",
        f"{proposed} came from half A of both; {plural(audit.hypotheses_tested, 'was', 'were')} judged on "
        "half B, which had no part in choosing them (rows with one prompt stay on one side; instruments "
        "whose hypotheses are fixed in advance use all rows).",
        "Everything that was tested is one family: Holm's correction holds the chance of even one false "
        f"alarm in the whole audit at {audit.spec.alpha:g}, which is why the intervals of contrasts are "
        "wider than the others.",
        "Every number carries its interval, and n counts independent units (rows, prompts, runs), never "
        "tokens.",
        "Flagged: the corrected interval of subject minus control lies above zero. Clear: it ends below the "
        "margin declared beforehand, and at least 80 % of model organisms with a planted property of that "
        "size were caught. Everything else is inconclusive, and what did not run counts for nothing.",
    )
