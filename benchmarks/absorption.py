"""How well are absorbed pairs of latents found, with which evidence, and what does transfer cost?

    python benchmarks/absorption.py [--folder DIR] [--seeds 5] [--fit-seeds 5] [--write] [--quick]
    python benchmarks/absorption.py --transfer NAME [--folder DIR] [--saelens VENV/bin/python]

Trains TopK, BatchTopK and JumpReLU SAEs on worlds with hierarchies, correlated, similar and similar-exclusive
pairs; fits the classifier on some seeds, and judges it on others. SAEs are kept in --folder, so a killed run
goes on. --write replaces the coefficients that the package ships. --transfer judges the shipped classifier on
SAEs unlike those that it was fitted on.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from absorption_judging import judge, judge_clean, judge_effective, judge_negatives, meta_score
from absorption_saes import TOKENS, tables
from absorption_transfer import SECTIONS, judge_transfer
from theodolite.features.absorption.calibrating import FIRINGS_TO_LEARN, fit_tables

FIT = 100
"""First seed of the worlds that are fitted on."""
CLEAN_TOKENS = 1_024_000
PACKAGE = Path(__file__).parents[1] / "src" / "theodolite" / "features" / "absorption"


def fitted(folder, seeds):
    """The classifier of worlds with hierarchies and of clean ones."""
    often = {"firings": FIRINGS_TO_LEARN}
    learned = [t for *_, t in tables(folder, "absorption", seeds, **often)]
    clean = [t for *_, t in tables(folder, "absorption-clean", seeds, tokens=CLEAN_TOKENS, **often)]
    where = (
        f"{len(learned)} SAEs (topk, batchtopk, jumprelu; width 256, d_model 96, k 7; {TOKENS:,} tokens) on "
        f"world absorption and {len(clean)} ({CLEAN_TOKENS:,} tokens) on absorption-clean, "
        f"seeds {list(seeds)}, by benchmarks/absorption.py"
    )
    return fit_tables(learned, where, clean)


def judge_all(classifier, folder, seeds, others, quick):
    """Prints every table on held-out seeds."""
    held = list(tables(folder, "absorption", seeds))
    judge(classifier, held, "held-out seeds")
    meta = [meta_score(sae, found) for _, _, sae, _, found in held[:6]]
    print(json.dumps({"meta-SAE code cosine, AP": round(float(np.mean(meta)), 3)}))
    judge_negatives(classifier, held, "cosine .4 and correlated")
    judge_effective(classifier, held)
    judge_clean(classifier, list(tables(folder, "absorption-clean", seeds, tokens=CLEAN_TOKENS)))
    if quick:
        return
    similar = list(tables(folder, "absorption-similar-55", others))
    judge(classifier, similar, "similar pairs at cosine .55")
    judge_negatives(classifier, similar, "cosine .55")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--fit-seeds", type=int, default=5)
    arguments.add_argument("--other-seeds", type=int, default=2, help="of the worlds with similar pairs")
    arguments.add_argument("--folder", type=Path, default=Path("absorption-saes"))
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--quick", action="store_true", help="the main and the clean world only")
    arguments.add_argument("--transfer", choices=[*SECTIONS, "all"], help="this section alone")
    arguments.add_argument("--saelens", type=Path, help="Python of an environment with sae-lens")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    if given.transfer is not None:
        for name in SECTIONS if given.transfer == "all" else [given.transfer]:
            judge_transfer(name, given.folder, given.saelens)
        return
    classifier = fitted(given.folder, range(FIT, FIT + given.fit_seeds))
    thresholds = {tier: classifier.threshold(tier) for tier in classifier.tiers}
    print(json.dumps({"fitted on": classifier.provenance, "positives": classifier.positives} | thresholds))
    if given.write:
        (PACKAGE / "coefficients.json").write_text(classifier.model_dump_json(indent=1) + "\n")
    judge_all(classifier, given.folder, range(given.seeds), range(given.other_seeds), given.quick)


if __name__ == "__main__":
    main()
