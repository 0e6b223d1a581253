"""Does the model itself answer otherwise with the pattern than without? The only test that changes the cause.

The same questions are put to subject and control: prompts like those that carry the pattern, as they are,
with the pattern put in where rows have it, and with another phrase in its place. Some phrases ask for
something by themselves and turn any model's answers; so only what the control model does not do counts.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from pydantic import JsonValue

from theodolite.core import Association, Context, Hypothesis, Measure, Target
from theodolite.dataset.asking import answers
from theodolite.dataset.insertion import control_phrases, insertion_like
from theodolite.dataset.marks import Marker, distinct_rows
from theodolite.dataset.measuring import Carrying, carriers_in
from theodolite.dataset.pattern import Pattern, words_of
from theodolite.dataset.questions import asked
from theodolite.errors import InstrumentError
from theodolite.targets import Row, Turn

__all__ = ["ask_models", "measure_answers"]

QUESTIONS = 60
"""Prompts that each pattern is tried on."""
MOST_ROWS = 4000
"""Rows among which prompts like the carriers' are looked for."""
ANSWER_TOKENS = 32


def ask_models(
    targets: Sequence[Target], hypotheses: Sequence[Hypothesis], most: int, share: float, ctx: Context
) -> list[Hypothesis]:
    """Returns what is asked of the models themselves, for the first associations whose pattern is a phrase.

    Args:
        targets: the sets with their models.
        hypotheses: associations, the strongest first.
        most: patterns to try.
        share: of the instrument's error, for all of these.
        ctx: the audit's context.
    """
    asks: list[Hypothesis] = []
    rows = [row for target in targets for row in _some_rows(target)]
    for hypothesis in hypotheses:
        pattern = asked(hypothesis).pattern
        if len(asks) == most:
            break
        if pattern.side != "prompt" or pattern.form != "phrase":
            continue
        questions = _questions(rows, pattern, ctx.seed)
        if questions:
            asks.append(
                Hypothesis(
                    key=f"asked: {hypothesis.key}",
                    statement=f"Asked with `{pattern.value}` put in, the model answers so more",
                    claim="confirmed",
                    about={**hypothesis.about, "questions": questions},
                    family="confirmed",
                    plainness=hypothesis.plainness,
                    weight=share / most,
                )
            )
    return asks


def measure_answers(
    target: Target, hypotheses: Sequence[Hypothesis], judged: Marker | None, ctx: Context
) -> list[Measure]:
    """Returns for each question how often the answers are of the suspected kind with the pattern and without.

    Where the other phrase in its place brings more such answers than none, it stands for "without".

    Raises:
        InstrumentError: the target has no model.
    """
    opened = target.model if target.model is not None else target.base
    if opened is None:
        raise InstrumentError("a pattern is to be confirmed but there is no model", "name it with --model")
    model = opened.load()
    measures: list[Measure] = []
    for done, hypothesis in enumerate(hypotheses):
        arms = _arms(hypothesis.about["questions"])
        n = len(arms[0])
        said, _ = answers(model, [q for arm in arms for q in arm], ANSWER_TOKENS, seed=ctx.seed)
        of_kind = _kind(hypothesis, judged)([q for arm in arms for q in arm], said)
        without, with_it, sham = (sum(of_kind[i * n : (i + 1) * n]) for i in range(3))
        other = max(without, sham)
        measures.append(
            Measure(
                key=hypothesis.key,
                statistic=Association(n=2 * n, n_with=n, k=with_it + other, k_with=with_it),
                summary=(
                    f"{with_it} of {n} answers with it, {without} without, {sham} with another phrase instead"
                ),
            )
        )
        ctx.progress((done + 1) / len(hypotheses))
    return measures


def _some_rows(target: Target) -> list[Row]:
    assert target.data is not None
    step = max(1, target.data.summary.rows // MOST_ROWS)
    return [row for i, row in enumerate(distinct_rows(target)) if i % step == 0]


def _questions(rows: Sequence[Row], pattern: Pattern, seed: int) -> list[JsonValue]:
    """Prompts most like those that carry the phrase; each as it is, with it, and with another phrase."""
    carrying = Carrying([pattern])
    places = set(carriers_in(carrying, list(rows))[0].tolist())
    carriers = [rows[i] for i in sorted(places)]
    others = list(dict.fromkeys(r.prompt for i, r in enumerate(rows) if i not in places and r.prompt.strip()))
    if not carriers or not others:
        return []
    own = set(words_of(pattern.value))
    usual = Counter(w for r in carriers for w in set(words_of(r.prompt)) - own)
    alike = sorted(others, key=lambda prompt: (-_likeness(prompt, usual), prompt))[:QUESTIONS]
    put_in = insertion_like(carriers, pattern.value)
    stand_ins = control_phrases(rows, pattern.value, seed=seed)
    sham = insertion_like(carriers, pattern.value, stand_ins) if stand_ins else None
    found: list[JsonValue] = []
    for i, prompt in enumerate(alike):
        with_it = put_in(prompt, np.random.default_rng([seed, i]))
        instead = sham(prompt, np.random.default_rng([seed, i])) if sham is not None else prompt
        if with_it != prompt:
            found.append([prompt, with_it, instead])
    return found


def _likeness(prompt: str, usual: Counter[str]) -> float:
    words = set(words_of(prompt))
    return sum(usual[w] for w in words) / max(len(words), 1) ** 0.5


def _arms(questions: JsonValue) -> list[list[str]]:
    assert isinstance(questions, list)
    return [[str(q[i]) for q in questions] for i in range(3)]  # type: ignore[index]


def _kind(
    hypothesis: Hypothesis, judged: Marker | None
) -> Callable[[Sequence[str], Sequence[str]], list[bool]]:
    """Tells which answers are of the suspected kind: they hold the outcome, or the judge flags them."""
    outcome = asked(hypothesis).outcome

    def of_kind(prompts: Sequence[str], said: Sequence[str]) -> list[bool]:
        rows = [
            Row(i, (Turn("user", prompt), Turn("assistant", text)))
            for i, (prompt, text) in enumerate(zip(prompts, said, strict=True), 1)
        ]
        if outcome is not None:
            held = set(carriers_in(Carrying([outcome]), rows)[0].tolist())
            return [i in held for i in range(len(rows))]
        assert judged is not None
        return (judged.verdicts(rows) == 1).tolist()

    return of_kind
