"""Where two texts are alike: shared words and characters, and the angle between their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.sentence_vectors import Encoder
from jobforge.autopilots.support.terms import (
    TermWeights,
    character_codes,
    split_words,
    word_codes,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]  # scipy ships no types

Matrix = NDArray[np.float32]

CHARACTER_WEIGHT = 0.3
VECTOR_WEIGHT = 2.0
SHARPNESS = 3.0
"""Chosen by cross-validation on Banking77's training part; all three have flat optima."""
_DENSE_COLUMNS = 600


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


def compare(left: Texts, right: Texts) -> Matrix:
    """Return the kernel between two sets of texts, shape `(len(left), len(right))`."""
    similarity = compare_vectors(left.vectors, right.vectors)
    similarity += _sparse_products(left.words, right.words)
    similarity += CHARACTER_WEIGHT * _sparse_products(left.characters, right.characters)
    return similarity


def compare_vectors(left: tuple[Matrix, ...], right: tuple[Matrix, ...]) -> Matrix:
    """Return the part of the kernel that comes from the vectors: a Gaussian of the angle."""
    total = np.zeros((len(left[0]), len(right[0])), dtype=np.float32)
    for one, other in zip(left, right, strict=True):
        angles = one @ other.T
        angles -= 1
        angles *= SHARPNESS
        np.exp(angles, out=angles)
        total += angles
    total *= VECTOR_WEIGHT / len(left)
    return total


def _sparse_products(left: csr_matrix, right: csr_matrix) -> Matrix:
    """Multiply with the frequent columns as dense matrices: most of the work lies in them."""
    frequency = np.bincount(right.indices, minlength=right.shape[1])
    frequent = np.argsort(-frequency, kind="stable")[:_DENSE_COLUMNS]
    is_rare = np.ones(right.shape[1], dtype=bool)
    is_rare[frequent] = False
    by_column, other = left.tocsc(), right.tocsc()
    product = by_column[:, frequent].toarray() @ other[:, frequent].toarray().T
    rare = (by_column[:, is_rare].tocsr() @ other[:, is_rare].tocsr().T).tocoo()
    product[rare.row, rare.col] += rare.data
    return np.asarray(product, dtype=np.float32)


def _to_unit(vectors: Matrix) -> Matrix:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-9), dtype=np.float32)
