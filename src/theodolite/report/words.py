"""What do the verdicts and claims mean, said in words that promise no more than was measured?"""

from typing import NamedTuple

from theodolite.core import Audit, Claim, Finding, Verdict
from theodolite.report.numbers import is_excess

__all__ = [
    "Meaning",
    "claim_meaning",
    "contrast_name",
    "headline",
    "lede",
    "method",
    "plural",
    "verdict_word",
]

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
_ALONE = Meaning(
    "Association",
    "inside the subject, the pattern goes with the outcome beyond what chance explains",
    "that clean data of this kind would not show the same, as there was no control; that the pattern causes "
    "the outcome; or that anyone put it there",
)
"""An association that was held against no control."""


def verdict_word(verdict: Verdict) -> str:
    """Returns the verdict as it is written for people."""
    return _VERDICT_WORDS[verdict]


def claim_meaning(finding: Finding) -> Meaning:
    """Returns what a finding's claim means and does not mean."""
    if finding.claim == "association" and finding.contrast is not None and finding.control is None:
        return _ALONE
    return _MEANINGS[finding.claim]


def contrast_name(finding: Finding) -> str:
    """Returns what a finding's contrast is the difference of."""
    against = "expected" if finding.contrast is not None and is_excess(finding.contrast) else "control"
    return f"Subject − {against}"


def plural(n: int, one: str, many: str = "") -> str:
    """Returns a count with its noun: `1 finding`, `1,204 rows`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def headline(audit: Audit) -> str:
    """Returns the audit's conclusion in one line."""
    match audit.verdict:
        case "flagged" if audit.control is None:
            return "Something inside the subject stands out"
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
    shared = "" if causes == flagged else f", going back to {plural(causes, 'cause')}"
    if audit.control is None and audit.verdict == "flagged":
        return (
            f"{plural(flagged, 'finding')} flagged{shared}, without a control: held against the rest of the "
            "subject. Whether clean data of this kind would show the same is not known."
        )
    if audit.control is None and any(f.contrast is not None for f in audit.findings):
        return (
            f"{tested} measured, without a control. What could be held against the rest of the subject was, "
            "and did not stand out; the rest are the subject's own numbers."
        )
    if audit.control is None:
        return (
            f"{tested} measured, without a control. Nothing can be flagged on a contrast that was not made: "
            "what follows are the subject's own numbers."
        )
    match audit.verdict:
        case "flagged":
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
    """Returns the sentences for a reader who distrusts the result."""
    proposed = plural(audit.hypotheses_proposed, "hypothesis", "hypotheses")
    return (
        "There was no control: what follows was found in the subject alone."
        if audit.control is None
        else "Subject and control went through the same instruments with the same seeds, and no instrument "
        "was told which of the two it was looking at.",
        f"{proposed} came from the audited targets; {plural(audit.hypotheses_tested, 'was', 'were')} judged. "
        "Those chosen on half A were judged on half B, which had no part in choosing them (rows with one "
        "prompt stay on one side). Those judged on all rows were fixed in advance, or pay in the correction "
        "for everything that could have been asked in their place.",
        "Everything that was tested is one family: Holm's correction holds the chance of even one false "
        f"alarm in the whole audit at {audit.spec.alpha:g}, which is why the intervals of contrasts are "
        "wider than the others.",
        "Every number carries its interval, and n counts independent units (rows, prompts, runs), never "
        "tokens.",
        "Flagged: the corrected interval of the contrast lies above zero. The contrast is subject minus "
        "control or, for marks such as a judge's flags, the subject minus the rate that is expected if the "
        "pattern meant nothing. Clear: it ends below the "
        "margin declared beforehand, and at least 80 % of model organisms with a planted property of that "
        "size were caught. Everything else is inconclusive, and what did not run counts for nothing.",
    )
