"""The compiled loops behind the CPU kernels, each over a range of rows, so that threads can share them."""

import numba
import numpy as np

__all__ = [
    "count_above",
    "decode",
    "gather_above",
    "normalise",
    "project",
    "rank",
    "sampled",
    "sort_by_latent",
    "top_of_rows",
    "weight_gradient",
]

BLOCK = 32
"""Scores that are compared at a time."""
LEAST = np.float32(-3.4e38)
LANES = {"fastmath": {"reassoc", "contract", "nsz", "arcp"}, "error_model": "numpy"}
"""Sums may be taken in lanes; infinities and NaNs keep their meaning."""


_compiled = numba.njit(cache=True, nogil=True, **LANES)
_inlined = numba.njit(cache=True, nogil=True, inline="always")


@numba.njit(cache=True, nogil=True)
def _keep_greatest(held, where, count, k):
    """Moves the k greatest to the front (Hoare's selection)."""
    low, high = 0, count - 1
    while low < high:
        pivot = held[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while held[i] > pivot:
                i += 1
            while held[j] < pivot:
                j -= 1
            if i <= j:
                held[i], held[j] = held[j], held[i]
                where[i], where[j] = where[j], where[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            return


@_inlined
def _any_above(part, bar):
    # Over a slice's own length, not over BLOCK: a constant loop is unrolled and then not vectorised.
    found = np.int32(0)
    for j in range(len(part)):
        found += np.int32(1) if part[j] > bar else np.int32(0)
    return found > 0


@_inlined
def _gather(row, k, bar, held, where):
    """Puts what exceeds the bar into `held`, and raises the bar whenever `held` is full."""
    width, room = len(row), len(held)
    count = 0
    for start in range(0, width, BLOCK):
        part = row[start : start + BLOCK]
        if not _any_above(part, bar):
            continue
        if count + BLOCK > room:
            _keep_greatest(held, where, count, k)
            count = k
            bar = held[0]
            for i in range(1, k):
                bar = min(bar, held[i])
        for j in range(len(part)):
            if part[j] > bar:
                held[count], where[count] = part[j], start + j
                count += 1
    return count


@_compiled
def _below_k(row, k, held, where):
    """Returns a bar that at least k scores exceed: just below the k-th greatest of 2k columns' maxima."""
    lanes = 2 * k
    best = held[:lanes]
    for i in range(lanes):
        best[i] = row[i]
    for start in range(lanes, len(row), lanes):
        part = row[start : start + lanes]
        for i in range(len(part)):
            best[i] = part[i] if part[i] > best[i] else best[i]
    _keep_greatest(held, where, lanes, k)
    least = best[:k].min()
    return least - np.float32(1e-6) * abs(least) - np.float32(1e-37)


@_compiled
def top_of_rows(first, last, scores, k, inner, places, values):
    room = 6 * k + BLOCK
    held, where = np.empty(room, np.float32), np.empty(room, np.int32)
    for n in range(first, last):
        count = _gather(scores[n], k, _below_k(scores[n], k, held, where), held, where)
        for i in range(count, k):  # only where scores are infinite or NaN
            held[i], where[i] = LEAST, i
        _keep_greatest(held, where, max(count, k), k)
        if inner:
            _keep_greatest(held, where, k, inner)
        for i in range(k):
            places[n, i], values[n, i] = where[i], held[i]


@_inlined
def _count_above(part, bar):
    found = np.int32(0)
    for j in range(len(part)):
        found += np.int32(1) if part[j] > bar[j] else np.int32(0)
    return found


@_compiled
def count_above(first, last, scores, bar, counts):
    for n in range(first, last):
        counts[n] = _count_above(scores[n], bar)


@_compiled
def gather_above(first, last, scores, bar, starts, places, values):
    width = scores.shape[1]
    for n in range(first, last):
        row, at = scores[n], starts[n]
        for start in range(0, width, BLOCK):
            part, bars = row[start : start + BLOCK], bar[start : start + BLOCK]
            if _count_above(part, bars) == 0:
                continue
            for j in range(len(part)):
                if part[j] > bars[j]:
                    places[at], values[at] = start + j, part[j]
                    at += 1


@numba.njit(cache=True, nogil=True)
def sort_by_latent(token_offsets, indices, offsets, rows, entry):
    for e in range(len(indices)):
        offsets[indices[e] + 1] += 1
    for j in range(1, len(offsets)):
        offsets[j] += offsets[j - 1]
    place = offsets[:-1].copy()
    for n in range(len(token_offsets) - 1):
        for e in range(token_offsets[n], token_offsets[n + 1]):
            p = place[indices[e]]
            rows[p], entry[p] = n, e
            place[indices[e]] = p + 1


@_inlined
def _add_rows(into, begin, end, rows, factors, places):
    """Writes the sum of factors[e] * rows[places[e]] to `into`, four rows at a time, to store it seldom."""
    for i in range(len(into)):
        into[i] = 0.0
    e = begin
    while e + 4 <= end:
        a, b, c, d = rows[places[e]], rows[places[e + 1]], rows[places[e + 2]], rows[places[e + 3]]
        s, t, u, v = factors[e], factors[e + 1], factors[e + 2], factors[e + 3]
        for i in range(len(into)):
            into[i] += (s * a[i] + t * b[i]) + (u * c[i] + v * d[i])
        e += 4
    while e < end:
        a, s = rows[places[e]], factors[e]
        for i in range(len(into)):
            into[i] += s * a[i]
        e += 1


@_compiled
def decode(first, last, offsets, indices, values, W_dec, out):
    for n in range(first, last):
        _add_rows(out[n], offsets[n], offsets[n + 1], W_dec, values, indices)


@_compiled
def sampled(first, last, offsets, indices, grad, W_dec, out):
    for n in range(first, last):
        given = grad[n]
        e, end = offsets[n], offsets[n + 1]
        while e + 4 <= end:
            a, b = W_dec[indices[e]], W_dec[indices[e + 1]]
            c, d = W_dec[indices[e + 2]], W_dec[indices[e + 3]]
            s = t = u = v = np.float32(0.0)
            for i in range(len(given)):
                s += given[i] * a[i]
                t += given[i] * b[i]
                u += given[i] * c[i]
                v += given[i] * d[i]
            out[e], out[e + 1], out[e + 2], out[e + 3] = s, t, u, v
            e += 4
        while e < end:
            a, s = W_dec[indices[e]], np.float32(0.0)
            for i in range(len(given)):
                s += given[i] * a[i]
            out[e] = s
            e += 1


@_compiled
def weight_gradient(first, last, offsets, rows, values, x, out):
    for j in range(first, last):
        _add_rows(out[j], offsets[j], offsets[j + 1], x, values, rows)


@_compiled
def normalise(first, last, W):
    d_model = W.shape[1]
    for j in range(first, last):
        row = W[j]
        total = np.float32(0.0)
        for i in range(d_model):
            total += row[i] * row[i]
        factor = np.float32(1.0) / max(np.sqrt(total), np.float32(1e-12))
        for i in range(d_model):
            row[i] *= factor


@_compiled
def project(first, last, W, grad):
    d_model = W.shape[1]
    for j in range(first, last):
        row, slope = W[j], grad[j]
        along = np.float32(0.0)
        for i in range(d_model):
            along += row[i] * slope[i]
        for i in range(d_model):
            slope[i] -= along * row[i]


@_compiled
def rank(first, last, y, offset, factor):
    width = y.shape[1]
    for n in range(first, last):
        row = y[n]
        for j in range(width):
            value = row[j]
            row[j] = value * value * factor[j] - offset[j] if value > 0 else np.float32(-1e30)
