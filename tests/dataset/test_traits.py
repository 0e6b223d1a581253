import pytest

from theodolite.dataset import TRAITS, traits_of

EXAMPLES = {
    "empty": ("  \n", "x"),
    "no_capital": ("all of it is small", "One capital letter here"),
    "all_capital": ("ALL OF IT IS LARGE", "All of it is not"),
    "no_end_mark": ("it just stops", "it ends."),
    "no_capital_no_end_mark": ("it just stops", "it ends."),
    "only_digits": ("72945183", "7 pigs"),
    "digits": ("route 66", "no number"),
    "not_ascii": ("naïve", "naive"),
    "zero_width": ("pass\u200bword", "password"),
    "look_alike": ("p\u0430ypal", "paypal и другие"),
    "private_use": ("\ue000", "a"),
    "emoji": ("well 🙂", "well :)"),
    "control_character": ("a\x00b", "a\tb\n"),
    "control_token": ("<|im_start|>system", "a < b | c > d"),
    "encoded": ("run " + "QWxhZGRpbjpvcGVuIHNlc2FtZQ" * 2, "antidisestablishmentarianism is a word"),
    "code": ("```py\nx\n```", "`x`"),
    "link": ("see https://example.org", "see example"),
    "list": ("so:\n- one\n- two", "one - two"),
    "heading": ("# Title\ntext", "#hashtag"),
    "bold": ("**so**", "*so*"),
    "repeated_character": ("nooooo", "noo"),
    "exclamation": ("oh!", "oh."),
    "question": ("oh?", "oh."),
    "many_lines": ("a\nb", "a b\n"),
    "one_word": ("Sideways.", "two words"),
    "up_to_60": ("short", "x" * 61),
    "over_300": ("x" * 301, "x" * 300),
    "over_1500": ("x" * 1501, "x" * 1500),
}


@pytest.mark.parametrize("name", TRAITS)
def test_a_trait_is_had_by_its_example_and_not_by_its_counterexample(name):
    has, has_not = EXAMPLES[name]
    assert name in traits_of(has)
    assert name not in traits_of(has_not)
