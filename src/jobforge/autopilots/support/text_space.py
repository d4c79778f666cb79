"""Where two texts are alike: shared words and characters, and the angle between their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.sentence_vectors import Encoder, weigh_encoders
from jobforge.autopilots.support.terms import (
    TermWeights,
    character_codes,
    split_words,
    word_codes,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Matrix = NDArray[np.float32]

CHARACTER_WEIGHT = 0.3
SHARPNESS = 2.0
"""Chosen, like the encoders' weights, by cross-validation on Banking77's training part, with all
examples and with 10 per class; the optima are flat."""
_DENSE_COLUMNS = 300
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts as the space sees them: sparse term rows, and unit vectors per encoder."""

    words: csr_matrix
    characters: csr_matrix
    vectors: tuple[Matrix, ...]

    def take(self, rows: NDArray[np.int64]) -> Texts:
        """Return the texts at these rows."""
        vectors = tuple(one[rows] for one in self.vectors)
        return Texts(self.words[rows], self.characters[rows], vectors)

    def __len__(self) -> int:
        return int(self.words.shape[0])


@dataclass(frozen=True, slots=True)
class TextSpace:
    """Term weights and vector centres learned from a set of texts."""

    words: TermWeights
    characters: TermWeights
    centres: tuple[Matrix, ...]
    encoders: tuple[Encoder, ...]

    @classmethod
    def learn(cls, texts: Sequence[str], encoders: tuple[Encoder, ...]) -> tuple[TextSpace, Texts]:
        """Learn the weights from these texts and return them placed in the space, too."""
        tokens = [split_words(text) for text in texts]
        by_word, by_character = word_codes(tokens), character_codes(tokens)
        words = TermWeights.learn(*by_word, len(texts))
        characters = TermWeights.learn(*by_character, len(texts))
        vectors = [encoder.embed(texts) for encoder in encoders]
        centres = tuple(_to_unit(one).mean(axis=0) for one in vectors)
        placed = Texts(
            words=words.weigh(*by_word, len(texts)),
            characters=characters.weigh(*by_character, len(texts)),
            vectors=tuple(
                _to_unit(_to_unit(one) - centre)
                for one, centre in zip(vectors, centres, strict=True)
            ),
        )
        return cls(words, characters, centres, encoders), placed

    @property
    def weights(self) -> tuple[float, ...]:
        """What each encoder's part of the kernel counts."""
        return weigh_encoders(self.encoders)

    def place(self, texts: Sequence[str]) -> Texts:
        """Place new texts; terms never seen in training carry no weight."""
        tokens = [split_words(text) for text in texts]
        return Texts(
            words=self.words.weigh(*word_codes(tokens), len(texts)),
            characters=self.characters.weigh(*character_codes(tokens), len(texts)),
            vectors=tuple(
                _to_unit(_to_unit(encoder.embed(texts)) - centre)
                for encoder, centre in zip(self.encoders, self.centres, strict=True)
            ),
        )


def compare_all(placed: Texts, weights: Sequence[float]) -> Matrix:
    """Return the kernel among the texts, shape `(n, n)`; above the diagonal it is not filled in."""
    kernel = np.zeros((len(placed), len(placed)), dtype=np.float32)
    terms = [(1.0, _Products.of(placed.words)), (CHARACTER_WEIGHT, _Products.of(placed.characters))]
    for start in range(0, len(placed), _BATCH):
        end = min(start + _BATCH, len(placed))
        rows, columns = slice(start, end), slice(0, end)
        block = compare_vectors(
            [one[rows] for one in placed.vectors], [one[columns] for one in placed.vectors], weights
        )
        for weight, products in terms:
            block += np.float32(weight) * products.multiply(rows, columns)
        kernel[rows, columns] = block
    return kernel


def compare(left: Texts, right: Texts, weights: Sequence[float]) -> Matrix:
    """Return the kernel between two sets of texts, shape `(len(left), len(right))`."""
    similarity = compare_vectors(left.vectors, right.vectors, weights)
    similarity += (left.words @ right.words.T).toarray()
    similarity += CHARACTER_WEIGHT * (left.characters @ right.characters.T).toarray()
    return similarity


def compare_vectors(
    left: Sequence[Matrix], right: Sequence[Matrix], weights: Sequence[float]
) -> Matrix:
    """Return the part of the kernel that comes from the vectors: a Gaussian of the angle."""
    parts = []
    for one, other, weight in zip(left, right, weights, strict=True):
        part = (one * np.float32(SHARPNESS)) @ other.T
        part -= np.float32(SHARPNESS - np.log(weight))
        parts.append(np.exp(part, out=part))
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


@dataclass(frozen=True, slots=True)
class _Products:
    """Products of sparse rows, the frequent columns as a dense matrix: most work lies in them."""

    frequent: Matrix
    rare: csr_matrix

    @classmethod
    def of(cls, matrix: csr_matrix) -> _Products:
        frequency = np.bincount(matrix.indices, minlength=matrix.shape[1])
        order = np.argsort(-frequency, kind="stable")
        is_rare = np.ones(matrix.shape[1], dtype=np.bool_)
        is_rare[order[:_DENSE_COLUMNS]] = False
        by_column = matrix.tocsc()
        frequent = by_column[:, order[:_DENSE_COLUMNS]].toarray()
        return cls(frequent=frequent, rare=by_column[:, is_rare].tocsr())

    def multiply(self, rows: slice, columns: slice) -> Matrix:
        product = self.frequent[rows] @ self.frequent[columns].T
        rare = (self.rare[rows] @ self.rare[columns].T).tocoo()
        product[rare.row, rare.col] += rare.data
        return np.asarray(product, dtype=np.float32)


def _to_unit(vectors: Matrix) -> Matrix:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-9), dtype=np.float32)
