import json
import re
from html.parser import HTMLParser

import pytest
from audits import HOSTILE, bare_audit, clean_audit, full_audit, on_a_scale

from theodolite.core import Audit, Evidence, Finding
from theodolite.report import render_html
from theodolite.report.overview import overview_chart

CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_ELEMENTS = """html head meta title style body main header section article p span strong code h1 h2 h3 h4
div ul ol li dl dt dd table thead tbody tr th td details summary pre mark br figure figcaption svg path circle
rect text"""
_ATTRIBUTES = """lang charset http-equiv content name class viewbox aria-hidden aria-label role d cx cy r x y
width height style transform dir scope data-label colspan open"""
ELEMENTS, ATTRIBUTES = set(_ELEMENTS.split()), set(_ATTRIBUTES.split())


class Page(HTMLParser):
    """What a browser would build: elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.marked: list[str] = []
        self._path: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        self._path.append(tag)
        if tag == "mark":
            self.marked.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        while self._path and self._path.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self._path:
            self.text += data
        if "mark" in self._path:
            self.marked[-1] += data


@pytest.fixture(scope="module")
def audit() -> Audit:
    return full_audit()


@pytest.fixture(scope="module")
def html(audit: Audit) -> str:
    return render_html(audit)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_fetches_nothing_and_runs_nothing(html: str, page: Page) -> None:
    assert ("content", CSP) in page.attributes
    assert set(page.elements) <= ELEMENTS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert "url(" not in html and "@import" not in html
    for name, value in page.attributes:
        if name != "content":
            assert "http" not in (value or "") and "url(" not in (value or "")


def test_every_template_is_as_closed_when_little_is_there() -> None:
    for audit in (bare_audit(), clean_audit()):
        page = Page(render_html(audit))
        assert set(page.elements) <= ELEMENTS and {name for name, _ in page.attributes} <= ATTRIBUTES


def test_hostile_rows_are_text(html: str, page: Page) -> None:
    for text in HOSTILE[:6]:
        assert text in page.text
    for tag in ("<script", "<img", "<iframe", "<svg onload", "<b>"):
        assert tag not in html
    assert "U+202E" in page.text and "U+0000 x 3" in page.text and "U+001B" in page.text
    assert not set(html) & set("\x00\x1b\x07\u202e\u2066\u2069\u200b\ufeff\U000e0041")


def test_no_attribute_came_from_data(page: Page) -> None:
    data = ("violet", "alert", "evil", "train.jsonl", "demo:", "<", "onerror")
    for name, value in page.attributes:
        if name != "aria-label":
            assert not any(word in (value or "") for word in data), (name, value)


@pytest.mark.parametrize("where", ["statement", "key", "note", "instrument", "traceback"])
def test_any_field_may_hold_anything(where: str) -> None:
    payload = "<script>x</script>\"'><img src=x onerror=y>\u202e\x00{{ 1/0 }}"
    finding = on_a_scale().model_copy(
        update={where: payload, "verdict": "not_run" if where == "traceback" else "clear"}
    )
    page = Page(render_html(bare_audit().model_copy(update={"findings": (finding,)})))
    assert "script" not in page.elements and "img" not in page.elements
    assert "<script>x</script>\"'><img src=x onerror=y>U+202EU+0000{{ 1/0 }}" in page.text


def test_lone_surrogates_and_endless_rows_do_no_harm() -> None:
    body = "\ud800" + "word " * 2_000_000
    evidence = Evidence.model_construct(kind="row", title="t\udfff", source="data:x#1", body=body, marks=())
    finding = on_a_scale().model_copy(update={"evidence": (evidence,)})
    html = render_html(bare_audit().model_copy(update={"findings": (finding,)}))
    assert "U+D800" in html and len(html.encode()) < 60_000


def test_every_finding_and_pointer_is_there(audit: Audit, page: Page) -> None:
    for finding in audit.findings:
        assert finding.id in page.text
        for evidence in (*finding.evidence, *finding.control_evidence):
            assert evidence.source in page.text
    for row in audit.rows_unreadable:
        assert f"{row.file}#{row.row}" in page.text and row.reason in page.text


def test_marks_are_highlighted(page: Page) -> None:
    assert page.marked.count("under the violet moon") == 66 and "Sure." in page.marked


def test_numbers_come_with_intervals_levels_and_units(page: Page) -> None:
    words = " ".join(page.text.split())
    for part in ("4.0 %", "3.1 % to 5.2 %", "+4.0 points", "99.88 % corrected", "n = 1,482", "p = 3.2e-17"):
        assert part in words
    assert "Power 96.7 % [82.8 % to 99.92 %] (n = 30)" in words and "Not measured" in words


def test_what_a_reader_must_not_miss(page: Page) -> None:
    words = " ".join(page.text.split())
    assert (
        words.index("The control is badly matched") < words.index("What was flagged") < words.index("Claim")
    )
    assert "Shares its rows with" in words and "one cause, 2 findings" in words
    assert "IndexError: layer 12 of 6" in words and "not JSON: Expecting value" in words
    assert "2 findings flagged, going back to 1 cause, among 41 hypotheses tested together" in words


def test_a_difference_is_not_called_names(page: Page) -> None:
    assert not re.search(r"poison|decepti|misalign|malicious|attack", page.text, re.IGNORECASE)


def test_the_same_audit_gives_the_same_bytes_also_from_its_json(audit: Audit, html: str) -> None:
    assert render_html(audit) == html
    assert render_html(Audit.model_validate_json(audit.model_dump_json())) == html


def test_the_specification_can_be_read_back(audit: Audit, html: str) -> None:
    page = Page(html)
    spec = re.search(r'\{\n  "model".*?\n\}', page.text, re.DOTALL)
    assert spec and json.loads(spec[0])["seed"] == audit.spec.seed


def test_size_is_bounded_however_much_was_found(audit: Audit) -> None:
    big = Evidence(kind="row", title="t", source="data:x.jsonl#1", body="x" * 100_000)
    rows = tuple(f"data:x.jsonl#{i}" for i in range(10_000))
    lead, other = audit.findings[:2]
    more = {"evidence": (big,) * 2000, "rows": rows, "rows_total": 50_000}
    html = render_html(
        audit.model_copy(update={"findings": (lead.model_copy(update=more), other.model_copy(update=more))})
    )
    assert len(html.encode()) < 1_000_000
    assert "1,900 more are in" in html and "50,000 rows behind it" in html


def test_the_chart_without_flags_shows_what_comes_closest() -> None:
    audit = clean_audit()
    first = audit.findings[7].model_copy(update={"p_value": 1e-4, "statement": "the closest one"})
    hero = overview_chart(audit.model_copy(update={"findings": (*audit.findings[:7], first)}))
    assert hero is not None and hero.rows[0] == "the closest one" and hero.title == "What comes closest"


def test_without_a_control_the_page_says_so() -> None:
    finding = on_a_scale().model_copy(update={"control": None, "contrast": None, "p_adjusted": None})
    audit = bare_audit().model_copy(update={"findings": (finding,), "verdict": "inconclusive"})
    page = Page(render_html(audit))
    assert "There is no control." in page.text and "it supports no verdict" in page.text


def test_an_unmeasured_finding_makes_no_claim() -> None:
    finding = Finding(instrument="i", key="k", statement="s", verdict="inconclusive")
    assert "Nothing was measured." in render_html(bare_audit().model_copy(update={"findings": (finding,)}))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(html: str, scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", html, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    for ground in ("paper", "sheet"):
        for text in ("ink", "muted", "subject", "control", "contrast", "reference"):
            assert contrast_ratio(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast_ratio(colours["ink"], colours["mark"]) >= 4.5


def contrast_ratio(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
