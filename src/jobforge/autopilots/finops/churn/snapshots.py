"""Labels with a horizon: who left within so many days of the day a row describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from jobforge.autopilots.finops.churn.encoding import is_blank
from jobforge.autopilots.finops.churn.model import is_true
from jobforge.autopilots.finops.money import parse_instant
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Which columns say what happened: a yes or no, or the day of leaving; and when.

    `horizon_days` is what the label means: left within so many days of `snapshot`.
    """

    label: str
    customer: str = "customer_id"
    snapshot: str | None = None
    left_at: str | None = None
    horizon_days: int | None = None


@dataclass(frozen=True, slots=True)
class LabelledHistory:
    """Rows whose label is known, with it and the day each describes; None where no column says.

    `present` are the customers who have not left, each by the newest row about them.
    """

    rows: list[Row]
    left: list[bool]
    moments: list[date] | None
    present: list[Row]
    notes: tuple[str, ...] = ()


def read_labels(
    history: Sequence[Row], columns: LabelColumns, *, known_until: date | None
) -> LabelledHistory:
    """Label each row, leaving out what is not known yet.

    A row is not known yet where its horizon ends after `known_until` (else after the last day the
    history speaks of) and nobody has left so far; a row of a customer who had left before is none.

    Raises:
        SourceMalformed: no such column, or a day that is none; the message names row and column.
    """
    for name in filter(None, (columns.snapshot, columns.left_at)):
        if not any(name in row for row in history):
            raise SourceMalformed(f"the history has no column {name!r}")
    if columns.left_at is None and not any(columns.label in row for row in history):
        raise SourceMalformed(
            f"the history has no column {columns.label!r}; label_column names another"
        )
    moments = _days(history, columns.snapshot) if columns.snapshot else None
    left_at = _days(history, columns.left_at) if columns.left_at else None
    if moments is None or columns.horizon_days is None:
        labels = [is_true(row.get(columns.label), at) for at, row in enumerate(history)]
        known = _all_known(moments, columns.snapshot)
        present = _newest(history, labels, known, columns.customer)
        return LabelledHistory(list(history), labels, known, present)
    given = [] if left_at else [is_true(row.get(columns.label), n) for n, row in enumerate(history)]
    return _with_horizon(history, moments, left_at, given, columns, known_until)


def _all_known(moments: list[date | None] | None, column: str | None) -> list[date] | None:
    if moments is None:
        return None
    blank = next((at for at, moment in enumerate(moments) if moment is None), None)
    if blank is not None:
        raise SourceMalformed(f"customer {blank} has no {column}")
    return [moment for moment in moments if moment is not None]


def _with_horizon(
    history: Sequence[Row],
    given_moments: list[date | None],
    left_at: list[date | None] | None,
    given: list[bool],
    columns: LabelColumns,
    known_until: date | None,
) -> LabelledHistory:
    moments = _all_known(given_moments, columns.snapshot) or []
    horizon = timedelta(days=columns.horizon_days or 0)
    last = known_until or max([*moments, *(day for day in left_at or () if day)])
    kept, labels = [], []
    departed: list[bool] = []
    gone = unknown = 0
    for at, moment in enumerate(moments):
        day = left_at[at] if left_at else None
        has_left = given[at] if left_at is None else day is not None and day <= moment + horizon
        departed.append(has_left or day is not None)
        if day is not None and day <= moment:
            gone += 1
        elif not has_left and moment + horizon > last:
            unknown += 1
        else:
            kept.append(at)
            labels.append(has_left)
    notes = [f"{gone} rows of customers who had left before were left out."] if gone else []
    if unknown:
        notes.append(
            f"{unknown} rows were left out: whether they leave within {columns.horizon_days} days "
            f"is not known on {last}."
        )
    if not kept:
        raise SourceMalformed("no row of the history has a label that is known yet")
    return LabelledHistory(
        [history[at] for at in kept],
        labels,
        [moments[at] for at in kept],
        _newest(history, departed, moments, columns.customer),
        tuple(notes),
    )


def _newest(
    history: Sequence[Row], left: Sequence[bool], moments: Sequence[date] | None, customer: str
) -> list[Row]:
    """Who has not left, by the newest row; without days or names each row is a customer."""
    if moments is None or not all(row.get(customer) for row in history):
        return [row for row, gone in zip(history, left, strict=True) if not gone]
    newest: dict[str, int] = {}
    departed: set[str] = set()
    for at in sorted(range(len(history)), key=moments.__getitem__):
        newest[str(history[at][customer])] = at
        if left[at]:
            departed.add(str(history[at][customer]))
    return [history[at] for name, at in newest.items() if name not in departed]


def _days(history: Sequence[Row], column: str) -> list[date | None]:
    found = []
    for at, row in enumerate(history):
        value = row.get(column)
        where = f"customer {at}: {column}"
        found.append(None if is_blank(value) else parse_instant(value, where=where).date())
    return found
