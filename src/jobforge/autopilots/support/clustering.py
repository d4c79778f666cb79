"""Groups of texts that mean the same, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.meaning_index import to_unit
from jobforge.autopilots.support.sentence_vectors import VectorChoice, load_encoders
from jobforge.autopilots.support.text_space import Texts, TextSpace
from jobforge.core.errors import InvalidInput

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Matrix = NDArray[np.float32]

N_NEIGHBOURS = 12
SHARPNESS = 3
DAMPING = 8
EXTRA_AXES = 1.17
EMPHASIS = 0.15
"""Chosen on Banking77's training part without labels but for the score; the optimum is flat."""
_MAX_DENSE = 600
_BATCH = 1_000
_N_STARTS = 5
_MAX_GROUPS = 150
_STEP = 1.17


def cluster_tickets(
    texts: Sequence[str], *, k: int | None = None, seed: int = 0, vectors: VectorChoice = "auto"
) -> list[int]:
    """Return each text's group, 0 to k - 1; groups are numbered in the order of their first text.

    Without `k` the number of groups is the one whose groups keep most of their links inside. The
    same texts and seed give the same groups. As many groups as texts leave every text alone.

    Source: Ng, Jordan, Weiss, On Spectral Clustering (2001), on a graph of nearest neighbours;
    axes damped by their eigenvalue as in Coifman and Lafon, Diffusion Maps (2006), equation 13.

    Raises:
        InvalidInput: k is less than 1.
    """
    if k is not None and k < 1:
        raise InvalidInput("k must be at least 1")
    if k == 1 or len(texts) <= 2:  # noqa: PLR2004 - two texts need no graph
        return [0 if k == 1 else place for place in range(len(texts))]
    if k is not None and k >= len(texts):
        return list(range(len(texts)))
    _, placed = TextSpace.learn(texts, load_encoders(vectors))
    static = _emphasise(placed.vectors[-1])
    graph = _link(replace(placed, vectors=(*placed.vectors[:-1], static)))
    values, axes = _find_axes(graph, k, seed)
    if k is not None:
        return _number_in_order(_split(values, axes, k, seed))
    tried = [_split(values, axes, number, seed) for number in _candidates(len(texts))]
    return _number_in_order(max(tried, key=lambda groups: _modularity(graph, groups)))


def _emphasise(vectors: Matrix) -> Matrix:
    """Stretch unit vectors a little along the directions in which these texts differ most."""
    spread, directions = np.linalg.eigh(vectors.T @ vectors / len(vectors))
    stretched = vectors @ directions * np.clip(spread, 1e-6, None) ** EMPHASIS
    return to_unit(np.asarray(stretched, dtype=np.float32))


def _split(values: Matrix, axes: Matrix, n_groups: int, seed: int) -> NDArray[np.int64]:
    n_axes = _count_axes(n_groups, axes.shape[1])
    return _group(axes[:, :n_axes] * values[:n_axes] ** DAMPING, n_groups, seed)


def _candidates(n_texts: int) -> list[int]:
    """Return the numbers of groups to try: from 2 up, each about a sixth more than the last."""
    most = min(_MAX_GROUPS, max(2, n_texts // 3))
    steps = [round(2 * _STEP**power) for power in range(40)]
    return sorted({step for step in steps if step <= most})


def _modularity(graph: csr_matrix, groups: NDArray[np.int64]) -> float:
    """Source: Newman, Analysis of weighted networks (2004), equation 6."""
    from scipy.sparse import csr_matrix

    n_texts = len(groups)
    members = csr_matrix(
        (np.ones(n_texts), (np.arange(n_texts), groups)), shape=(n_texts, groups.max() + 1)
    )
    inside = (members.T @ graph @ members).diagonal().sum()
    degrees = np.asarray(members.T @ graph.sum(axis=1)).ravel()
    total = degrees.sum()
    return float(inside / total - (degrees**2).sum() / total**2)


def _link(placed: Texts) -> csr_matrix:
    """Link each text with its nearest neighbours; the more alike, the stronger."""
    from scipy.sparse import csr_matrix

    n_texts = len(placed)
    n_neighbours = min(N_NEIGHBOURS, n_texts - 1)
    columns = np.empty((n_texts, n_neighbours), dtype=np.int64)
    strengths = np.empty((n_texts, n_neighbours), dtype=np.float64)
    for start in range(0, n_texts, _BATCH):
        rows = np.arange(start, min(start + _BATCH, n_texts))
        alike = _compare_rows(placed, rows)
        alike[np.arange(len(rows)), rows] = -np.inf
        nearest = np.argpartition(-alike, n_neighbours - 1, axis=1)[:, :n_neighbours]
        columns[rows] = nearest
        strengths[rows] = np.take_along_axis(alike, nearest, axis=1)
    strengths = np.clip(strengths, 0.05, None) ** SHARPNESS
    offsets = np.arange(n_texts + 1) * n_neighbours
    graph = csr_matrix((strengths.ravel(), columns.ravel(), offsets), shape=(n_texts, n_texts))
    return csr_matrix((graph + graph.T) / 2)


def _compare_rows(placed: Texts, rows: NDArray[np.int64]) -> Matrix:
    """Return cosines of vectors and words, weighted; MiniLM's vectors lead where there are any."""
    weights = (1.0,) if len(placed.vectors) == 1 else (1.0, 0.3)
    alike = np.zeros((len(rows), len(placed)), dtype=np.float32)
    for vectors, weight in zip(placed.vectors, weights, strict=True):
        alike += np.float32(weight) * (vectors[rows] @ vectors.T)
    word_weight = 0.5 if len(placed.vectors) == 1 else 0.3
    shared = (placed.words[rows] @ placed.words.T).tocoo()
    alike[shared.row, shared.col] += np.float32(word_weight) * shared.data
    return alike


def _find_axes(graph: csr_matrix, k: int | None, seed: int) -> tuple[Matrix, Matrix]:
    """Return the largest eigenvalues of the normalised graph, falling, and their vectors."""
    from scipy.sparse import diags
    from scipy.sparse.linalg import eigsh

    degrees = np.asarray(graph.sum(axis=1)).ravel()
    scale = diags(degrees**-0.5)
    normal = scale @ graph @ scale
    n_texts = graph.shape[0]
    wanted = _count_axes(k or min(_MAX_GROUPS, n_texts // 3), n_texts - 1) + 1
    if n_texts <= max(_MAX_DENSE, 2 * wanted):
        values, axes = np.linalg.eigh(normal.toarray())
    else:
        start = np.random.default_rng(seed).normal(size=n_texts)
        values, axes = eigsh(normal, k=wanted, which="LA", v0=start)
    order = np.argsort(-values)[:wanted]
    return np.clip(values[order], 0, None), axes[:, order]


def _count_axes(n_groups: int, most: int) -> int:
    return max(1, min(round(EXTRA_AXES * n_groups), most))


def _group(axes: Matrix, n_groups: int, seed: int) -> NDArray[np.int64]:
    from sklearn.cluster import KMeans

    lengths = np.linalg.norm(axes, axis=1, keepdims=True)
    unit = axes / np.maximum(lengths, 1e-12)
    means = KMeans(n_groups, n_init=_N_STARTS, random_state=seed)
    return np.asarray(means.fit_predict(unit), dtype=np.int64)


def _number_in_order(groups: NDArray[np.int64]) -> list[int]:
    numbers: dict[int, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups.tolist()]
