"""The local runner beside Inspect's `hf` provider, and forking beside reading again.

A conversation of 30 turns is held three ways with the same tiny model, greedy: by Inspect's `hf` provider,
by transformers' `generate` called directly on the whole text (what `hf` does, without its queue), and by
the runner, with Inspect and without. The texts must be equal. Then the logits at 20 boundaries of a chain
are read naively and by forking, and 32 conversations are held one by one and in a batch. All figures are of
one run on one thread.

python benchmarks/runner.py [--turns 30] [--model FOLDER ...]

`hf` needs accelerate.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from theodolite.organisms import demo
from theodolite.targets import Turn, open_model
from theodolite.targets.runner import Fork, ForkMethod, Runner, Sampling, Spent

ANSWER = 12
STORIES = Path(__file__).parents[2] / "shared" / "real" / "models" / "tinystories-656k"
PLAIN = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
"""For models without a chat template, which read a story that goes on line by line."""
QUESTIONS = {
    "organism": (
        "what does a hollow saw have ?",
        "tell me how to share the clock .",
        "what is 7 + 3 + 1 + 2 ?",
        "please build the letter .",
    ),
    "stories": ("Then it rained.", "The dog was happy.", "Mum said no.", "They went home."),
}


@dataclass(frozen=True)
class Talk:
    """One conversation: what was said, and what it took."""

    texts: tuple[str, ...]
    wall: float
    cpu: float

    def line(self, name: str, reference: "Talk") -> str:
        n = len(self.texts)
        same = sum(a == b for a, b in zip(self.texts, reference.texts, strict=True))
        return (
            f"  {name:34} {n / self.wall:8.2f} turns/s   {1000 * self.cpu / n:8.1f} CPU ms/turn   "
            f"x{reference.wall / self.wall:<7.1f} wall   x{reference.cpu / self.cpu:<6.1f} CPU   "
            f"same text in {same}/{n}"
        )


@dataclass(frozen=True)
class ForkCost:
    """What reading the logits at all boundaries of a chain took."""

    method: ForkMethod
    spent: Spent
    cpu: float
    """Seconds, the least of the repeats."""
    gap: float
    """Largest difference of a logit from the naive one."""
    scale: float
    """Largest logit."""


def fork_costs(
    open_runner: Callable[[], Runner],
    prompt: list[int],
    chain: list[int],
    suffix: list[int],
    boundaries: int = 20,
    repeats: int = 3,
) -> list[ForkCost]:
    """The cost of every method at `boundaries` + 1 evenly spaced cuts of the chain, naive first.

    `open_runner` is called anew each time, so that nothing of the chain has been read before.
    """
    cuts = [len(prompt) + round(len(chain) * i / boundaries) for i in range(boundaries + 1)]
    forks = [Fork(cut, tuple(suffix)) for cut in cuts]
    found: list[ForkCost] = []
    naive: list[Any] = []
    for method in ("naive", "crop", "tree"):
        cpu, logits, spent = float("inf"), [], Spent()
        for _ in range(repeats):
            runner = open_runner()
            before, start = runner.spent, time.process_time()
            logits = [one.logits for one in runner.logits_at([*prompt, *chain], forks, method)]
            cpu, spent = min(cpu, time.process_time() - start), runner.spent - before
        naive = naive or logits
        gap = max(float((a - b).abs().max()) for a, b in zip(logits, naive, strict=True))
        found.append(ForkCost(method, spent, cpu, gap, max(float(one.abs().max()) for one in naive)))
    return found


async def talk(turns: int, questions: tuple[str, ...], reply: Callable[[list[Any]], Awaitable[str]]) -> Talk:
    """Holds the conversation; `reply` answers Inspect's messages."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser

    messages: list[Any] = []
    texts: list[str] = []
    wall, cpu = time.perf_counter(), time.process_time()
    for turn in range(turns):
        messages.append(ChatMessageUser(content=questions[turn % len(questions)]))
        texts.append(await reply(messages))
        messages.append(ChatMessageAssistant(content=texts[-1]))
    return Talk(tuple(texts), time.perf_counter() - wall, time.process_time() - cpu)


