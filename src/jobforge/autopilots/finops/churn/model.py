"""Who is about to leave: a calibrated probability with reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no stubs

from jobforge.autopilots.finops.churn.design import Design
from jobforge.autopilots.finops.churn.encoding import Customer, is_blank, learn_encoding
from jobforge.autopilots.finops.churn.leakage import refuse_later_days, refuse_leaks
from jobforge.autopilots.finops.churn.quality import Quality, measure_quality
from jobforge.autopilots.finops.churn.time_split import TimeSplit, split_by_time
from jobforge.core.errors import InvalidInput

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
FOLDS = 5
MIN_EACH = 20
CHUNK = 50_000
_TRUE = frozenset({"yes", "true", "1", "1.0", "churned", "y", "t"})
_FALSE = frozenset({"no", "false", "0", "0.0", "retained", "n", "f", "active"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a customer's risk is higher or lower: the log-odds that this column's value adds.

    `contribution` compares with a usual customer's value (`usual`); above zero raises the risk.
    """

    column: str
    value: Any
    usual: Any
    contribution: float

    @property
    def raises_risk(self) -> bool:
        """Whether the value speaks for leaving."""
        return self.contribution > 0


@dataclass(frozen=True, slots=True)
class _Member:
    """One fit of both models; their log-odds are averaged."""

    design: Design
    linear: Any
    trees: Any

    def log_odds(self, rows: Sequence[Customer]) -> Floats:
        smooth, stepped = self.design.views(rows)
        # A second thread costs the trees three times the work and saves no time.
        with threadpool_limits(1):
            odds = self.linear.decision_function(smooth) + self.trees.decision_function(stepped)
        return np.asarray(odds / 2)


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """A fitted model. `quality` was measured on customers the judged fit had not seen."""

    member: _Member
    slope: float
    intercept: float
    quality: Quality
    usual: dict[str, Any]
    judged_from: date | None = None

    @classmethod
    def fit(
        cls,
        rows: Sequence[Customer],
        label: str | Sequence[object],
        *,
        seed: int = 0,
        exclude: Sequence[str] = (),
        moments: Sequence[date] | None = None,
        horizon_days: int = 0,
    ) -> ChurnModel:
        """Learn from customers who are known to have left or stayed.

        A spline logistic regression and boosted trees, averaged in log-odds and calibrated by
        Platt's method on held-out customers. No resampling: the base rate stays what it is. With
        `moments` the held-out ones are later ones, judged by what was known before them, and
        `quality` is that of the last block of time; else they are five random folds.

        Args:
            rows: one mapping per customer; None, blank text and NaN are blanks.
            label: whether each left, or the name of the column that says so.
            seed: the same rows and seed give the same model.
            exclude: columns that must not be used.
            moments: the day each row describes.
            horizon_days: how long after its day a row's label is known.

        Raises:
            InvalidInput: fewer than 20 customers who left or stayed, a label that is neither yes
                nor no, a column that gives the label away or holds a day after its row's moment
                (it is named), or moments that allow no split.
        """
        left = _labels(rows, label)
        if isinstance(label, str):
            exclude = (*exclude, label)
        encoding = learn_encoding(rows, exclude=exclude)
        if moments is not None:
            refuse_later_days(rows, moments, exclude=exclude)
        refuse_leaks(encoding, rows, left)
        # Trees this small lose more to waiting threads than they gain.
        split = None if moments is None else split_by_time(moments, horizon_days)
        folds = _random_folds(left, seed) if split is None else list(split)
        with threadpool_limits(1):
            held_out = _held_out(rows, left, exclude, folds, seed)
            member = _fit_member(rows, left, exclude, seed)
        unseen = np.isfinite(held_out)
        slope, intercept = _calibrate(held_out[unseen], left[unseen])
        return cls(
            member=member,
            slope=slope,
            intercept=intercept,
            quality=measure_quality(left, _sigmoid(slope * held_out + intercept))
            if split is None
            else _judge_last(held_out, left, split),
            judged_from=None if split is None else split.judged_from,
            usual={c.name: c.median for c in encoding.numeric}
            | {c.name: c.usual for c in encoding.categories},
        )

    def predict(self, rows: Sequence[Customer]) -> list[float]:
        """Probability of leaving for each customer, in [0, 1]."""
        return [p for chunk in self._chunks(rows) for p in _sigmoid(chunk).tolist()]

    def reasons(self, row: Customer, *, limit: int = 5) -> list[Reason]:
        """What moves this customer's probability most, strongest first.

        Each column in turn is set to the usual value; the change of the whole model's log-odds is
        the column's contribution.
        """
        return self.reasons_for([row], limit=limit)[0]

    def reasons_for(self, rows: Sequence[Customer], *, limit: int = 5) -> list[list[Reason]]:
        """`reasons` for many customers at once."""
        names = list(self.usual)
        asked = list(rows) + [{**row, name: self.usual[name]} for row in rows for name in names]
        log_odds = np.concatenate([*self._chunks(asked), np.empty(0)])
        base, changed = log_odds[: len(rows)], log_odds[len(rows) :].reshape(len(rows), len(names))
        return [self._strongest(row, base[at] - changed[at], limit) for at, row in enumerate(rows)]

    def _strongest(self, row: Customer, gaps: Floats, limit: int) -> list[Reason]:
        names = list(self.usual)
        order = sorted(range(len(names)), key=lambda k: (-abs(gaps[k]), names[k]))
        return [
            Reason(names[k], _shown(row.get(names[k])), self.usual[names[k]], float(gaps[k]))
            for k in order[:limit]
            if gaps[k]
        ]

    def _chunks(self, rows: Sequence[Customer]) -> Iterator[Floats]:
        for begin in range(0, len(rows), CHUNK):
            odds = self.member.log_odds(rows[begin : begin + CHUNK])
            yield self.slope * odds + self.intercept


