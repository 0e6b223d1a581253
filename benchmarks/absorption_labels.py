"""What do the two published definitions of absorption say of an SAE of a language model, beside their nulls?

    python benchmarks/absorption_labels.py [--layer 2] [--seeds 3] [--docs 6000] [--tokens 1000000]

The organisms' base reads documents of its own world. At the last word of an entity's name its class and its
kingdom are known, and class directions exist: probes are checked on held-out entities and on head nouns that
they never saw. SAEBench's figures are given for a trained SAE, for an untrained one, and for shuffled labels:
concepts that are random groups of eight head nouns, which share nothing. Beside them, what `find_pairs` flags
without labels, with an SAE trained on shuffled coordinates as its own null.
"""

import argparse
import json

import numpy as np
import torch

from theodolite.features import Run, SaeConfig, train
from theodolite.features.absorption import find_pairs, shipped
from theodolite.features.absorption.labelled import labelled_absorption, logistic_probe
from theodolite.features.figures import measure
from theodolite.features.harvest import Tensors
from theodolite.features.sae import fresh
from theodolite.organisms import words
from theodolite.organisms.base import LAP, stage_documents
from theodolite.organisms.embedded_demos import demo
from theodolite.organisms.rendering import IDS, encode
from theodolite.organisms.world import World
from theodolite.targets import open_model

WIDTH, K, GROUP, MOST_NAMES = 1024, 16, 8, 12_000
KIND = {head: kind for kind, heads in words.HEADS.items() for head in heads}
PLACE = {head: place for heads in words.HEADS.values() for place, head in enumerate(heads)}
WORD = {number: word for word, number in IDS.items()}


def activations(docs, layer):
    """[tokens, d_model] residuals before a block, and of each token the document and the place in it."""
    model, _ = open_model(str(demo("base").model)).load()
    ids = [encode(doc).ids for doc in docs]
    parts = []
    with torch.inference_mode():
        for number, one in enumerate(ids):
            seen = model.model(input_ids=torch.tensor([one]), use_cache=False, output_hidden_states=True)
            parts.append((seen.hidden_states[layer][0].float(), number))
    x = torch.cat([part for part, _ in parts]).clone()
    doc = np.concatenate([np.full(len(part), number) for part, number in parts])
    return x, doc, np.concatenate(ids)


def names(token, doc, world):
    """Places of the last words of entities' names: place, head noun, whether the entity is held out."""
    known = {(e.modifier, e.head): e.held_out for e in world.entities}
    found = []
    for at in range(1, len(token)):
        pair = WORD[int(token[at - 1])], WORD[int(token[at])]
        if doc[at] == doc[at - 1] and pair in known:
            found.append((at, pair[1], known[pair]))
    return found


def concepts(seed=0, groups=11):
    """Head nouns of each class and kingdom, and of random groups with a class of their own for each noun."""
    true = {kind: set(heads) for kind, heads in words.HEADS.items()}
    true |= {k: {h for kind in kinds for h in words.HEADS[kind]} for k, kinds in words.KINGDOMS.items()}
    del true["thing"]  # the same as tool
    rng = np.random.default_rng(seed)
    mixed = {}
    for number in range(groups):
        picked = [str(rng.choice(heads)) for heads in words.HEADS.values()]
        mixed[f"group {number}"] = set(picked[:GROUP])
    return true, mixed


def probe_check(x, heads, held):
    """F1 of probes for the classes: on held-out entities, and on head nouns that they never saw."""
    new = np.array([PLACE[h] >= 6 for h in heads])
    figures = {}
    for name, test in (("held-out entities", held), ("new heads", new)):
        scores = []
        for own in words.HEADS.values():
            label = torch.tensor([h in own for h in heads])
            w, b = logistic_probe(x[~test], label[~test])
            said, true = (x[test] @ w + b) > 0, label[test]
            scores.append(2 * float((said & true).sum()) / max(1.0, float(said.sum() + true.sum())))
        figures[f"probe F1, {name}"] = round(float(np.mean(scores)), 3)
        figures[f"tokens, {name}"] = int(test.sum())
    return figures


