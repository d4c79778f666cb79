"""Pairs of records as numbers: how alike they are, column by column and against their rivals."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from jobforge.autopilots.finops.matching.values import Cell, TableColumns

Floats = NDArray[np.float64]
Pair = tuple[int, int]
MISSING = math.nan
CHUNK = 500
KEPT = 200
SOFT = 0.88
"""Two words this alike (Jaro-Winkler) count as a misspelling of each other."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Both tables as cells, with the weight of each word and each row's similar rows."""

    columns: TableColumns
    left: list[tuple[Cell, ...]]
    right: list[tuple[Cell, ...]]
    weights: list[dict[str, float]]
    similar: list[Any]

    @classmethod
    def read(cls, left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> Tables:
        """Read both tables; a word weighs the more, the rarer it is in its column."""
        columns = TableColumns.shared(left, right)
        first = [columns.cells(row) for row in left]
        second = [columns.cells(row) for row in right]
        weights = [
            _word_weights([cells[at] for cells in (*first, *second)])
            for at in range(len(columns.names) + 1)
        ]
        similar = [
            _similarities([c[at].text for c in first], [c[at].text for c in second], kind)
            for at in (0, len(columns.names))
            for kind in ("word", "char")
        ]
        return cls(columns, first, second, weights, similar)


def _word_weights(cells: Sequence[Cell]) -> dict[str, float]:
    counts = Counter(word for cell in cells for word in set(cell.words))
    return {word: math.log((1 + len(cells)) / count) for word, count in counts.items()}


def _similarities(left: list[str], right: list[str], kind: str) -> Any:  # noqa: ANN401 (sparse)
    """Cosine of TF-IDF vectors, every left row against every right row; sparse.

    Of each left row the 200 most similar right rows are kept, so that large tables fit.
    """
    from scipy.sparse import csr_matrix, vstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(left) or not any(right):
        return csr_matrix((len(left), len(right)))
    if kind == "word":
        vectorizer = TfidfVectorizer(
            token_pattern=r"(?u)\S+",  # noqa: S106 (a regular expression, not a password)
            ngram_range=(1, 2),
            sublinear_tf=True,
        )
    else:
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True)
    vectorizer.fit(left + right)
    there = vectorizer.transform(right).T.tocsr()
    blocks = (
        _nearest(vectorizer.transform(left[begin : begin + CHUNK]) @ there)
        for begin in range(0, len(left), CHUNK)
    )
    return vstack(list(blocks)).tocsr()


def _nearest(similar: Any) -> Any:  # noqa: ANN401 (sparse)
    """The block with all but each row's nearest set to nothing."""
    similar = similar.tocsr()
    for row in range(similar.shape[0]):
        values = similar.data[similar.indptr[row] : similar.indptr[row + 1]]
        if len(values) > KEPT:
            values[values < np.partition(values, -KEPT)[-KEPT]] = 0.0
    similar.eliminate_zeros()
    return similar


def pair_features(tables: Tables, pairs: Sequence[Pair]) -> Floats:
    """One row per pair; NaN where a side is blank."""
    cells = [_cell_features(tables, i, j) for i, j in pairs]
    table = np.array(cells, np.float64).reshape(len(pairs), -1)
    return np.hstack([table, *(_standing(matrix, pairs) for matrix in tables.similar)])


def _cell_features(tables: Tables, i: int, j: int) -> list[float]:
    found: list[float] = []
    for at, weights in enumerate(tables.weights):
        left, right = tables.left[i][at], tables.right[j][at]
        found += _text_features(left, right, weights)
        if at < len(tables.columns.names):
            found += _quantity_features(left, right)
    return found


def _text_features(left: Cell, right: Cell, weights: Mapping[str, float]) -> list[float]:
    if not left.words or not right.words:
        return [MISSING] * 17
    first, second = set(left.words), set(right.words)
    common = first & second
    return [
        len(common) / len(first | second),
        len(common) / min(len(first), len(second)),
        _weighted(common, weights) / _weighted(first | second, weights),
        _weighted(common, weights) / min(_weighted(first, weights), _weighted(second, weights)),
        _heaviest(first - second, weights),
        _heaviest(second - first, weights),
        _weighted(first - second, weights),
        _weighted(second - first, weights),
        _soft_overlap(first, second, weights),
        _soft_overlap(second, first, weights),
        fuzz.ratio(left.text, right.text),
        fuzz.token_set_ratio(left.text, right.text),
        fuzz.token_sort_ratio(left.text, right.text),
        fuzz.partial_ratio(left.text, right.text),
        JaroWinkler.normalized_similarity(left.text, right.text),
        *_digit_features(first, second),
    ]


