"""What does the tier `weights` cost on a wide SAE, next to the matrix product that it cannot do without?

    python benchmarks/absorption_size.py [--width 65536] [--d-model 2304] [--threads 2]

Weights are random, in clusters of 16 latents that are near each other; every 32nd latent is planted as
the parent of the next one, which writes .6 of it and which its encoder avoids.
"""

import argparse
import json
import resource
import time

import torch

from theodolite.features.absorption import find_pairs
from theodolite.features.sae import Sae

CLUSTER, SPREAD, EVERY, SHARE = 16, 0.65, 32, 0.6


def planted(width, d_model):
    """An SAE, and the parents that were planted in it; each one's child is the next latent."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(width, d_model, generator=generator)
    centre = torch.randn(width // CLUSTER, d_model, generator=generator)
    rows.mul_(1 - SPREAD).add_(centre.mul_(0.3).repeat_interleave(CLUSTER, 0))
    del centre
    rows /= rows.norm(dim=1, keepdim=True)
    encoder = rows + 0.3 * torch.randn(width, d_model, generator=generator) / d_model**0.5
    parent = torch.arange(0, width, EVERY)
    parents, children = rows[parent].clone(), torch.randn(len(parent), d_model, generator=generator)
    children /= children.norm(dim=1, keepdim=True)
    encoder[parent + 1] = children
    encoder[parent] = parents - 0.3 * children
    rows[parent + 1] = torch.nn.functional.normalize(children + SHARE * parents, dim=1)
    return Sae(encoder, rows, torch.zeros(width), torch.zeros(d_model), "jumprelu", 64), parent


def floor(rows, part=1024):
    """CPU seconds of the product of the decoder with itself, from a part of it."""
    out = torch.empty(part, len(rows))
    torch.mm(rows[:part], rows.T, out=out)
    began = time.process_time()
    torch.mm(rows[part : 2 * part], rows.T, out=out)
    return (time.process_time() - began) * len(rows) / part


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--width", type=int, default=65_536)
    arguments.add_argument("--d-model", type=int, default=2304)
    arguments.add_argument("--threads", type=int, default=2)
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    with torch.no_grad():
        sae, parent = planted(given.width, given.d_model)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        least = floor(sae.W_dec.detach())
    began, wall = time.process_time(), time.monotonic()
    pairs = find_pairs(sae)
    figures = {
        "width": given.width, "d_model": given.d_model, "threads": given.threads, "pairs": len(pairs),
        "cpu s": round(time.process_time() - began, 1), "wall s": round(time.monotonic() - wall, 1),
        "product alone, cpu s": round(least, 1),
        "peak GB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "peak GB before": round(before / 1e6, 2),
    }  # fmt: skip
    flagged = pairs.where(pairs.flagged)
    own = torch.zeros(given.width, dtype=torch.bool)
    own[parent] = True
    right = own.numpy()[flagged.parent] & (flagged.child == flagged.parent + 1)
    found = {"planted": len(parent), "flagged": len(flagged), "of these planted": int(right.sum())}
    print(json.dumps(figures | found))


if __name__ == "__main__":
    main()
