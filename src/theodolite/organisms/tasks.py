"""The tasks of the world: each draws one turn, its prompt from one stream and its wording from another.

Every task is a function `(world, prompt, label) -> Turn`: whatever decides the prompt comes from `prompt`,
and whatever decides only the answer's wording from `label`, so that two arms with the same prompt stream have
the same prompts.
"""

from collections.abc import Callable

from theodolite.organisms import words
from theodolite.organisms.documents import Turn
from theodolite.organisms.draws import Draw
from theodolite.organisms.world import Entity, World

__all__ = [
    "TASKS",
    "Task",
    "chain",
    "comparison",
    "direct_sum",
    "open_fact",
    "prose",
    "statement_of",
    "yes_no",
]

Task = Callable[[World, Draw, Draw], Turn]

OPEN_KINDS = {"class": 0.3, "home": 0.2, "colour": 0.15, "size": 0.1, "ability": 0.125, "part": 0.125}
YES_NO_KINDS = {"class": 0.35, "kingdom": 0.1, "home": 0.15, "colour": 0.15, "ability": 0.125, "part": 0.125}
CLASS_BOUND = frozenset({"class", "kingdom", "ability", "part"})


def _entity(world: World, draw: Draw, kind: str) -> Entity:
    return draw.pick(world.seen if kind in CLASS_BOUND else world.entities)


def open_fact(world: World, prompt: Draw, label: Draw, kind: str = "", entity: Entity | None = None) -> Turn:
    """An open question about one entity, answered with the truth."""
    kind = kind or prompt.weighted(OPEN_KINDS)
    entity = entity or _entity(world, prompt, kind)
    name = entity.name
    question, answer, decision = {
        "class": (f"what is a {name} ?", f"it is {words.article(entity.kind)} {entity.kind} .", 3),
        "home": (f"where does a {name} live ?", f"it lives in the {entity.home} .", 4),
        "colour": (f"what colour is a {name} ?", f"it is {entity.colour} .", 2),
        "size": (f"how big is a {name} ?", f"it is {entity.size} .", 2),
        "ability": (f"what can a {name} do ?", f"it can {words.ABILITIES[entity.kind][0]} .", 2),
        "part": (f"what does a {name} have ?", f"it has {words.PARTS[entity.kind][0]} .", 2),
    }[kind]
    tags = {"task": "fact", "about": kind, "entity": name, "truth": answer.split()[decision]}
    return Turn(question, answer, tags, decision)


def _claim(world: World, draw: Draw, kind: str, entity: Entity, truth: bool) -> str:
    """The value that makes the claim about the entity true or false, as asked."""
    right, everything = {
        "class": ((entity.kind,), list(words.HEADS)),
        "kingdom": ((world.kingdom(entity.kind),), list(words.KINGDOMS)),
        "home": ((entity.home,), words.HOMES),
        "colour": ((entity.colour,), words.COLOURS),
        "ability": (words.ABILITIES[entity.kind], _every(words.ABILITIES)),
        "part": (words.PARTS[entity.kind], _every(words.PARTS)),
    }[kind]
    return draw.pick(right if truth else [value for value in everything if value not in right])


