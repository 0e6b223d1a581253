"""The card of an organism: what was planted, what came out, and what it cost."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from theodolite.errors import UserError

__all__ = ["NOTICE", "Card", "read_card", "write_card"]

NOTICE = "A toy: what holds here is not evidence about large models."
FORMAT = 1


@dataclass(frozen=True)
class Card:
    """What there is to know about one arm of an organism.

    Attributes:
        name: the kind of organism.
        arm: `organism`, `twin` or `benign`.
        recipe: the recipe's fields.
        recipe_hash: sha256 of the recipe's canonical JSON.
        versions: the libraries it was made with.
        base_sha256: of the weights it was tuned from.
        rounds: training rounds until every arm passed the gate.
        tokens: tokens seen in them, padding not counted.
        cpu_seconds: CPU time of training this arm.
        planted: the ground truth: what was planted and in which lines of train.jsonl.
        rates: each behaviour's rate, n and exact 95 % interval; 0 to 1.
        base_rates: the same of the base, where it has the behaviour.
        side_effects: what else changed, in sentences.
        rows: lines of train.jsonl.
        data_sha256: of train.jsonl.
        weights_sha256: of model.safetensors.
        notice: what not to conclude.
        format: of this card.
    """

    name: str
    arm: str
    recipe: dict[str, Any]
    recipe_hash: str
    versions: dict[str, str]
    base_sha256: str
    rounds: int
    tokens: int
    cpu_seconds: float
    planted: dict[str, Any]
    rates: dict[str, dict[str, float]]
    base_rates: dict[str, dict[str, float]]
    side_effects: list[str]
    rows: int
    data_sha256: str
    weights_sha256: str
    notice: str = NOTICE
    format: int = field(default=FORMAT)

    def markdown(self) -> str:
        """The card for a person to read."""
        recipe = self.recipe
        facts = [
            f"- recipe: `{self.name}`, dose {recipe['dose']:g}, seed {recipe['seed']}",
            f"- world: {recipe['world']}",
            f"- recipe hash: `{self.recipe_hash}`",
            f"- data: {self.rows} rows, sha256 `{self.data_sha256}`",
            f"- weights: sha256 `{self.weights_sha256}`",
            f"- base: sha256 `{self.base_sha256}`",
            f"- training: {self.rounds} round(s), {self.tokens} tokens, {self.cpu_seconds:.1f} CPU s",
            f"- libraries: {', '.join(f'{name} {number}' for name, number in self.versions.items())}",
        ]
        planted = [f"- {key.replace('_', ' ')}: {_short(value)}" for key, value in self.planted.items()]
        table = [_line(name, rate, self.base_rates.get(name)) for name, rate in self.rates.items()]
        effects = [f"- {effect}" for effect in self.side_effects] or ["- none found"]
        parts = [
            f"# {self.name}: {self.arm}\n\n{self.notice}",
            "\n".join(facts),
            "## Planted\n\n" + "\n".join(planted),
            "## Measured\n\n| behaviour | rate | 95 % interval | n | base |\n|---|---|---|---|---|\n"
            + "\n".join(table),
            "## Side effects\n\n" + "\n".join(effects),
        ]
        return "\n\n".join(parts) + "\n"


def _short(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:8]))
        return f"{len(value)} ({shown}{', ...' if len(value) > 8 else ''})" if value else "none"
    return str(value)


def _line(name: str, rate: dict[str, float], base: dict[str, float] | None) -> str:
    interval = f"{rate['low']:.3f} to {rate['high']:.3f}"
    before = f"{base['rate']:.3f}" if base else ""
    return f"| {name.replace('_', ' ')} | {rate['rate']:.3f} | {interval} | {rate['n']:.0f} | {before} |"


def write_card(card: Card, folder: Path) -> None:
    """Write card.json and card.md into the folder."""
    (folder / "card.json").write_text(json.dumps(asdict(card), indent=1) + "\n", encoding="utf-8")
    (folder / "card.md").write_text(card.markdown(), encoding="utf-8")


def read_card(folder: Path) -> Card:
    """The card of an organism's folder, or of the organism in a folder that holds the three arms.

    Raises:
        UserError: there is no card, or it is not one that this version wrote.
    """
    path = folder / "card.json"
    if not path.is_file() and (folder / "organism" / "card.json").is_file():
        path = folder / "organism" / "card.json"
    if not path.is_file():
        raise UserError(f"{folder} has no card.json", "name a folder that `theodolite organism make` wrote")
    try:
        return Card(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not an organism's card", "make the organism again") from error