def _shown(value: object) -> object:
    return None if is_blank(value) else value


def _labels(rows: Sequence[Customer], label: str | Sequence[object]) -> Flags:
    given = [row.get(label) for row in rows] if isinstance(label, str) else list(label)
    if len(given) != len(rows):
        raise InvalidInput(f"{len(rows)} customers and {len(given)} labels")
    left = np.array([is_true(value, at) for at, value in enumerate(given)], np.bool_)
    if min(int(left.sum()), int((~left).sum())) < MIN_EACH:
        raise InvalidInput(
            f"{int(left.sum())} of {len(left)} customers left: at least {MIN_EACH} who left and "
            f"{MIN_EACH} who stayed are needed"
        )
    return left


def is_true(value: object, at: int) -> bool:
    """Read a label: yes, true, 1, churned, or their opposites."""
    word = str(value).strip().casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidInput(f"customer {at}: {value!r} does not say whether the customer left")


def _fit_member(
    rows: Sequence[Customer], left: Flags, exclude: Sequence[str], seed: int
) -> _Member:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    design = Design.learn(learn_encoding(rows, exclude=exclude), rows)
    smooth, stepped = design.views(rows)
    linear = make_pipeline(
        StandardScaler(with_std=False), LogisticRegression(C=0.05, max_iter=3000)
    ).fit(smooth, left)
    trees = HistGradientBoostingClassifier(
        learning_rate=0.03,
        max_iter=200,
        max_leaf_nodes=6,
        min_samples_leaf=40,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    ).fit(stepped, left)
    return _Member(design, linear, trees)


def _random_folds(left: Flags, seed: int) -> list[Fold]:
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(len(left)), left))


def _held_out(
    rows: Sequence[Customer],
    left: Flags,
    exclude: Sequence[str],
    folds: Sequence[Fold],
    seed: int,
) -> Floats:
    """Log-odds of every customer from a fit that had not seen him; NaN for those in no fold."""
    result = np.full(len(rows), np.nan)
    for seen, unseen in folds:
        _refuse_one_sided(left[seen])
        member = _fit_member([rows[i] for i in seen], left[seen], exclude, seed)
        result[unseen] = member.log_odds([rows[i] for i in unseen])
    return result


def _refuse_one_sided(left: Flags) -> None:
    if left.all() or not left.any():
        raise InvalidInput("before a block of time nobody left, or everybody: nothing to learn")


def _judge_last(held_out: Floats, left: Flags, split: TimeSplit) -> Quality:
    """The quality on the last block, calibrated on the blocks before it where there are any."""
    last = split.blocks[-1][1]
    _refuse_one_sided(left[last])
    earlier = np.isfinite(held_out)
    earlier[last] = False
    slope, intercept = 1.0, 0.0
    if left[earlier].any() and not left[earlier].all():
        slope, intercept = _calibrate(held_out[earlier], left[earlier])
    return measure_quality(left[last], _sigmoid(slope * held_out[last] + intercept))


def _calibrate(log_odds: Floats, left: Flags) -> tuple[float, float]:
    """Source: Platt, Probabilistic Outputs for Support Vector Machines (1999)."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6).fit(log_odds[:, np.newaxis], left)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _sigmoid(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)))
