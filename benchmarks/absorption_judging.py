"""How the absorption benchmarks judge: pairs, hard negatives, clean worlds, effective activation."""

import json
from itertools import islice

import numpy as np
import torch

from absorption_saes import ARCHITECTURES
from theodolite.features.absorption import effective
from theodolite.features.absorption.columns import TIERS
from theodolite.features.absorption.scoring import average_precision
from theodolite.features.absorption.search import LOOK_AT
from theodolite.features.absorption.table import Pairs
from theodolite.features.absorption.verdicts import SPREAD, flags
from theodolite.features.meta import compose
from theodolite.stats import rate_interval

BEST = "as find_pairs"
"""In the place of a tier: each pair by the best one that its evidence allows."""


def flagged_by(classifier, found, tier):
    """Probability and flag of each pair by one tier's evidence, or by the best."""
    if tier == BEST:
        return best_tier(classifier, found)
    p = classifier.probability(found.statistics, tier)
    return p, flags(found.statistics, p, classifier.threshold(tier), tier)


def kind_name(kind):
    """What a pair of the world is called."""
    return kind.firing if not kind.cosine else f"{kind.firing}, cos {kind.cosine:.2f}"


def pair_kinds(labelled, world):
    """For each pair the kind of hard negative that its two features are, or an empty string."""
    feature = labelled.truth.feature
    kinds = {}
    for (a, b), kind in zip(world.structure.pairs.tolist(), world.structure.pair_kind, strict=True):
        kinds[a, b] = kinds[b, a] = kind_name(kind)
    pairs = zip(feature[labelled.parent].tolist(), feature[labelled.child].tolist(), strict=True)
    return np.array([kinds.get(pair, "") for pair in pairs])


def rows_of(classifier, found):
    """Average precision, precision and recall of one SAE by tier, and of simple scores."""
    out = {}
    for tier in TIERS:
        p, flagged = flagged_by(classifier, found, tier)
        out[tier] = (found.score(p, flagged).average_precision, *counts(found, flagged))
    likely = np.nan_to_num(classifier.probability(found.statistics, "rates")) >= classifier.threshold("rates")
    two = likely & (np.nan_to_num(found.statistics["spread"]) >= SPREAD)
    out["rates, then spread"] = (np.nan, *counts(found, two))
    out[BEST] = as_find_pairs(classifier, found)
    s = found.statistics
    simple = {
        "decoder cosine": s["cosine"],
        "cosine - encoder's response": s["gap"],
        "cosine x (1 - cos(e, d))": s["cosine"] * s["untied_parent"],
        "carried (rho)": s["carried"],
    }
    for name, score in simple.items():
        out[name] = (average_precision(score, found.label, found.missed), 0, 0, found.positives, 0)
    return out


def as_find_pairs(classifier, found):
    """The same of what `find_pairs` does with activations: each pair by the best tier that rates allow."""
    probability, flagged = best_tier(classifier, found)
    return average_precision(probability, found.label, found.missed), *counts(found, flagged)


def best_tier(classifier, found):
    """Probability and flag of each pair by the best tier that its evidence allows, as `find_pairs` does.

    With activations nothing is flagged by rates: such a pair needs more tokens.
    """
    probability, flagged = flagged_by(classifier, found, "weights")
    for tier in ("rates", "tokens"):
        better, too = flagged_by(classifier, found, tier)
        seen = np.isfinite(better)
        if tier == "rates":
            too = np.zeros_like(too)
        else:
            seen &= probability >= LOOK_AT
        probability, flagged = np.where(seen, better, probability), np.where(seen, too, flagged)
    return probability, flagged


def counts(found, flagged):
    """Right flags, flags and positives among labelled pairs; flags on parents that stand for no feature."""
    hits = int((flagged & (found.label == 1)).sum())
    nothing = int((flagged & (found.taught >= 0) & (found.label < 0)).sum())
    return hits, int((flagged & (found.label >= 0)).sum()), found.positives, nothing


