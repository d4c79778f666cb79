"""Kernel ridge regression with leave-one-out scores, and its form on landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RidgeFit:
    """Dual weights, and the scores that the last rows would get had each not been there.

    `weights` has shape `(n_rows, n_targets)`, `left_out` `(n_left_out, n_targets)`.
    """

    weights: Matrix
    left_out: Matrix


def fit_kernel_ridge(gram: Matrix, targets: Matrix, *, penalty: float, n_left_out: int) -> RidgeFit:
    """Solve `(gram + penalty I) weights = targets`.

    Only the lower triangle of `gram` is read, and the matrix is overwritten. Scores of rows left
    out are exact and all but free for the last rows: there the inverse's diagonal needs no more
    than the last block of the triangular factor.

    Source: Rifkin and Lippert, Notes on Regularized Least Squares (2007), section 4: the
    leave-one-out residual of row i is `weights[i] / inverse[i, i]`.
    """
    from scipy.linalg import (
        cho_solve,
        cholesky,
        solve_triangular,
    )

    np.einsum("ii->i", gram)[:] += penalty
    upper = cholesky(gram.T, lower=False, overwrite_a=True, check_finite=False)
    weights = cho_solve((upper, False), targets, check_finite=False)
    last = slice(len(gram) - n_left_out, None)
    block = solve_triangular(upper[last, last], np.eye(n_left_out, dtype=np.float32))
    diagonal = np.einsum("ij,ij->i", block, block)
    return RidgeFit(weights, targets[last] - weights[last] / diagonal[:, None])


def fit_landmark_ridge(
    cross: Matrix, landmarks: Matrix, targets: Matrix, *, penalty: float, n_left_out: int
) -> RidgeFit:
    """Solve on a subset of the rows: `cross` is `(n_rows, n_landmarks)`, weights are per landmark.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 8.3.1
    (subset of regressors); leave-one-out by the leverage of the ridge in feature space.
    """
    from scipy.linalg import cholesky, solve_triangular

    jitter = 1e-3 * np.eye(len(landmarks), dtype=np.float32)
    root = cholesky(landmarks + jitter, lower=True, check_finite=False)
    features = solve_triangular(root, cross.T, lower=True, check_finite=False)
    normal = features @ features.T
    np.einsum("ii->i", normal)[:] += penalty
    lower = cholesky(normal, lower=True, overwrite_a=True, check_finite=False)
    projected = solve_triangular(lower, features @ targets, lower=True, check_finite=False)
    inner = solve_triangular(lower, projected, lower=True, trans="T", check_finite=False)
    weights = solve_triangular(root, inner, lower=True, trans="T", check_finite=False)
    last = slice(len(cross) - n_left_out, None)
    whitened = solve_triangular(lower, features[:, last], lower=True, check_finite=False)
    leverage = np.einsum("ij,ij->j", whitened, whitened)
    residual = targets[last] - whitened.T @ projected
    return RidgeFit(weights, targets[last] - residual / np.maximum(1 - leverage, 1e-3)[:, None])
