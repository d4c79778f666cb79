"""Which records of two tables mean the same thing: learned from examples, or from the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.finops.matching.features import (
    Pair,
    Tables,
    pair_features,
    partner_features,
)
from jobforge.core.errors import InvalidInput

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
IdPair = tuple[Any, Any]
Example = tuple[Any, Any, bool]
FOLDS = 3
BLOCK_SIZE = 10
MIN_EXAMPLES = 10
MIN_PAIRS = 30
EVEN = 0.5
SURE_OF_THRESHOLD = 200
"""With so many matches among the examples a threshold learned from them counts half."""


@dataclass(frozen=True, slots=True)
class RecordMatch:
    """Two records that mean the same thing; `probability` is 0.5 and more."""

    left_id: Any
    right_id: Any
    probability: float


def match_pairs(
    left: Sequence[Mapping[str, Any]],
    right: Sequence[Mapping[str, Any]],
    *,
    pairs: Sequence[IdPair] | None,
    examples: Sequence[Example],
) -> list[RecordMatch]:
    """Find the matches; see `jobforge.autopilots.finops.match_records`."""
    first, second = _positions(left, "left"), _positions(right, "right")
    tables = Tables.read(left, right)
    asked = _block(tables) if pairs is None else [_locate(p[0], p[1], first, second) for p in pairs]
    if not asked:
        return []
    known = [(*_locate(a, b, first, second), bool(same)) for a, b, same in examples]
    probabilities = _learned(tables, asked, known) if known else _unlearned(tables, asked)
    found = [
        RecordMatch(left[i]["id"], right[j]["id"], float(p))
        for (i, j), p in zip(asked, probabilities, strict=True)
        if p >= EVEN
    ]
    return sorted(found, key=lambda m: -m.probability)


def _positions(rows: Sequence[Mapping[str, Any]], side: str) -> dict[Any, int]:
    if not rows:
        raise InvalidInput(f"the {side} table is empty")
    positions: dict[Any, int] = {}
    for at, row in enumerate(rows):
        if row.get("id") is None:
            raise InvalidInput(f"row {at} of the {side} table has no id")
        if row["id"] in positions:
            raise InvalidInput(f"the {side} table has the id {row['id']!r} more than once")
        positions[row["id"]] = at
    return positions


def _locate(left: Any, right: Any, first: dict[Any, int], second: dict[Any, int]) -> Pair:  # noqa: ANN401 (an id is any value)
    if left not in first or right not in second:
        raise InvalidInput(f"the pair ({left!r}, {right!r}) names a record that is not there")
    return first[left], second[right]


def _block(tables: Tables) -> list[Pair]:
    """The ten nearest right rows of each left row, by words and by letters."""
    found: dict[Pair, None] = {}
    for similar in tables.similar[2:]:
        for i in range(similar.shape[0]):
            span = slice(similar.indptr[i], similar.indptr[i + 1])
            near = np.argsort(-similar.data[span], kind="stable")[:BLOCK_SIZE]
            found.update(dict.fromkeys((i, int(j)) for j in similar.indices[span][near]))
    return sorted(found)


def _learned(
    tables: Tables, asked: Sequence[Pair], known: Sequence[tuple[int, int, bool]]
) -> Floats:
    same = np.array([label for _, _, label in known], np.bool_)
    if min(int(same.sum()), int((~same).sum())) < MIN_EXAMPLES:
        raise InvalidInput(
            f"{int(same.sum())} of {len(same)} examples are matches: at least {MIN_EXAMPLES} of "
            "each kind are needed, or none at all"
        )
    taught = [(i, j) for i, j, _ in known]
    lesson, question = (
        _without_gaps(np.hstack([pair_features(tables, some), partner_features(some, known)]))
        for some in (taught, asked)
    )
    held_out = _held_out(lesson, same, taught)
    threshold = _best_threshold(held_out, same)
    return _recentre(_fit_predict(lesson, same, question), threshold, int(same.sum()))


def _fit_predict(lesson: Floats, same: Flags, question: Floats) -> Floats:
    """Mean of boosted trees, randomised trees and a logistic regression, which err differently."""
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no stubs

    learners = (
        HistGradientBoostingClassifier(
            learning_rate=0.08,
            max_iter=150,
            max_leaf_nodes=8,
            min_samples_leaf=10,
            l2_regularization=1.0,
            max_features=0.3,
            early_stopping=False,
            random_state=0,
        ),
        ExtraTreesClassifier(200, max_features=0.3, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=2000)),
    )
    with threadpool_limits(1):
        answers = [learner.fit(lesson, same).predict_proba(question)[:, 1] for learner in learners]
    return np.asarray(np.mean(answers, axis=0))


def _without_gaps(table: Floats) -> Floats:
    return np.nan_to_num(table, nan=-1.0)


def _held_out(lesson: Floats, same: Flags, taught: Sequence[Pair]) -> Floats:
    """Each example's probability from a fit without it and without its repeats."""
    from sklearn.model_selection import StratifiedGroupKFold

    numbers = {pair: at for at, pair in enumerate(dict.fromkeys(taught))}
    groups = [numbers[pair] for pair in taught]
    result = np.empty(len(same))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for seen, unseen in folds.split(lesson, same, groups):
        result[unseen] = _fit_predict(lesson[seen], same[seen], lesson[unseen])
    return result


def _best_threshold(probabilities: Floats, same: Flags) -> float:
    """The threshold with the best F1, smoothed over its neighbours and between two examples."""
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    hits = np.cumsum(same[order])
    scores = 2 * hits / (np.arange(1, len(hits) + 1) + same.sum())
    width = max(1, int(same.sum()) // 20)
    smooth = np.convolve(np.pad(scores, width, mode="edge"), np.ones(2 * width + 1), "valid")
    best = int(np.argmax(smooth))
    after = ordered[min(best + 1, len(ordered) - 1)]
    return float(np.clip((ordered[best] + after) / 2, 1e-3, 1 - 1e-3))


def _recentre(probabilities: Floats, threshold: float, matches: int) -> Floats:
    """Shift the log-odds so that the best threshold becomes even odds; less so from few matches."""
    trust = matches / (matches + SURE_OF_THRESHOLD)
    safe = np.clip(probabilities, 1e-6, 1 - 1e-6)
    odds = np.log(safe / (1 - safe)) - trust * np.log(threshold / (1 - threshold))
    return np.asarray(1 / (1 + np.exp(-odds)))


def _unlearned(tables: Tables, asked: Sequence[Pair]) -> Floats:
    """Without examples: two groups of pairs by likeness, alike and not.

    Too few pairs to tell groups apart: the likeness itself, which is in [0, 1].
    """
    left = np.array([i for i, _ in asked])
    right = np.array([j for _, j in asked])
    likeness = np.mean(
        [np.asarray(matrix[left, right]).ravel() for matrix in tables.similar[2:]], axis=0
    )
    if len(asked) < MIN_PAIRS or likeness.max() - likeness.min() < 1e-9:  # noqa: PLR2004 (rounding)
        return np.asarray(likeness)
    return _upper_group(likeness)


def _upper_group(likeness: Floats) -> Floats:
    from sklearn.mixture import GaussianMixture

    column = likeness[:, np.newaxis]
    mixture = GaussianMixture(2, means_init=[[0.2], [0.8]], random_state=0).fit(column)
    upper = int(np.argmax(mixture.means_.ravel()))
    share = mixture.predict_proba(column)[:, upper]
    # A wide lower group must not claim what is more alike than the upper group's middle.
    return np.asarray(
        np.where(likeness >= mixture.means_[upper, 0], np.maximum(share, EVEN), share)
    )
