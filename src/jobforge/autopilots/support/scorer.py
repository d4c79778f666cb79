"""Scores of texts for classes, by kernel ridge on words, characters and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.kernel_ridge import (
    RidgeFit,
    fit_kernel_ridge,
    fit_landmark_ridge,
)
from jobforge.autopilots.support.sentence_vectors import Encoder
from jobforge.autopilots.support.stop_words import STOP_WORDS
from jobforge.autopilots.support.terms import hash_words, split_words
from jobforge.autopilots.support.text_space import (
    CHARACTER_WEIGHT,
    Texts,
    TextSpace,
    compare,
    compare_all,
    compare_vectors,
)

Matrix = NDArray[np.float32]
Vector = NDArray[np.float32]
Rows = NDArray[np.int64]

PENALTY = 0.2
MAX_EXACT_ROWS = 16_000
"""Above this the exact solution's cubic cost hurts more than the landmarks' small loss."""
N_LANDMARKS = 6_000
_BATCH = 1_000
_ROWS_IN_CACHE = 200
_MAX_REASONS = 3


@dataclass(frozen=True, slots=True)
class Scores:
    """Per text: a score for each class, how strange it is, and how near the nearest example is."""

    classes: Matrix
    strange: Vector
    nearest: Vector

    def split(self, n_first: int) -> tuple[Scores, Scores]:
        """Return the scores of the first texts, and those of the others."""
        first = Scores(self.classes[:n_first], self.strange[:n_first], self.nearest[:n_first])
        return first, Scores(self.classes[n_first:], self.strange[n_first:], self.nearest[n_first:])

    def to_scope_signs(self) -> NDArray[np.float64]:
        """Return what tells a text out of scope, shape `(n_texts, 3)`; more means more familiar."""
        top = self.classes.max(axis=1)
        return np.column_stack((top, self.nearest, -self.strange)).astype(np.float64)

    def to_confidence_signs(self) -> NDArray[np.float64]:
        """Return what tells a right answer from a wrong one: best score and its lead."""
        second, first = np.partition(self.classes, -2, axis=1)[:, -2:].T
        return np.column_stack((first, first - second)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A fitted scorer. The last column of every weight matrix is for strangeness."""

    space: TextSpace
    anchors: tuple[Matrix, ...]
    anchor_weights: Matrix
    word_weights: Matrix
    character_weights: Matrix
    bias: Vector

    def score(self, placed: Texts) -> Scores:
        """Score texts that were placed in the scorer's space."""
        values = placed.words @ self.word_weights
        values += placed.characters @ self.character_weights
        values += self.bias
        nearest = np.empty(len(placed), dtype=np.float32)
        for start in range(0, len(placed), _ROWS_IN_CACHE):
            rows = slice(start, start + _ROWS_IN_CACHE)
            vectors = [one[rows] for one in placed.vectors]
            similarity = compare_vectors(vectors, self.anchors, self.space.weights)
            values[rows] += similarity @ self.anchor_weights
            nearest[rows] = similarity.max(axis=1)
        return Scores(values[:, :-1], values[:, -1], nearest)

    def explain(self, texts: Sequence[str], placed: Texts, order: Rows) -> list[tuple[str, ...]]:
        """Name the words that pull a text towards its first class and away from its second.

        `order` holds each text's classes, best first. Very common words count only where no other
        word pulls.
        """
        matrix = placed.words
        rows = np.repeat(np.arange(len(texts)), np.diff(matrix.indptr))
        towards = self.word_weights[matrix.indices, order[rows, 0]]
        away = self.word_weights[matrix.indices, order[rows, 1]]
        pull = matrix.data * (towards - away)
        names = self._name_columns(texts)
        is_named = np.zeros(matrix.shape[1], dtype=np.bool_)
        is_named[list(names)] = True
        useful = np.flatnonzero((pull > 0) & is_named[matrix.indices])
        telling: list[list[str]] = [[] for _ in texts]
        common: list[list[str]] = [[] for _ in texts]
        for entry in useful[np.lexsort((-pull[useful], rows[useful]))].tolist():
            name = names[int(matrix.indices[entry])]
            (common if name in STOP_WORDS else telling)[rows[entry]].append(name)
        return [
            tuple((strong or weak)[:_MAX_REASONS])
            for strong, weak in zip(telling, common, strict=True)
        ]

    def _name_columns(self, texts: Sequence[str]) -> dict[int, str]:
        words = sorted({word for text in texts for word in split_words(text)})
        columns, is_known = self.space.words.find_columns(hash_words(words))
        return {
            int(column): word
            for word, column, known in zip(words, columns, is_known, strict=True)
            if known
        }


def fit_scorer(
    texts: Sequence[str],
    targets: Matrix,
    *,
    encoders: tuple[Encoder, ...],
    n_left_out: int,
    seed: int,
) -> tuple[Scorer, Scores]:
    """Fit on texts and targets of shape `(n_texts, n_classes + 1)`.

    Returns the scorer, and the scores of the last `n_left_out` texts had each not been there.
    """
    space, placed = TextSpace.learn(texts, encoders)
    bias = targets.mean(axis=0)
    bias[-1] = 0
    rows, fit = _solve(space, placed, targets - bias, n_left_out, seed)
    kept = placed.take(rows)
    characters = (kept.characters * np.float32(CHARACTER_WEIGHT)).T
    scorer = Scorer(
        space=space,
        anchors=kept.vectors,
        anchor_weights=fit.weights,
        word_weights=np.asarray(kept.words.T @ fit.weights),
        character_weights=np.asarray(characters @ fit.weights),
        bias=bias,
    )
    left_out = fit.left_out + bias
    nearest = _find_nearest(placed, rows, space.weights, n_left_out)
    return scorer, Scores(left_out[:, :-1], left_out[:, -1], nearest)


def _solve(
    space: TextSpace, placed: Texts, targets: Matrix, n_left_out: int, seed: int
) -> tuple[Rows, RidgeFit]:
    """Fit on all rows, or on seeded landmarks where all would be too many; name the rows kept."""
    if len(placed) <= MAX_EXACT_ROWS:
        gram = compare_all(placed, space.weights)
        fit = fit_kernel_ridge(gram, targets, penalty=PENALTY, n_left_out=n_left_out)
        return np.arange(len(placed)), fit
    drawn = np.random.default_rng(seed).choice(len(placed), N_LANDMARKS, replace=False)
    rows = np.sort(drawn)
    cross = compare(placed, placed.take(rows), space.weights)
    fit = fit_landmark_ridge(cross, cross[rows], targets, penalty=PENALTY, n_left_out=n_left_out)
    return rows, fit


def _find_nearest(placed: Texts, rows: Rows, weights: Sequence[float], n_left_out: int) -> Vector:
    """Return the last texts' similarity to the nearest anchor that is not the text itself."""
    anchors = tuple(one[rows] for one in placed.vectors)
    first = len(placed) - n_left_out
    column_of = np.full(len(placed), -1)
    column_of[rows] = np.arange(len(rows))
    nearest = np.empty(n_left_out, dtype=np.float32)
    for start in range(0, n_left_out, _BATCH):
        batch = np.arange(start, min(start + _BATCH, n_left_out))
        vectors = tuple(one[batch + first] for one in placed.vectors)
        similarity = compare_vectors(vectors, anchors, weights)
        columns = column_of[batch + first]
        is_anchor = np.flatnonzero(columns >= 0)
        similarity[is_anchor, columns[is_anchor]] = 0
        nearest[batch] = similarity.max(axis=1)
    return nearest
