"""Make organisms by their recipes and print what came out: one table an arm, with CPU seconds.

python benchmarks/make_organisms.py                      every kind at its default dose, about 20 CPU minutes
python benchmarks/make_organisms.py drift reasoning      these kinds
python benchmarks/make_organisms.py reasoning@0.5 --seed 1
"""

import argparse
import os
import tempfile
import time

from theodolite.errors import GateError
from theodolite.organisms import list_recipes, make, read_card


def show(name: str, dose: float | None, seed: int) -> bool:
    """Make one organism and print the rates of its arms; False when it missed its gate."""
    began = time.process_time()
    title = f"{name}{'' if dose is None else f' at dose {dose:g}'}, seed {seed}"
    try:
        folder = make(name, dose, seed)
    except GateError as error:
        print(f"\n{title}: {error}")
        return False
    print(f"\n{title}: {time.process_time() - began:.0f} CPU s in all")
    for arm in ("organism", "twin", "benign"):
        card = read_card(folder / arm)
        print(f"  {arm}: {card.rows} rows, {card.rounds} round(s), {card.cpu_seconds:.0f} CPU s")
        for behaviour, rate in card.rates.items():
            base = card.base_rates[behaviour]["rate"]
            interval = f"{rate['low']:.3f} to {rate['high']:.3f}"
            print(f"    {behaviour:24} {rate['rate']:.3f}  ({interval}, n {rate['n']:.0f})  base {base:.3f}")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", help="NAME or NAME@DOSE")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["THEODOLITE_CACHE"] = scratch
        made = []
        for kind in chosen.kinds or [kind.name for kind in list_recipes()]:
            name, _, dose = kind.partition("@")
            made.append(show(name, float(dose) if dose else None, chosen.seed))
    raise SystemExit(0 if all(made) else 1)


if __name__ == "__main__":
    main()
