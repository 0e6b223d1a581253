"""Activations to train on: from arrays, from a store on disk, or from a language model that reads.

Read in this order: `shuffling` (the order of every epoch, without a list of it), `arrays`, `places`, `index`,
`writing` and `store` (activations on disk), `hooks` (where in a model), `passages` (from rows
to tokens), `masking` (which tokens count), `reading` (from tokens to activations), `harvesting` (into a
store) and `streaming` (straight to the trainer).
"""

from theodolite.features.harvest.arrays import Tensors
from theodolite.features.harvest.harvesting import harvest
from theodolite.features.harvest.hooks import Hook, find_hook
from theodolite.features.harvest.masking import TokenMask
from theodolite.features.harvest.passages import Passages, read_passages
from theodolite.features.harvest.places import Places
from theodolite.features.harvest.store import Store, open_store
from theodolite.features.harvest.streaming import Stream, stream
from theodolite.features.harvest.writing import StoreWriter

__all__ = [
    "Hook",
    "Passages",
    "Places",
    "Store",
    "StoreWriter",
    "Stream",
    "Tensors",
    "TokenMask",
    "find_hook",
    "harvest",
    "open_store",
    "read_passages",
    "stream",
]
