"""Texts by their sentence vectors, with a short form of each for a fast first look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.sentence_vectors import Encoder

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]

N_SHORT = 64
MIN_FOR_SHORT = 5_000
CENTRE_PRIOR = 50
"""So many texts it takes for half a centre: the mean of a handful is no common direction."""
_SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class _Space:
    """One encoder's unit vectors around their centre; `axes` make the short form."""

    encoder: Encoder
    centre: Matrix
    vectors: Matrix
    axes: Matrix
    short: Matrix

    @classmethod
    def of(cls, texts: Sequence[str], encoder: Encoder) -> _Space:
        vectors = to_unit(encoder.embed(texts))
        centre = vectors.mean(axis=0) * np.float32(len(texts) / (len(texts) + CENTRE_PRIOR))
        vectors -= centre
        vectors = to_unit(vectors)
        axes = np.zeros((vectors.shape[1], 0), dtype=np.float32)
        if len(texts) > MIN_FOR_SHORT:
            sample = vectors[:: max(1, len(vectors) // _SAMPLE)]
            axes = np.linalg.eigh(sample.T @ sample)[1][:, -N_SHORT:]
        return cls(encoder, centre, vectors, axes, np.ascontiguousarray(vectors @ axes))

    def place(self, unit: Matrix) -> Matrix:
        return np.asarray(to_unit(unit - self.centre)[0])


@dataclass(frozen=True, slots=True)
class MeaningIndex:
    """The same texts in each encoder's space."""

    spaces: tuple[_Space, ...]

    @classmethod
    def build(cls, texts: Sequence[str], encoders: Sequence[Encoder]) -> MeaningIndex:
        """Embed the texts with every encoder."""
        return cls(tuple(_Space.of(texts, encoder) for encoder in encoders))

    def embed(self, query: str) -> tuple[Matrix, ...]:
        """Return the query's unit vector by each encoder, shape `(1, width)`."""
        return tuple(to_unit(space.encoder.embed([query])) for space in self.spaces)

    def place(self, units: Sequence[Matrix]) -> tuple[Matrix, ...]:
        """Return embedded queries as they lie in this index's spaces."""
        return tuple(space.place(unit) for space, unit in zip(self.spaces, units, strict=True))

    def score(self, query: Sequence[Matrix], rows: Rows, weights: Sequence[float]) -> Matrix:
        """Return the weighted sum of the cosines of these rows with a placed query."""
        total = np.zeros(len(rows), dtype=np.float32)
        for space, vector, weight in zip(self.spaces, query, weights, strict=True):
            some = space.vectors if len(rows) == len(space.vectors) else space.vectors[rows]
            total += np.float32(weight) * (some @ vector)
        return total

    def find(self, query: Sequence[Matrix], n: int) -> Rows:
        """Return about the `n` best rows by the first encoder's short form, in no order."""
        space = self.spaces[0]
        if len(space.vectors) <= n:
            return np.arange(len(space.vectors))
        is_short = space.short.shape[1] > 0
        close = space.short @ (query[0] @ space.axes) if is_short else space.vectors @ query[0]
        return np.argpartition(-close, n)[:n]


def to_unit(vectors: Matrix) -> Matrix:
    """Return rows of length 1; zeros stay zeros."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-9), dtype=np.float32)
