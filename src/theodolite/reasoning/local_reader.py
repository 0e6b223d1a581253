"""The reader over the local runner: every shared beginning is read once, and branches are read together."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from theodolite.errors import ModelError
from theodolite.reasoning.chain import Item
from theodolite.reasoning.reader import Forced, Free, Usage
from theodolite.reasoning.readout import Given
from theodolite.reasoning.sharing import share_beginnings
from theodolite.reasoning.style import QUOTED_ASK, QUOTED_GO_ON, Style, quote, read_answer, recognise_style
from theodolite.targets import Turn
from theodolite.targets.runner import Fork, Generation, PrefillTest, Runner, Sampling, check_prefill, scoring

__all__ = ["LocalReader", "check_reader_prefill", "find_style"]

_TRIED = 3
"""Items that the style and the prefill are tried on."""


class LocalReader:
    """Reads prefixes with a model in memory.

    Args:
        runner: the model.
        style: of its turns.
        name: what ledgers are bound to; let it say which weights they are.
        given: `quoted` where a begun turn is not continued.
        answers: by question, all its possible answers. Where a question has some, forced answers are the
            likeliest of them, and nothing is generated.
        temperature: of free continuations.
        answer_tokens: longest forced answer.
    """

    def __init__(
        self,
        runner: Runner,
        style: Style,
        name: str = "",
        given: Given = "prefill",
        answers: Mapping[str, Sequence[str]] | None = None,
        temperature: float = 0.7,
        answer_tokens: int = 16,
    ) -> None:
        parts = (name or runner.name, *style.model_dump().values(), temperature, answer_tokens)
        self.name = " ".join(repr(part) for part in parts)
        self.given: Given = given
        self._runner, self._style, self._answers = runner, style, dict(answers or {})
        self._temperature, self._answer_tokens = temperature, answer_tokens
        self._begun = runner.spent

    def count(self, text: str) -> int:
        """Returns how many tokens a text has."""
        return len(self._runner.tokens(text))

    def usage(self) -> Usage:
        """Returns what has gone through the network since the reader was made."""
        spent = self._runner.spent - self._begun
        return Usage(prefilled=spent.n_prefill, decoded=spent.n_decoded)

    def forced(self, prompt: str, prefixes: Sequence[str], answers: Sequence[str]) -> list[Forced]:
        """Returns what is answered after each prefix when the chain is closed there.

        Raises:
            ModelError: the chat template refuses the question.
            SpecError: a prefix is too long for the context.
        """
        texts = [self._closed(prompt, prefix) for prefix in prefixes]
        closed = prompt in self._answers
        logprobs = self._logprobs(texts, answers) if answers else [()] * len(texts)
        if closed:
            return [Forced(None, one) for one in logprobs]
        said = self._generated(texts, [[Sampling(self._answer_tokens, stop=("\n\n",))]] * len(texts))
        return [Forced(read_answer(s.text) or "", one) for (s,), one in zip(said, logprobs, strict=True)]

    def free(
        self, prompt: str, prefixes: Sequence[str], seeds: Sequence[int], max_tokens: int
    ) -> list[list[Free]]:
        """Returns for each prefix how it goes on under each seed.

        Raises:
            ModelError: the chat template refuses the question.
            SpecError: a prefix is too long for the context.
        """
        texts = [self._open(prompt, prefix) for prefix in prefixes]
        samplings = [[self._sampling(text, seed, max_tokens) for seed in seeds] for text in texts]
        found = self._generated(texts, samplings)
        return [
            [self._free(prompt, prefix, said) for said in some]
            for prefix, some in zip(prefixes, found, strict=True)
        ]

    def think(self, prompts: Sequence[str], seed: int, max_tokens: int) -> list[Free]:
        """Returns a whole turn for each prompt, generated in batches.

        Raises:
            ModelError: the chat template refuses a question, or the tokenizer cannot tell two apart.
            SpecError: a question is too long for the context.
        """
        texts = [self._open(prompt, "") for prompt in prompts]
        if len(set(texts)) < len(set(prompts)):
            raise ModelError(
                "two questions are the same tokens to the model, whose tokenizer does not know their words",
                "ask in words that it knows",
            )
        said = self._runner.generate(texts, [self._sampling(text, seed, max_tokens) for text in texts])
        return [self._free(prompt, "", one) for prompt, one in zip(prompts, said, strict=True)]

    def _free(self, prompt: str, prefix: str, said: Generation) -> Free:
        # Where the turn was not begun for the model, it begins its thoughts itself.
        whole = said.text.replace("<think>", "", 1) if self.given == "quoted" else prefix + said.text
        thought, behind = self._style.split(whole)
        answer = None if behind is None else read_answer(behind, self._answers.get(prompt, ()))
        ended = said.stop in ("eos", "stop_string")
        return Free(said.text, answer, len(said.ids), "end" if ended else "cap", thought)

    def _sampling(self, text: Sequence[int], seed: int, max_tokens: int) -> Sampling:
        """A sample's numbers are its own: they depend on the seed and on the text that it continues."""
        digest = blake2b(f"{seed}/{list(text)}".encode(), digest_size=8).digest()
        return Sampling(max_tokens, self._temperature, seed=int.from_bytes(digest, "little") >> 1)

    def _open(self, prompt: str, prefix: str) -> tuple[int, ...]:
        if self.given == "quoted":
            return self._ids(quote(prompt, prefix, QUOTED_GO_ON) if prefix.strip() else prompt, "")
        return self._ids(prompt, self._style.begun(prefix))

    def _closed(self, prompt: str, prefix: str) -> tuple[int, ...]:
        if self.given == "quoted":
            return self._ids(quote(prompt, prefix, QUOTED_ASK), "")
        return self._ids(prompt, self._style.ended(prefix))

    def _ids(self, prompt: str, begun: str) -> tuple[int, ...]:
        if self._runner.has_chat_template:
            return self._runner.prompt([Turn("user", prompt)], begun).ids
        return self._runner.tokens(f"{prompt}\n{begun}", begins=True)

    def _logprobs(self, texts: Sequence[tuple[int, ...]], answers: Sequence[str]) -> list[tuple[float, ...]]:
        # What is asked for stands behind a blank or a line's end: its own blank goes with it.
        gap = "" if self._style.closes.endswith("\n") and not self._style.asks else " "
        said = [self._runner.tokens(gap + answer) or self._runner.tokens("?") for answer in answers]
        heads = list(dict.fromkeys(tuple(one[:-1]) for one in said))
        out: list[tuple[float, ...]] = [()] * len(texts)
        for shared in share_beginnings(texts):
            forks = [
                Fork(cut, (*texts[index][cut:], *head)) for index, cut in shared.branches for head in heads
            ]
            read = self._runner.logits_at(shared.chain, forks)
            for (index, _), scores in zip(
                shared.branches, scoring.scores(read, len(shared.branches), said), strict=True
            ):
                out[index] = tuple(score.total for score in scores)
        return out

    def _generated(
        self, texts: Sequence[tuple[int, ...]], samplings: Sequence[Sequence[Sampling]]
    ) -> list[list[Generation]]:
        # Prefixes that differ in white space alone may be the same tokens: these are generated once.
        wanted = dict(zip(texts, samplings, strict=True))
        distinct = list(wanted)
        found: dict[tuple[int, ...], list[Generation]] = {}
        for shared in share_beginnings(distinct):
            asked = [(distinct[i], cut, one) for i, cut in shared.branches for one in wanted[distinct[i]]]
            forks = [Fork(cut, text[cut:]) for text, cut, _ in asked]
            said = self._runner.generate_at(shared.chain, forks, [one for _, _, one in asked])
            for (text, _, _), one in zip(asked, said, strict=True):
                found.setdefault(text, []).append(one)
        return [found[text] for text in texts]