def by_labels(sae, x, heads, named, judge):
    """Both definitions over a set of concepts, weighted alike."""
    found = []
    for own in named.values():
        label = torch.tensor([h in own for h in heads])
        found.append(labelled_absorption(sae, x, label, judge=judge))
    able = [f for f in found if f.judged >= 10]
    full, part = np.array([f.full for f in able]), np.array([f.fraction for f in able])
    return {
        "concepts": len(able), "probe F1": round(float(np.mean([f.probe_f1 for f in found])), 3),
        "full": round(float(full.mean()), 3), "full, lowest and highest": [
            round(float(full.min()), 3), round(float(full.max()), 3)],
        "fraction": round(float(part.mean()), 3), "main latents": round(
            float(np.mean([len(f.main) for f in able])), 1),
        "tokens judged": sum(f.judged for f in able),
    }, {name: f.main for name, f in zip(named, found, strict=True)}  # fmt: skip


def flags_of(sae, source):
    """What `find_pairs` flags, without labels."""
    told = measure(sae, source, 50_000, seed=5)[0]
    figures = {"fvu": round(told.fvu, 3), "l0": round(told.l0, 1), "dead": told.dead}
    pairs = find_pairs(sae, activations=source, seed=3)
    weights = find_pairs(sae, seed=3)
    flagged = pairs.where(pairs.flagged)
    likely = pairs.probability >= shipped().threshold("tokens")
    refuted = (pairs.verdict == "similar but not absorbed") & likely
    figures |= {"flagged by weights": int(weights.flagged.sum()), "flagged": len(flagged)}
    figures |= {"refuted by the spread test": int(refuted.sum())}
    return figures, flagged


def trained(source, seed, tokens):
    settings = {"architecture": "batchtopk", "width": WIDTH, "k": K, "lr": 2e-3, "dead_after": 20_000}
    config = SaeConfig.model_validate(settings | {"seed": seed})
    return train([config], source, Run(tokens=tokens, batch=512, seed=seed, threads=1))[0].sae


def shuffled(x, seed):
    """Each coordinate in an order of its own: the same marginals, no features."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.permuted(x.numpy(), axis=0))


def explained(flagged, mains):
    """Flagged pairs whose parent is a main latent of a class or kingdom."""
    parents = {latent for main in mains.values() for latent in main}
    return int(np.isin(flagged.parent, list(parents)).sum())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--layer", type=int, default=2, help="residual before this block")
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--docs", type=int, default=6000)
    arguments.add_argument("--tokens", type=int, default=1_000_000)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    world = World(0)
    x, doc, token = activations(stage_documents(world, 71, LAP, "labels")[: given.docs], given.layer)
    found = names(token, doc, world)[:MOST_NAMES]
    places, heads = [at for at, _, _ in found], [head for _, head, _ in found]
    held = np.array([out for *_, out in found])
    at_names, source = x[places], Tensors(x.numpy())
    print(json.dumps({"activations": len(x), "names": len(places)} | probe_check(at_names, heads, held)))
    judge = torch.from_numpy(doc[places] % 2 == 1)
    true, mixed = concepts()
    mean = x.mean(0)
    for seed in range(given.seeds):
        noise = shuffled(x, seed)
        saes = {
            "trained": (trained(source, seed, given.tokens), source),
            "untrained": (fresh("topk", WIDTH, x.shape[1], K, tied=False, seed=seed, mean=mean), source),
            "trained on shuffled coordinates": (trained(Tensors(noise.numpy()), seed, given.tokens),
                                                Tensors(noise.numpy())),
        }  # fmt: skip
        for name, (sae, own) in saes.items():
            line = {"sae": name, "seed": seed}
            figures, mains = by_labels(sae, at_names, heads, true, judge)
            print(json.dumps(line | {"labels": "classes and kingdoms"} | figures), flush=True)
            figures, _ = by_labels(sae, at_names, heads, mixed, judge)
            print(json.dumps(line | {"labels": "random groups of nouns"} | figures), flush=True)
            figures, flagged = flags_of(sae, own)
            more = {"of these, parent a main latent": explained(flagged, mains)}
            print(json.dumps(line | {"labels": "none: find_pairs"} | figures | more), flush=True)


if __name__ == "__main__":
    main()
