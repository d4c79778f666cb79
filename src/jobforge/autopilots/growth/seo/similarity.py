"""Which pages say the same: an exact digest, and a simhash for nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

NEAR_BITS = 3
"""Two pages are near duplicates when at most three of 64 bits differ.

Source: Manku, Jain and Das Sarma, Detecting Near-Duplicates for Web Crawling, WWW 2007, section 3.
"""
MIN_WORDS = 30
_SHINGLE = 3
_BANDS = 4
_ALL_BITS = (1 << 64) - 1


def text_digest(words: Sequence[str]) -> bytes:
    """A digest of the words, whatever their case."""
    return blake2b(" ".join(words).lower().encode(), digest_size=16).digest()


def simhash(words: Sequence[str]) -> int | None:
    """A signed 64-bit simhash of word triples; None for a text of fewer than 30 words."""
    import numpy as np  # takes 100 ms, which only a crawl should pay

    if len(words) < MIN_WORDS:
        return None
    lower = [word.lower() for word in words]
    triples = {" ".join(lower[i : i + _SHINGLE]) for i in range(len(lower) - _SHINGLE + 1)}
    hashes = b"".join(blake2b(t.encode(), digest_size=8).digest() for t in triples)
    bits = np.unpackbits(np.frombuffer(hashes, dtype=np.uint8).reshape(-1, 8), axis=1)
    majority = (bits.sum(axis=0, dtype=np.int64) * 2 > len(triples)).astype(np.uint8)
    return int.from_bytes(np.packbits(majority).tobytes(), "big", signed=True)


def near_duplicates(hashes: Sequence[int]) -> list[list[int]]:
    """Positions of texts that nearly agree with the first of their group.

    The first text of each group, in order, is its leader; a text joins the first leader within
    three bits. Groups of one are left out.
    """
    values = [value & _ALL_BITS for value in hashes]
    tables: list[dict[int, list[int]]] = [{} for _ in range(_BANDS)]
    groups: dict[int, list[int]] = {}
    for position, value in enumerate(values):
        keys = [(value >> (16 * band)) & 0xFFFF for band in range(_BANDS)]
        candidates = {
            leader for band, key in enumerate(keys) for leader in tables[band].get(key, ())
        }
        leader = _nearest(value, sorted(candidates), values)
        if leader is None:
            groups[position] = [position]
            for band, key in enumerate(keys):
                tables[band].setdefault(key, []).append(position)
        else:
            groups[leader].append(position)
    return [group for group in groups.values() if len(group) > 1]


def _nearest(value: int, candidates: list[int], values: Sequence[int]) -> int | None:
    for candidate in candidates:
        if (value ^ values[candidate]).bit_count() <= NEAR_BITS:
            return candidate
    return None