def _weighted(words: set[str], weights: Mapping[str, float]) -> float:
    return sum(weights.get(word, 1.0) for word in words) + 1e-9


def _heaviest(words: set[str], weights: Mapping[str, float]) -> float:
    return max((weights.get(word, 1.0) for word in words), default=0.0)


def _soft_overlap(first: set[str], second: set[str], weights: Mapping[str, float]) -> float:
    """Share of the first's weight that has an equal or similar word in the second."""
    found = 0.0
    for word in first:
        best = 1.0 if word in second else max(JaroWinkler.similarity(word, w) for w in second)
        found += weights.get(word, 1.0) * best * (best >= SOFT)
    return found / _weighted(first, weights)


def _digit_features(first: set[str], second: set[str]) -> list[float]:
    """Shared and conflicting words with digits: versions, years, model numbers."""
    left = {word for word in first if any(char.isdigit() for char in word)}
    right = {word for word in second if any(char.isdigit() for char in word)}
    if not left or not right:
        return [MISSING, float(len(left | right))]
    return [len(left & right) / len(left | right), float(min(len(left - right), len(right - left)))]


def _quantity_features(left: Cell, right: Cell) -> list[float]:
    gap = MISSING
    if left.number is not None and right.number is not None:
        largest = max(abs(left.number), abs(right.number))
        gap = abs(left.number - right.number) / largest if largest else 0.0
    days = MISSING
    if left.day is not None and right.day is not None:
        days = math.log1p(abs(left.day - right.day))
    return [gap, days, float(left.text == right.text) if left.text and right.text else MISSING]


def _standing(similar: Any, pairs: Sequence[Pair]) -> Floats:  # noqa: ANN401 (sparse)
    """The pair's similarity, and how it stands among all rivals on either side."""
    left = np.array([i for i, _ in pairs])
    right = np.array([j for _, j in pairs])
    own = np.asarray(similar[left, right]).ravel()
    by_left, by_right = _ranked(similar), _ranked(similar.T.tocsr())
    return np.column_stack(
        [
            own,
            *_against(own, left, by_left),
            *_against(own, right, by_right),
        ]
    )


def _ranked(similar: Any) -> list[Floats]:  # noqa: ANN401 (sparse)
    """Each row's similarities, ascending."""
    return [np.sort(row) for row in np.split(similar.data, similar.indptr[1:-1])]


def _against(own: Floats, rows: NDArray[np.int_], ranked: list[Floats]) -> list[Floats]:
    """Distance to the row's best, to its best other, and the rank (logarithm)."""
    best = np.array([ranked[r][-1] if len(ranked[r]) else 0.0 for r in rows])
    second = np.array([ranked[r][-2] if len(ranked[r]) > 1 else 0.0 for r in rows])
    above = np.array(
        [
            len(ranked[r]) - np.searchsorted(ranked[r], value + 1e-12)
            for r, value in zip(rows, own, strict=True)
        ]
    )
    rival = np.where(own >= best - 1e-12, second, best)
    return [own - best, own - rival, np.log1p(above)]


def partner_features(pairs: Sequence[Pair], examples: Sequence[tuple[int, int, bool]]) -> Floats:
    """What the examples say of the pair's records: known partners, and known strangers, of each.

    The pair itself does not count, so that an example does not explain itself.
    """
    left: defaultdict[int, Counter[bool]] = defaultdict(Counter)
    right: defaultdict[int, Counter[bool]] = defaultdict(Counter)
    own: defaultdict[Pair, Counter[bool]] = defaultdict(Counter)
    for i, j, same in set(examples):
        left[i][same] += 1
        right[j][same] += 1
        own[i, j][same] += 1
    rows = [
        [
            float(side[key][same] - own[i, j][same])
            for side, key in ((left, i), (right, j))
            for same in (True, False)
        ]
        for i, j in pairs
    ]
    return np.array(rows, np.float64).reshape(len(pairs), 4)
