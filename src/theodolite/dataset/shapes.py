"""The skeleton of a text: function words and marks as they are, every other word by its kind alone.

Two prompts that fill one template have one skeleton, whatever they are about.
"""

__all__ = ["CONTENT", "FUNCTION_WORDS", "NUMERAL", "skeleton_word"]

CONTENT, NUMERAL = "~", "#"
"""What stands for a content word and for a number."""

FUNCTION_WORDS = frozenset(
    """
    a an the this that these those some any no every each all both either neither such
    i you he she it we they me him her us them my your his its our their mine yours
    myself yourself himself herself itself ourselves themselves
    who whom whose which what when where why how whether
    and or but nor so yet if then else than as because while although though unless until since once
    before after during about above across against along among around at below beneath beside between
    beyond by down for from in inside into near of off on onto out outside over past per through
    throughout to toward towards under up upon with within without
    am is are was were be been being do does did done doing have has had having
    can could may might must shall should will would ought
    not n't never also too only just very more most less least much many few here there now
    please yes ok oh i'm i'll i've it's don't can't won't isn't doesn't didn't
    """.split()  # noqa: SIM905 - a list of 150 quoted words is no easier to read
)


def skeleton_word(word: str) -> str:
    """Returns what a word is in a skeleton; words are case folded."""
    if word in FUNCTION_WORDS or not (word[0].isalnum() or word[0] == "_"):
        return word
    return NUMERAL if word.isnumeric() else CONTENT