def find_style(runner: Runner, items: Sequence[Item], max_tokens: int = 1024) -> Style | None:
    """Returns the style of a model's turns, from what it says to the first items; None if it does not reason.

    Args:
        runner: the model.
        items: at least one.
        max_tokens: longest turn.
    """
    tried = items[:_TRIED]
    turns = runner.generate([_turn(runner, item.question) for item in tried], Sampling(max_tokens))
    return recognise_style([turn.text for turn in turns], tried)


def check_reader_prefill(runner: Runner, items: Sequence[Item]) -> PrefillTest:
    """Returns whether the model's begun turn is continued, tried on the items' own questions.

    A model in memory reads whatever tokens it is given, so this tests its template and tokenizer: whether
    a turn can be cut and given back.
    """

    def complete(turns: Sequence[Turn], prefill: str) -> str:
        prompt = (
            runner.prompt(turns, prefill).ids
            if runner.has_chat_template
            else runner.tokens(f"{turns[-1].text}\n{prefill}", begins=True)
        )
        return runner.generate([prompt], Sampling(128))[0].text

    return check_prefill(complete, [item.question for item in items[:_TRIED]])


def _turn(runner: Runner, question: str) -> tuple[int, ...]:
    if runner.has_chat_template:
        return runner.prompt([Turn("user", question)]).ids
    return runner.tokens(f"{question}\n", begins=True)
