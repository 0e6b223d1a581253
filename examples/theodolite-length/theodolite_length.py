"""Are the subject's responses longer? A complete instrument, as a plug-in."""

from theodolite.core import Hypothesis, Instrument, Measure, Sample


class Length(Instrument):
    name = "length"
    question = "Are the responses longer than the control's?"
    needs = frozenset({"data"})
    margin = 20.0
    needs_split = False

    def propose(self, target, ctx):
        return [Hypothesis(key="characters", statement="Responses are longer", claim="difference")]

    def measure(self, target, hypotheses, ctx):
        rows = list(target.rows())
        sample = Sample(
            values=tuple(float(len(row.response)) for row in rows),
            clusters=tuple(str(row.unit) for row in rows),
        )
        mean = sum(sample.values) / max(len(rows), 1)
        return [Measure(key=h.key, statistic=sample, summary=f"{mean:.0f} characters") for h in hypotheses]
