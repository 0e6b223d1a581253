"""Counting rows that were there before, in memory that does not grow with them."""

import mmap

_BITS = 2**28  # 32 MiB
_PROBES = 5


class SeenBefore:
    """A Bloom filter (Bloom, 1970) over 64-bit hashes.

    With `n` hashes the chance that a new one is taken for an old one is `(1 - exp(-5 n / 2**28)) ** 5`:
    below 1e-10 for a hundred thousand rows, 2e-4 for ten million. An old one is never taken for new.
    """

    def __init__(self) -> None:
        self._bits = mmap.mmap(-1, _BITS // 8)  # unlike a bytearray, takes no memory until a page is used

    def add(self, value: int) -> bool:
        """Remember the 64-bit `value`; whether it had been remembered before."""
        bits = self._bits
        step = (value >> 32) | 1
        seen = True
        for _ in range(_PROBES):
            value = (value + step) & (_BITS - 1)
            mask = 1 << (value & 7)
            if not bits[value >> 3] & mask:
                bits[value >> 3] |= mask
                seen = False
        return seen