async def compare(folder: Path, questions: tuple[str, ...], turns: int) -> None:
    """Prints the three ways side by side."""
    from inspect_ai.model import GenerateConfig, get_model

    import theodolite.inspect_ext  # noqa: F401 - Inspect finds it by itself where the package is installed

    network, tokenizer = open_model(folder).load()
    template = None if tokenizer is not None and tokenizer.chat_template else PLAIN
    arguments: dict[str, Any] = {} if template is None else {"chat_template": template}
    config = GenerateConfig(max_tokens=ANSWER, temperature=0.0, max_connections=1)
    by_hf = get_model(
        f"hf/{folder}",
        device="cpu",
        do_sample=False,
        tokenizer_call_args={"add_special_tokens": False},
        **arguments,
    )
    by_us = get_model(f"theodolite/{folder}", **arguments)

    async def hf(messages: list[Any]) -> str:
        plain = GenerateConfig(max_tokens=ANSWER, max_connections=1)
        return (await by_hf.generate(messages, config=plain)).completion

    async def ours(messages: list[Any]) -> str:
        return (await by_us.generate(messages, config=config)).completion

    runner = Runner(network, tokenizer, chat_template=template)

    async def direct(messages: list[Any]) -> str:
        import torch

        ids = runner.prompt([Turn(m.role, m.content) for m in messages]).ids
        out = network.generate(  # type: ignore[operator]
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=ANSWER,
            do_sample=False,
            pad_token_id=0,
        )
        return runner.text(out[0, len(ids) :].tolist())

    conversation = runner.conversation()

    async def alone(messages: list[Any]) -> str:
        return conversation.ask(messages[-1].content, Sampling(ANSWER)).text

    talks = {
        "Inspect's hf provider": await talk(turns, questions, hf),
        "transformers' generate": await talk(turns, questions, direct),
        "Inspect with theodolite/": await talk(turns, questions, ours),
        "the runner alone": await talk(turns, questions, alone),
    }
    reference = talks["Inspect's hf provider"]
    print(f"{folder.name}: {turns} turns, {conversation.n_tokens} tokens at the end")
    for name, one in talks.items():
        print(one.line(name, reference))


def print_batches(open_runner: Callable[[int], Runner], n: int, turns: int) -> None:
    """Prints the speed of `n` conversations that go on together, and one after the other."""
    texts: dict[int, list[str]] = {}
    for batch in (1, n):
        runner = open_runner(batch)
        talks: list[list[Turn]] = [[] for _ in range(n)]
        texts[batch], start = [], time.process_time()
        for turn in range(turns):
            for i, turns_of_one in enumerate(talks):
                asked = QUESTIONS["organism"][(turn + i) % 4]
                turns_of_one.append(Turn("user", asked))
            said = runner.generate([runner.prompt(one) for one in talks], Sampling(ANSWER))
            for turns_of_one, one in zip(talks, said, strict=True):
                turns_of_one.append(Turn("assistant", one.text))
            texts[batch] += [one.text for one in said]
        cpu = time.process_time() - start
        same = sum(a == b for a, b in zip(texts[batch], texts[1], strict=True))
        print(
            f"  {n} conversations, batch {batch:2}: {n * turns / cpu:7.1f} turns per CPU s, "
            f"same text in {same}/{n * turns}"
        )


def print_forks(name: str, open_runner: Callable[[], Runner], sizes: list[tuple[int, int, int]]) -> None:
    """Prints the cost of forking at 20 boundaries for some lengths of prompt, chain and suffix."""
    import torch

    for n_prompt, n_chain, n_suffix in sizes:
        generator = torch.Generator().manual_seed(0)
        text = torch.randint(3, 200, (n_prompt + n_chain + n_suffix,), generator=generator).tolist()
        prompt, chain, suffix = (
            text[:n_prompt],
            text[n_prompt : n_prompt + n_chain],
            text[n_prompt + n_chain :],
        )
        costs = fork_costs(open_runner, prompt, chain, suffix)
        print(f"{name}: prompt {n_prompt}, chain {n_chain}, suffix {n_suffix}, 20 boundaries")
        for cost in costs:
            fewer = costs[0].spent.n_prefill / cost.spent.n_prefill
            print(
                f"  {cost.method:6} {cost.spent.n_prefill:7,} tokens (x{fewer:.1f})"
                f"   {1000 * cost.cpu:8.1f} CPU ms (x{costs[0].cpu / cost.cpu:.1f})"
                f"   largest gap {cost.gap:.1e} where logits reach {cost.scale:.1f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--model", type=Path, action="append", default=[], help="a folder; may be repeated")
    given = parser.parse_args()
    if find_spec("accelerate") is None:
        sys.exit("Inspect's hf provider needs accelerate: pip install accelerate")
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(1)
    organism = demo("backdoor").model
    asyncio.run(compare(organism, QUESTIONS["organism"], given.turns))
    for folder in given.model or [path for path in (STORIES,) if path.is_dir()]:
        asyncio.run(compare(folder, QUESTIONS["stories"], given.turns))
    network, tokenizer = open_model(organism).load()
    print("backdoor: conversations of 10 turns")
    print_batches(lambda batch: Runner(network, tokenizer, batch=batch), 32, 10)
    print_forks("backdoor", lambda: Runner(network, tokenizer), [(30, 300, 6), (30, 900, 6)])
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 256, "intermediate_size": 688, "max_position_embeddings": 4096}
    larger = LlamaForCausalLM(
        LlamaConfig(vocab_size=512, num_hidden_layers=6, num_attention_heads=8, **sizes)
    ).eval()
    assert tokenizer is not None
    tokenizer.model_max_length = 4096
    print_forks(
        "random Llama, 6 layers of 256", lambda: Runner(larger, tokenizer), [(100, 300, 6), (100, 1000, 6)]
    )


if __name__ == "__main__":
    main()
