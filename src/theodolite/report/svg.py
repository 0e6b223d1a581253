"""A matplotlib figure as a small inline SVG: no ids, no links, no clip paths, colours from the page.

matplotlib writes a whole document, with shapes in `defs` that are fetched by `xlink:href`, and with ids that
would collide between two charts on one page. Here each shape is written where it is used and only what is
seen is kept. Colours are drawn as placeholders and come out as CSS variables, so that a chart follows the
page into dark mode. Text is drawn as a placeholder too: matplotlib never sees a character of audited data.
"""

# matplotlib's own annotations are partly unknown; what is passed on from it is annotated here.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from theodolite.report.visible import spell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "Texts", "inline_svg"]

COLOURS = {
    "subject": "#f10001",
    "control": "#f10002",
    "contrast": "#f10003",
    "reference": "#f10004",
    "ink": "#f10005",
    "muted": "#f10006",
    "rule": "#f10007",
    "paper": "#f10008",
}
"""Placeholder colours; each becomes `var(--name)`."""

_KEPT = ("fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "fill-opacity", "text-anchor")
_NUMBER = re.compile(r"-?\d+\.\d+")
_HREF = "{http://www.w3.org/1999/xlink}href"


class Texts:
    """The texts of one chart, each drawn as a placeholder."""

    def __init__(self) -> None:
        self._by_key: dict[str, str] = {}

    def put(self, text: str) -> str:
        """Returns the placeholder to draw in place of `text`."""
        key = f"text{len(self._by_key):04d}"
        self._by_key[key] = text
        return key

    def get(self, key: str) -> str:
        """Returns the text behind a placeholder, or `key` itself where it is none."""
        return self._by_key.get(key, key)


def inline_svg(figure: Figure, texts: Texts, label: str) -> str:
    """Returns the figure as an `<svg>` element for use inside HTML.

    Args:
        figure: drawn with `COLOURS` only; one point is one unit of the view box.
        texts: what stands behind the placeholders in it.
        label: what a screen reader says in its place.
    """
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "theodolite"}):
        figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    root = ElementTree.fromstring(out.getvalue())
    shapes = {f"#{e.get('id')}": e for e in root.iter() if _tag(e) == "path" and e.get("id")}
    parts: list[str] = []
    _write(root, "", shapes, texts, parts)
    return (
        f'<svg class="chart" viewBox="{root.get("viewBox")}" role="img" aria-label="{escape(spell(label))}">'
        + "".join(parts)
        + "</svg>"
    )


def _write(
    element: ElementTree.Element,
    name: str,
    shapes: dict[str, ElementTree.Element],
    texts: Texts,
    parts: list[str],
) -> None:
    match _tag(element):
        case "defs" | "metadata":
            return
        case "g":
            own = element.get("id", "")
            name = own if own.startswith("mark") else name
        case "path":
            parts.append(f'<path{_class(name)} d="{_numbers(element.get("d", ""))}"{_style(element)}/>')
        case "use":
            shape = shapes[element.get(_HREF, "")]
            at = f"translate({_numbers(element.get('x', '0'))} {_numbers(element.get('y', '0'))})"
            parts.append(
                f'<path{_class(name)} d="{_numbers(shape.get("d", ""))}" transform="{at}"{_style(element)}/>'
            )
        case "text":
            x, y = (_numbers(element.get(axis, "0")) for axis in "xy")
            content = escape(spell(texts.get(element.text or "")))
            parts.append(f'<text x="{x}" y="{y}"{_style(element)}>{content}</text>')
        case _:
            pass
    for child in element:
        _write(child, name, shapes, texts, parts)


def _style(element: ElementTree.Element) -> str:
    declarations = (part.partition(":") for part in element.get("style", "").split(";"))
    declared = {"fill": "#000000"} | {key.strip(): value.strip() for key, _, value in declarations}
    kept = {key: _colour(declared[key]) for key in _KEPT if key in declared}
    if kept.get("text-anchor") == "start":
        del kept["text-anchor"]
    style = ";".join(f"{key}:{_numbers(value)}" for key, value in kept.items())
    return f' style="{style}"'


def _colour(value: str) -> str:
    for name, placeholder in COLOURS.items():
        if value == placeholder:
            return f"var(--{name})"
    return "var(--ink)" if value == "#000000" else value


def _numbers(text: str) -> str:
    rounded = _NUMBER.sub(lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), text)
    return " ".join(rounded.split())


def _class(name: str) -> str:
    return f' class="{escape(name)}"' if name else ""


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
