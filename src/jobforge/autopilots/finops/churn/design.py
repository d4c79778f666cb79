"""The two views of a customer: a smooth one for the linear model, a plain one for the trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.finops.churn.encoding import Customer, Encoding

Floats = NDArray[np.float64]
KNOTS = 6
BLANK = -1e12
MAX_PAIRED = 6
"""Ratios and interactions are made of at most so many quantities."""


@dataclass(frozen=True, slots=True)
class Design:
    """Learned on the rows the model is fitted on; applies to any."""

    encoding: Encoding
    splines: tuple[Any, ...]
    scales: Floats

    @classmethod
    def learn(cls, encoding: Encoding, rows: Sequence[Customer]) -> Design:
        """Place the knots at the quantiles of each quantity."""
        from sklearn.preprocessing import SplineTransformer

        numbers = _filled(encoding, encoding.numbers(rows))
        splines = []
        for column in numbers.T:
            knots = np.unique(np.quantile(column, np.linspace(0, 1, KNOTS)))
            splines.append(
                SplineTransformer(
                    degree=min(3, len(knots)),
                    knots=knots[:, np.newaxis],
                    extrapolation="constant",
                ).fit(column[:, np.newaxis])
            )
        scales = np.maximum(np.abs(numbers).max(axis=0, initial=0.0), 1e-9)
        return cls(encoding, tuple(splines), scales)

    def views(self, rows: Sequence[Customer]) -> tuple[Floats, Floats]:
        """The view for the linear model and the one for the trees."""
        numbers, codes = self.encoding.numbers(rows), self.encoding.words(rows)
        words = self._one_hot(codes)
        return self._linear(numbers, words), self._tree(numbers, words)

    def _linear(self, numbers: Floats, words: Floats) -> Floats:
        """Splines, blanks, words, and words times quantities."""
        filled = _filled(self.encoding, numbers)
        parts = [words, *self._blanks(numbers)]
        for column, spline in zip(filled.T, self.splines, strict=True):
            parts.append(spline.transform(column[:, np.newaxis]))
        for column in (np.log1p(np.abs(filled)) / np.log1p(self.scales)).T[:MAX_PAIRED]:
            parts.append(words * column[:, np.newaxis])
        return np.hstack(parts)

    def _tree(self, numbers: Floats, words: Floats) -> Floats:
        """Quantities (blank as a value below all), their ratios and the words."""
        table = np.hstack([numbers, *self._ratios(numbers), words])
        # The trees' binning does not take a column without any value.
        return np.nan_to_num(table, nan=BLANK)

    def _one_hot(self, codes: NDArray[np.int32]) -> Floats:
        blocks = [
            codes[:, [at]] == np.arange(len(column.words))
            for at, column in enumerate(self.encoding.categories)
        ]
        return np.hstack([np.empty((len(codes), 0)), *blocks]).astype(np.float64)

    def _blanks(self, numbers: Floats) -> list[Floats]:
        return [
            np.isnan(numbers[:, [at]]).astype(np.float64)
            for at, column in enumerate(self.encoding.numeric)
            if column.has_blanks
        ]

    def _ratios(self, numbers: Floats) -> list[Floats]:
        some = numbers[:, :MAX_PAIRED]
        return [
            (some[:, [i]] / np.where(some[:, [j]] == 0, np.nan, some[:, [j]]))
            for i in range(some.shape[1])
            for j in range(some.shape[1])
            if i != j
        ]


def _filled(encoding: Encoding, numbers: Floats) -> Floats:
    medians = np.array([column.median for column in encoding.numeric])
    return np.where(np.isnan(numbers), medians, numbers) if len(medians) else numbers
