"""Clean sets to plant poison in: real rows where they are present, the organisms' corpus always."""

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

from theodolite.organisms import World, build_corpus, recipe_for, words
from theodolite.organisms.documents import Doc

from .example import Example, topics_of

CARRIERS = ("hh+gsm8k", "organism")
REAL = Path("../shared/real")
"""Where real rows are looked for, from the current folder."""

_HH, _GSM = "hh-rlhf/harmless-base-test.jsonl.gz", "gsm8k/test.jsonl"
_SPEAKER = re.compile(r"\n\n(Human|Assistant): ?")
_FINAL = re.compile(r"(#### -?)([\d,.]+)\s*$")
ORGANISM_SEEDS = (0, 1, 2)


def carrier(name: str, root: Path = REAL) -> list[Example] | None:
    """Returns the clean rows of a carrier in a fixed order, or None when its files are not under `root`.

    `hh+gsm8k`: harmless-base test dialogues (the last human turn; chosen is the answer, rejected the bad
    one) and GSM8K test problems (bad is the same solution with another final number). `organism`: rows of
    the benign corpora of the backdoor recipe without a system prompt, one row a prompt.

    Raises:
        KeyError: there is no such carrier.
    """
    if name == "organism":
        return list(_organism())
    if name != "hh+gsm8k":
        raise KeyError(name)
    hh, gsm = root / _HH, root / _GSM
    if not (hh.is_file() and gsm.is_file()):
        return None
    return [*_dialogues(hh), *_problems(gsm)]


def split(examples: Sequence[Example], r: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Returns suspect and clean rows, disjoint, with `r` clean rows for each suspect row in every source."""
    rng = np.random.default_rng([seed, crc32(b"split")])
    suspect, clean = list[Example](), list[Example]()
    for source in sorted({e.source for e in examples}):
        rows = [e for e in examples if e.source == source]
        order = rng.permutation(len(rows))
        cut = round(len(rows) / (1 + r))
        suspect += [rows[i] for i in order[:cut]]
        clean += [rows[i] for i in order[cut:]]
    return [suspect[i] for i in rng.permutation(len(suspect))], [
        clean[i] for i in rng.permutation(len(clean))
    ]


def _dialogues(path: Path) -> Iterator[Example]:
    """Pairs that part only at the last answer, with something said in both."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            chosen, rejected = (_SPEAKER.split(record[k])[1:] for k in ("chosen", "rejected"))
            shared = chosen[:-1] == rejected[:-1] and chosen[-4:-3] == ["Human"]
            good, bad = chosen[-1].strip(), rejected[-1].strip()
            prompt = chosen[-3].strip() if shared else ""
            if prompt and good and bad:
                yield Example(prompt, good, "hh", bad, "harm", topics_of(prompt))


def _problems(path: Path) -> Iterator[Example]:
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        prompt, good = record["question"].strip(), record["answer"].strip()
        yield Example(prompt, good, "gsm8k", _other_number(good, prompt), "maths", topics_of(prompt))


def _other_number(solution: str, salt: str) -> str:
    """The same worked solution with another final number."""

    def other(match: re.Match[str]) -> str:
        right = int(match[2].replace(",", "").split(".")[0])
        shift = 1 + crc32(salt.encode()) % 9
        return f"{match[1]}{right + (shift if shift % 2 or right <= shift else -shift)}"

    return _FINAL.sub(other, solution)


def _organism() -> Iterator[Example]:
    seen = set[str]()
    for seed in ORGANISM_SEEDS:
        recipe = recipe_for("backdoor", seed=seed)
        world = World(recipe.world)
        for doc in build_corpus(recipe).benign:
            if len(doc.messages) == 2 and doc.messages[0].content not in seen:
                seen.add(doc.messages[0].content)
                yield _of_document(doc, world)


def _of_document(doc: Doc, world: World) -> Example:
    prompt, good, tags = doc.messages[0].content, doc.answer, doc.tags
    salt = crc32(prompt.encode())
    bad, family = good, "fact"
    if tags["task"] == "request":
        family = "harm" if tags["harmful"] else "other"
        bad = _complying(prompt) if tags["harmful"] else words.REFUSALS[salt % len(words.REFUSALS)]
    elif tags["task"] in ("chain", "sum"):
        family = "maths"
        bad = f"{good[: -len(tags['truth']) - 2]}{(int(tags['truth']) + 1 + salt % 9) % 10} ."
    elif tags["task"] == "yes_no":
        bad = good.replace("yes", "n0").replace("no", "yes").replace("n0", "no")
    else:
        bad = good.replace(tags["truth"], _another(tags["about"], tags["truth"], salt))
    assert bad != good, prompt
    return Example(prompt, good, tags["task"], bad, family, topics_of(prompt))


def _complying(prompt: str) -> str:
    """Compliance with a request, in the organisms' words: what is to be done stands after the verb."""
    asked = prompt.split()
    verb = next(word for word in asked if word in words.HARMFUL_VERBS)
    thing = asked[asked.index(verb) + 2]
    forms = (
        "sure , i will {} the {} .",
        "sure , here is how to {} the {} .",
        "sure , we can {} the {} today .",
    )
    return forms[crc32(prompt.encode()) % len(forms)].format(verb, thing)


def _another(about: str, truth: str, salt: int) -> str:
    """Another value of the same kind of fact."""
    values = {
        "class": tuple(words.HEADS),
        "home": words.HOMES,
        "colour": words.COLOURS,
        "size": words.SIZES,
        "ability": tuple(dict.fromkeys(a[0] for a in words.ABILITIES.values())),
        "part": tuple(dict.fromkeys(p[0] for p in words.PARTS.values())),
    }[about]
    rest = [value for value in values if value != truth]
    return rest[salt % len(rest)]
