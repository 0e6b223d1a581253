"""A world of `sae_lens.synthetic` as sparse rows with its ground truth, written by that library's own Python.

    python absorption_saelens_peer.py OUT.npz SEED ROWS plain|compensated

256 features in 96 dimensions: 26 trees of two levels with two to four children a node, half of the parents
with children that exclude each other. `plain` takes rates as the library does by default, a child's being
that given its parent; `compensated` raises them, so that a parent is seldom on without a child. A row is
bias + values @ directions[indices]; `check` holds the library's own activations of the first rows.
"""

import sys
import warnings

import numpy as np
import torch

warnings.filterwarnings("ignore")
FEATURES, D_MODEL, ROOTS, CHECKED, BATCH = 256, 96, 26, 512, 8192


def model(seed: int, compensated: bool):
    from sae_lens.synthetic import (
        HierarchyConfig,
        OrthogonalizationConfig,
        SyntheticModel,
        SyntheticModelConfig,
        ZipfianFiringProbabilityConfig,
    )

    exponent, highest, lowest = (0.4, 0.25, 0.03) if compensated else (0.2, 0.25, 0.1)
    return SyntheticModel(
        SyntheticModelConfig(
            num_features=FEATURES,
            hidden_dim=D_MODEL,
            firing_probability=ZipfianFiringProbabilityConfig(exponent, max_prob=highest, min_prob=lowest),
            hierarchy=HierarchyConfig(
                total_root_nodes=ROOTS,
                branching_factor=(2, 4),
                max_depth=2,
                mutually_exclusive_portion=0.5,
                compensate_probabilities=compensated,
            ),
            orthogonalization=OrthogonalizationConfig(num_steps=100),
            std_firing_magnitudes=0.25,
            seed=seed,
        )
    )


def main() -> None:
    out, seed, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    world = model(seed, sys.argv[4] == "compensated")
    torch.manual_seed(1_000 + seed)
    counts, indices, values, check = [], [], [], None
    for start in range(0, rows, BATCH):
        x, features = world.sample_with_features(min(BATCH, rows - start))
        if check is None:
            check = x[:CHECKED].numpy()
        on = features > 0
        counts.append(on.sum(1).numpy())
        indices.append(on.nonzero()[:, 1].to(torch.int32).numpy())
        values.append(features[on].float().numpy())
    np.savez(
        out,
        offsets=np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64),
        indices=np.concatenate(indices),
        values=np.concatenate(values),
        directions=world.feature_dict.feature_vectors.detach().numpy().astype(np.float32),
        bias=world.feature_dict.bias.detach().numpy().astype(np.float32),
        check=check,
    )


if __name__ == "__main__":
    main()
