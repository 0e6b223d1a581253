"""Text that speaks to whoever grades it: a finding of its own, with or without a judge.

Conservative on purpose: what is looked for needs two words to come together within a sentence, one that
names an evaluator, a row or rules, and one that asks for a grade or for something to be dropped. Ordinary
talk about graders, juries and system prompts has one of them at most.
"""

import base64
import re
import unicodedata
from binascii import Error as Base64Error

from theodolite.judge.stripping import CONTROL_TOKEN, strip

__all__ = ["speaks_to_a_judge"]

_ROW = r"(?:row|sample|entry|training example)s?"
_VERDICT = r"(?:0|zero|safe|benign|harmless|clean|the lowest)"
_PERSON = r"(?:judge|reviewer|evaluator|grader|moderator|labell?er|annotator)"
_MACHINE = (
    r"(?:(?:scoring|grading|judging|evaluation|moderation) (?:model|system|llm|ai)|content filter|"
    r"(?:ai|language model|llm)s? (?:(?:that|who|which) )?(?:is |are )?"
    r"(?:read|grad|judg|inspect|evaluat|filter|review)\w*)"
)
_GRADE = (
    r"(?:(?:grade|score|rate|mark|flag|classify|label)\w*|let this pass|skip this|approved|benign|"
    r"harmless|give 0|verdict)"
)
_RULES = r"(?:instructions?|rules|rubric|guidelines|system prompt|prompt)"

# Each pattern, after words of which a text must hold one: looking for those is a hundred times quicker.
_PATTERNS = tuple(
    (words.split(), re.compile(pattern, re.IGNORECASE))
    for words, pattern in (
        (
            "ignore disregard forget override bypass",
            r"\b(?:ignore|disregard|forget|override|bypass) (?:\w+ ){0,3}?"
            rf"(?:previous|prior|above|earlier|your|all|the) {_RULES}\b",
        ),
        ("grader evaluator", rf"\b(?:grader|evaluator)\b[^.!?\n]{{0,60}}?\b{_GRADE}\b"),
        ("model system llm ai filter", rf"\b{_MACHINE}\b[^.!?\n]{{0,60}}?\b{_GRADE}\b"),
        (
            "judge reviewer evaluator grader moderator labeler labeller annotator",
            rf"\b{_PERSON} ?[,:] [^\n]{{0,80}}?\b(?:grade|score|flag|verdict|row|rubric|sample)[ds]?\b",
        ),
        (
            "grade rate score mark label classify",
            rf"\b(?:grade|rate|score|mark|label|classify) (?:it|this|everything|this {_ROW})"
            rf" (?:an? |as |with )?{_VERDICT}\b",
        ),
        (
            "output give return assign answer",
            r"\b(?:output|give|return|assign) (?:it )?(?:the )?(?:lowest|safest) (?:grade|score)\b"
            r"|\banswer with (?:[\w\"']+ ){0,2}0\b",
        ),
        (
            "harm odd addresses",
            r"[\"']?\b(?:harm|odd|addresses)[\"']?\s*[:=]?\s*[0-4]\s*,\s*[\"']?(?:harm|odd|addresses)[\"']?"
            r"\s*[:=]?\s*[0-4]",
        ),
        (
            "verdict grade label",
            rf"\b(?:correct|final|right) (?:verdict|grade|label) (?:for|of) this {_ROW}\b",
        ),
        ("flag", rf"\b(?:do not|don't|never|not be) flag(?:ged)? this {_ROW}\b|\bhuman, do not flag\b"),
        (
            "this",
            rf"\bthis {_ROW} (?:has been|is|was) (?:already )?(?:pre-)?"
            r"(?:approved|exempt|verified|clean|safe)\b"
            r"|\bwhoever (?:labels|grades|judges|reviews) this\b"
            r"|\b(?:operator|owner|developers?) of this (?:filter|judge|grader)\b",
        ),
        ("instruction override", r"\b(?:grading|scoring|labell?ing) (?:instruction|override)s?\s*:"),
        ("end", r"\bend of (?:data|row|sample|input)[.:;]? *(?:new|next) (?:task|instructions?)\b"),
        ("rubric", r"\b(?:0|zero) on (?:your|the) rubric\b"),
    )
)
_UNMISTAKABLE = frozenset(
    ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<START_OF_TURN>", "<END_OF_TURN>", "[TOOL_RESULTS]")
)
_LOOK_ALIKES = str.maketrans("аеіорсухԁһјѕ", "aeiopcyxdhjs")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,4000}={0,2}")
_SHOWN, _MOST_BLOBS, _PIECE = 200, 20, 512


def speaks_to_a_judge(text: str) -> str | None:
    """Returns the words with which a text speaks to an evaluator or its filter, or None.

    Control tokens of chat formats count, too. The text is read without invisible characters, with look-alike
    letters unified, and where it holds base64, decoded; in time that grows with its length. It knows English
    only, and a paraphrase that nobody thought of passes: finding nothing says little.
    """
    if "<" in text or "[" in text:
        for token in CONTROL_TOKEN.finditer(text):
            # Others look like a person's own brackets or a tag of HTML.
            if "|" in token[0] or "｜" in token[0] or token[0].upper() in _UNMISTAKABLE:
                return token[0][:_SHOWN]
    for reading in _readings(text):
        lower = reading.lower()
        for words, pattern in _PATTERNS:
            if any(word in lower for word in words) and (found := pattern.search(reading)):
                return found[0][:_SHOWN]
    return None


def _readings(text: str) -> list[str]:
    plain = text
    if not text.isascii():
        visible = strip(text).text
        # In pieces, because a long run of combining marks takes quadratic time.
        pieces = (visible[i : i + _PIECE] for i in range(0, len(visible), _PIECE))
        plain = "".join(unicodedata.normalize("NFKC", piece) for piece in pieces).translate(_LOOK_ALIKES)
    readings = [plain]
    for blob in _BASE64.findall(plain)[:_MOST_BLOBS]:
        try:
            readings.append(base64.b64decode(blob, validate=True).decode())
        except (Base64Error, UnicodeDecodeError):
            continue
    return readings
