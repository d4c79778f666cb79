"""Which pages say the same: an exact digest, and a simhash for nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEAR_BITS = 3
"""Two pages are near duplicates when at most three of 64 bits differ.

Source: Manku, Jain and Das Sarma, Detecting Near-Duplicates for Web Crawling, WWW 2007, section 3.
"""
MIN_WORDS = 30
_MIX = (
    0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
    0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53,
)  # fmt: skip
_BANDS = 4
_MAX_CODES = 65_536
_ALL_BITS = (1 << 64) - 1


def text_digest(words: Sequence[str]) -> bytes:
    """A digest of the words, whatever their case."""
    return blake2b(" ".join(words).lower().encode(), digest_size=16).digest()


def simhash(words: Sequence[str]) -> int | None:
    """A signed 64-bit simhash of word triples; None for a text of fewer than 30 words."""
    import numpy as np  # takes 100 ms, which only a crawl should pay

    if len(words) < MIN_WORDS:
        return None
    codes = np.array([_CODES[word] for word in words], dtype=np.uint64)
    triples = _mixed(codes[:-2] * _MIX[0] + codes[1:-1] * _MIX[1] + codes[2:] * _MIX[2])
    hashes = np.unique(triples).astype(">u8").view(np.uint8).reshape(-1, 8)
    ones = np.unpackbits(hashes, axis=1).sum(axis=0, dtype=np.int64)
    majority = (ones * 2 > len(hashes)).astype(np.uint8)
    return int.from_bytes(np.packbits(majority).tobytes(), "big", signed=True)


class _WordCodes(dict[str, int]):
    """64-bit codes of words, whatever their case; forgets all when it holds too many."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MAX_CODES:
            self.clear()
        digest = blake2b(word.lower().encode(), digest_size=8).digest()
        code = self[word] = int.from_bytes(digest, "big")
        return code


_CODES = _WordCodes()


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all others. Source: the finalizer of MurmurHash3, 64 bits."""
    for factor in _MIX[3:]:
        values = (values ^ (values >> values.dtype.type(33))) * values.dtype.type(factor)
    return values ^ (values >> values.dtype.type(33))


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