def meta_score(sae, found):
    """Cosine of the codes that a meta-SAE gives two decoder rows."""
    meta, _ = compose(sae.W_dec.detach(), sae.width // 4, 4, steps=1500)
    code = torch.nn.functional.normalize(meta.encode(sae.W_dec.detach()), dim=1).numpy()
    return average_precision((code[found.parent] * code[found.child]).sum(1), found.label, found.missed)


def summary(collected, name):
    """One line of a table: mean AP with its deviation, pooled precision and recall."""
    ap = np.array([c[0] for c in collected], float)
    hits, flagged, positives, nothing = (sum(c[i] for c in collected) for i in (1, 2, 3, 4))
    line = {"what": name, "saes": len(collected), "positives": positives}
    if np.isfinite(ap).any():
        line |= {"ap": round(float(np.nanmean(ap)), 3), "sd": round(float(np.nanstd(ap)), 3)}
    if flagged:
        line |= {"precision": round(hits / flagged, 3), "recall": round(hits / max(1, positives), 3)}
        line |= {"flags on no feature": nothing, "precision with those": round(hits / (flagged + nothing), 3)}
    return line


def judge(classifier, every, title):
    """Prints a table over SAEs, and by architecture."""
    results = [(a, rows_of(classifier, found)) for _, a, _, _, found in every]
    print(f"\n## {title}: {len(every)} SAEs")
    for name in results[0][1]:
        print(json.dumps(summary([r[name] for _, r in results], name)))
    for architecture in ARCHITECTURES:
        for tier in TIERS:
            some = [r[tier] for a, r in results if a == architecture]
            if some:
                print(json.dumps(summary(some, f"{architecture} {tier}")))


def judge_negatives(classifier, every, title):
    """Prints, by tier, how many pairs of each kind of hard negative are flagged.

    An SAE may really absorb one of two correlated features in the other; such pairs are no negatives.
    """
    print(f"\n## hard negatives, {title}")
    for tier in (*TIERS, BEST):
        seen: dict[str, list[int]] = {}
        for _, _, _, world, found in every:
            flagged = flagged_by(classifier, found, tier)[1]
            kinds = pair_kinds(found, world)
            latent = np.full(world.n_features, -1)
            feature = found.truth.feature
            latent[feature[feature >= 0]] = np.flatnonzero(feature >= 0)
            label = found.truth.label
            for (a, b), kind in zip(world.structure.pairs.tolist(), world.structure.pair_kind, strict=True):
                i, j = latent[a], latent[b]
                if i >= 0 and j >= 0:
                    seen.setdefault(kind_name(kind), [0, 0])[1] += int(label[i, j] == 0) + int(
                        label[j, i] == 0
                    )
            for name in set(kinds) - {""}:
                wrong = flagged & (kinds == name) & (found.label == 0)
                seen.setdefault(name, [0, 0])[0] += int(wrong.sum())
        told = {k: f"{n}/{of} = {n / max(1, of):.4f}" for k, (n, of) in sorted(seen.items())}
        print(json.dumps({"tier": tier} | told))


def judge_clean(classifier, every):
    """Prints flags per 1,000 live latents on worlds without hierarchy, with exact 95 % intervals.

    Correlated pairs are there, and SAEs do absorb some of them; wrong are flags on pairs of R below .1, and
    on parents that stand for no feature.
    """
    print(f"\n## clean worlds: {len(every)} SAEs")
    for tier in (*TIERS, BEST):
        for architecture in ("all", *ARCHITECTURES):
            some = [t for _, a, _, _, t in every if architecture in ("all", a)]
            if some:
                print(json.dumps({"tier": tier, "saes": len(some), "of": architecture} | clean_counts(
                    classifier, some, tier)))  # fmt: skip


def clean_counts(classifier, some, tier):
    """Flags on worlds without hierarchy, and what they are on."""
    counted = {"flags": 0, "absorbed": 0, "in between": 0, "wrong": 0}
    for found in some:
        flagged = flagged_by(classifier, found, tier)[1]
        share = found.truth.share[found.parent, found.child][flagged]
        counted["flags"] += len(share)
        counted["absorbed"] += int((share >= 0.5).sum())
        counted["in between"] += int(((share >= 0.1) & (share < 0.5)).sum())
        counted["wrong"] += int(found.wrong[flagged].sum())
    live = sum(int(t.truth.live.sum()) for t in some)
    low, high = rate_interval(counted["wrong"], live)
    per = {"wrong per 1000": round(1000 * counted["wrong"] / live, 2)}
    return counted | {"live": live} | per | {"interval": [round(1000 * low, 2), round(1000 * high, 2)]}


def judge_effective(classifier, every):
    """Prints recovered tokens of absorbed parents, and what it costs in precision, by tier."""
    print("\n## effective activation (tokens fresh; statistics from others)")
    sums = {}
    for seed, _, sae, world, found in every:
        usual, z, true = _fresh(sae, world, seed)
        feature = found.truth.feature
        parents = np.flatnonzero(np.nan_to_num(found.truth.absorbed_share) >= 0.1)
        known = np.flatnonzero(feature >= 0)
        oracle = np.zeros(len(found.parent), bool) | (found.label == 1)
        flagged = {"own": np.zeros(len(found.parent), bool), "oracle pairs": oracle}
        for tier in TIERS:
            flagged[tier] = flagged_by(classifier, found, tier)[1]
        flagged["cosine >= .3"] = found.statistics["cosine"] >= 0.3
        own = (z > 0).numpy()
        groups = {"absorbed parents": parents, "all latents": known}
        silent = {g: _hidden(sae, world, found, z, true, latents) for g, latents in groups.items()}
        for name, keep in flagged.items():
            on = own if name == "own" else _acts(sae, z, usual, found, keep)
            for group, latents in groups.items():
                t = true[:, feature[latents]] > 0
                o, w = on[:, latents], own[:, latents]
                key = (name, group)
                hidden = silent[group]
                parts = (o & t).sum(), o.sum(), t.sum(), (o & ~w & hidden).sum(), hidden.sum()
                sums.setdefault(key, []).append(parts)
    for (name, group), parts in sums.items():
        hits, on, true, gained, hidden = (sum(p[i] for p in parts) for i in range(5))
        line = {
            "flags": name,
            "latents": group,
            "recall": round(hits / true, 3),
            "precision": round(hits / on, 3),
        }
        print(json.dumps(line | {"absorbed recovered": round(gained / max(1, hidden), 3)}))


def _fresh(sae, world, seed):
    kept = list(islice(world.batches(2000, seed=31_000_000 + seed), 5))
    z = torch.cat([sae.encode(x) for x in kept])
    usual = z.sum(0) / (z > 0).sum(0).clamp_min(1)
    true = torch.cat([world.firing(2000, 31_000_000 + seed, n).dense() for n in range(5)]).numpy()
    return usual, z, true


def _acts(sae, z, usual, found, keep):
    """Where latents act if these pairs are flagged."""
    n = int(keep.sum())
    pairs = Pairs(
        found.parent[keep], found.child[keep], np.ones(n), np.full(n, "tokens"), np.full(n, "absorbed"),
        {"cosine": found.statistics["cosine"][keep]}, sae.width,
    )  # fmt: skip
    return effective(z, pairs).on(usual).numpy()


def _hidden(sae, world, found, z, true, latents):
    """[tokens, latents] where the feature is there, its latent off, and another writes 0.4 of it or more."""
    out = np.zeros((len(z), len(latents)), bool)
    writes = sae.W_dec.detach() @ torch.from_numpy(world.directions).T
    for place, i in enumerate(latents):
        p = found.truth.feature[i]
        off = ((z[:, i] <= 0).numpy() & (true[:, p] > 0)).nonzero()[0]
        most = (z[off] * writes[:, p]).amax(1).numpy()
        out[off, place] = most >= 0.4 * true[off, p]
    return out