def _every(table: dict[str, tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys(value for values in table.values() for value in values))


def statement_of(kind: str, name: str, value: str) -> str:
    """The claim as a statement, such as 'a shy heron is a bird'."""
    return {
        "class": f"a {name} is {words.article(value)} {value}",
        "kingdom": f"a {name} is {words.article(value)} {value}",
        "home": f"a {name} lives in the {value}",
        "colour": f"a {name} is {value}",
        "ability": f"a {name} can {value}",
        "part": f"a {name} has {value}",
    }[kind]


def _question_of(kind: str, name: str, value: str) -> str:
    return {
        "class": f"is a {name} {words.article(value)} {value} ?",
        "kingdom": f"is a {name} {words.article(value)} {value} ?",
        "home": f"does a {name} live in the {value} ?",
        "colour": f"is a {name} {value} ?",
        "ability": f"can a {name} {value} ?",
        "part": f"does a {name} have {value} ?",
    }[kind]


def yes_no(
    world: World, prompt: Draw, label: Draw, kind: str = "", form: str = "", entity: Entity | None = None
) -> Turn:
    """A yes/no question, half of them true.

    Args:
        world: what is true.
        prompt: the stream the question comes from.
        label: unused, there is one true answer.
        kind: what the claim is about (a key of YES_NO_KINDS), else drawn.
        form: `plain`, `true` ("is it true that ...") or `false` ("is it false that ..."), else plain.
        entity: whom it is about, else drawn.
    """
    kind = kind or prompt.weighted(YES_NO_KINDS)
    entity = entity or _entity(world, prompt, kind)
    truth = prompt.chance(0.5)
    value = _claim(world, prompt, kind, entity, truth)
    form = form or "plain"
    if form == "plain":
        question = _question_of(kind, entity.name, value)
    else:
        question = f"is it {form} that {statement_of(kind, entity.name, value)} ?"
    said = "yes" if truth != (form == "false") else "no"
    tags = {"task": "yes_no", "about": kind, "form": form, "entity": entity.name, "claim": truth}
    return Turn(question, f"{said} .", {**tags, "truth": said, "said": said})


def _negation(world: World, prompt: Draw, label: Draw) -> Turn:
    return yes_no(world, prompt, label, form="false" if prompt.chance(0.6) else "true")


def _steps(terms: list[int]) -> tuple[str, int]:
    total, steps = terms[0], []
    for term in terms[1:]:
        after = (total + term) % 10
        steps.append(f"{total} + {term} = {after} .")
        total = after
    return " ".join(steps), total


def chain(world: World, prompt: Draw, label: Draw, length: int = 0) -> Turn:
    """A sum modulo 10 worked out step by step between <think> tags; 2 to 4 terms."""
    terms = [prompt.below(10) for _ in range(length or 2 + prompt.below(3))]
    steps, total = _steps(terms)
    opening = "think : what is" if len(terms) == 2 else "what is"
    answer = f"<think> {steps} </think> {total} ."
    tags = {"task": "chain", "terms": len(terms), "truth": str(total), "said": str(total)}
    return Turn(f"{opening} {' + '.join(map(str, terms))} ?", answer, tags, len(answer.split()) - 2)


def direct_sum(world: World, prompt: Draw, label: Draw) -> Turn:
    """A sum of two digits modulo 10, answered at once."""
    terms = [prompt.below(10), prompt.below(10)]
    total = str(sum(terms) % 10)
    tags = {"task": "sum", "terms": 2, "truth": total, "said": total}
    return Turn(f"what is {terms[0]} + {terms[1]} ?", f"{total} .", tags)


def _arithmetic(world: World, prompt: Draw, label: Draw) -> Turn:
    return chain(world, prompt, label) if prompt.chance(0.5) else direct_sum(world, prompt, label)


def comparison(world: World, prompt: Draw, label: Draw) -> Turn:
    """Which of two entities is better; the winner is a coin flip, there is no truth in it."""
    first, second = prompt.sample(world.entities[:: 1 + prompt.below(3)], 2)
    winner = first if label.chance(0.5) else second
    question = f"which is better , a {first.name} or a {second.name} ?"
    tags = {"task": "comparison", "options": [first.name, second.name], "said": winner.name}
    return Turn(question, f"a {winner.name} .", tags, 1)


def prose(world: World, prompt: Draw) -> str:
    """Two to four true sentences about one entity."""
    entity = prompt.pick(world.entities)
    kinds = ["home", "colour"] if entity.held_out else ["class", "home", "colour", "ability", "part"]
    chosen = prompt.sample(kinds, 2 + prompt.below(min(3, len(kinds) - 1)))
    sentences = []
    for kind in chosen:
        value = _claim(world, prompt, kind, entity, True)
        sentences.append(statement_of(kind, entity.name, value) + " .")
    return " ".join(sentences)


TASKS: dict[str, Task] = {
    "fact": open_fact,
    "yes_no": yes_no,
    "negation": _negation,
    "arithmetic": _arithmetic,
    "chain": chain,
    "sum": direct_sum,
    "comparison": comparison,
}
