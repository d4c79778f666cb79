"""Kernel ridge regression with exact leave-one-out scores, and its form on landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RidgeFit:
    """Dual weights of shape `(n_rows, n_targets)` and each row's score had it not been there."""

    weights: Matrix
    left_out: Matrix


def fit_kernel_ridge(gram: Matrix, targets: Matrix, *, penalty: float) -> RidgeFit:
    """Solve `(gram + penalty I) weights = targets`. The gram matrix is overwritten.

    Source: Rifkin and Lippert, Notes on Regularized Least Squares (2007), section 4: the
    leave-one-out residual of row i is `weights[i] / inverse[i, i]`.
    """
    from scipy.linalg import (  # type: ignore[import-untyped]  # scipy ships no types
        cho_solve,
        cholesky,
    )
    from scipy.linalg.lapack import (  # type: ignore[import-untyped]  # scipy ships no types
        strtri,
    )

    np.einsum("ii->i", gram)[:] += penalty
    lower = cholesky(gram.T, lower=True, overwrite_a=True, check_finite=False)
    weights = cho_solve((lower, True), targets, check_finite=False)
    inverted, _ = strtri(lower, lower=1, overwrite_c=1)
    diagonal = np.einsum("ij,ij->j", inverted, inverted)
    return RidgeFit(weights=weights, left_out=targets - weights / diagonal[:, None])


def fit_landmark_ridge(
    cross: Matrix, landmarks: Matrix, targets: Matrix, *, penalty: float
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
    whitened = solve_triangular(lower, features, lower=True, check_finite=False)
    leverage = np.einsum("ij,ij->j", whitened, whitened)
    projected = whitened @ targets
    fitted = whitened.T @ projected
    inner = solve_triangular(lower, projected, lower=True, trans="T", check_finite=False)
    weights = solve_triangular(root, inner, lower=True, trans="T", check_finite=False)
    residual = (targets - fitted) / np.maximum(1 - leverage, 1e-3)[:, None]
    return RidgeFit(weights=weights, left_out=targets - residual)
