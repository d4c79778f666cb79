"""Turn raw class scores into probabilities, and out-of-scope signs into one score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Vector = NDArray[np.float64]

_NEWTON_STEPS = 30


@dataclass(frozen=True, slots=True)
class Temperature:
    """Softmax of the scores times `factor`."""

    factor: float

    @classmethod
    def fit(cls, scores: Matrix, labels: NDArray[np.int64]) -> Temperature:
        """Choose the factor with the least log loss on scores of rows the model did not see.

        Source: Guo et al., On Calibration of Modern Neural Networks (2017), section 4.2.
        """
        from scipy.optimize import (
            minimize_scalar,
        )

        def loss(log_factor: float) -> float:
            return _log_loss(scores * np.exp(log_factor), labels)

        best = minimize_scalar(loss, bounds=(-1.0, 5.0), method="bounded", options={"xatol": 0.01})
        return cls(factor=float(np.exp(best.x)))

    def apply(self, scores: Matrix) -> Matrix:
        """Return probabilities, one row per text."""
        return softmax(scores * np.float32(self.factor))


def softmax(scores: Matrix) -> Matrix:
    """Return rows that add up to 1."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _log_loss(scores: Matrix, labels: NDArray[np.int64]) -> float:
    top = scores.max(axis=1)
    total = np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top
    return float(np.mean(total - scores[np.arange(len(labels)), labels]))


@dataclass(frozen=True, slots=True)
class Logistic:
    """Probability of a yes from a few signs: standardise, weigh, add up."""

    mean: Vector
    scale: Vector
    weights: Vector
    bias: float

    @classmethod
    def fit(
        cls, signs: Vector, answers: NDArray[np.bool_], *, is_balanced: bool = False
    ) -> Logistic:
        """Fit by Newton's method. Balanced: yes and no count alike, however many there are of each.

        The targets are drawn towards a half, the more the fewer answers there are, so that nothing
        is ever certain. Source: Platt, Probabilistic Outputs for SVMs (1999), section 2.2.
        """
        mean, scale = signs.mean(axis=0), signs.std(axis=0) + 1e-9
        design = np.column_stack(((signs - mean) / scale, np.ones(len(signs))))
        n_yes = int(answers.sum())
        n_no = len(answers) - n_yes
        target = np.where(answers, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))
        importance = np.ones(len(answers))
        if is_balanced:
            importance = np.where(answers, 1 / max(n_yes, 1), 1 / max(n_no, 1)) * len(answers) / 2
        ridge = np.diag(np.append(np.full(signs.shape[1], 1.0), 1e-6))
        solution = np.zeros(design.shape[1])
        for _ in range(_NEWTON_STEPS):
            probability = _logistic(design @ solution)
            slope = design.T @ (importance * (probability - target)) + ridge @ solution
            curve = (design.T * (importance * probability * (1 - probability))) @ design + ridge
            solution = solution - np.linalg.solve(curve, slope)
        return cls(mean=mean, scale=scale, weights=solution[:-1], bias=float(solution[-1]))

    @classmethod
    def falling_with(cls, signs: Vector) -> Logistic:
        """Return a score that falls as the standardised signs grow and is a half at their mean."""
        weights = np.full(signs.shape[1], -1.0)
        return cls(mean=signs.mean(axis=0), scale=signs.std(axis=0) + 1e-9, weights=weights, bias=0)

    def apply(self, signs: Vector) -> Vector:
        """Return the probability of a yes for each row of signs."""
        return _logistic((signs - self.mean) / self.scale @ self.weights + self.bias)


def _logistic(values: Vector) -> Vector:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))
