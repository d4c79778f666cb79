"""The passes of a reconciliation, in order."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, tzinfo
from decimal import Decimal
from typing import Any

import numpy as np

from jobforge.autopilots.finops.money import FxRate, FxTable
from jobforge.autopilots.finops.reconciliation.board import Board, MatchList
from jobforge.autopilots.finops.reconciliation.chance import measure_chance
from jobforge.autopilots.finops.reconciliation.control import control_totals
from jobforge.autopilots.finops.reconciliation.exact import match_exact
from jobforge.autopilots.finops.reconciliation.fuzzy import match_fuzzy
from jobforge.autopilots.finops.reconciliation.grouping import match_sums
from jobforge.autopilots.finops.reconciliation.ledger import Flags, Side, build_sides
from jobforge.autopilots.finops.reconciliation.model import (
    Difference,
    Reconciliation,
    Record,
    Tolerance,
)
from jobforge.autopilots.finops.reconciliation.residue import report_residue
from jobforge.autopilots.finops.reconciliation.rules import match_by_reference

Period = tuple[date, date]


def run_passes(
    expected: Sequence[Record],
    actual: Sequence[Record],
    *,
    tolerance: Tolerance,
    fx_rates: Iterable[FxRate | Mapping[str, Any]],
    period: Period | None,
    zone: tzinfo = UTC,
) -> Reconciliation:
    """Reconcile; see `jobforge.autopilots.finops.reconcile` for the meaning of the arguments."""
    # A million matches make no cycles, but each collection would look through all records.
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        board = _set_up(build_sides(expected, actual, zone), tolerance, FxTable(fx_rates))
        return _reconcile(board, period)
    finally:
        if was_collecting:
            gc.enable()


def _reconcile(board: Board, period: Period | None) -> Reconciliation:
    match_exact(board)
    match_by_reference(board)
    match_fuzzy(board)
    match_sums(board)
    outside_left, outside_right = _outside(board, period)
    report_residue(board, outside_left, outside_right)
    if period is not None:
        board.keep_only(~outside_left, ~outside_right)
    return Reconciliation(
        matches=MatchList(board),
        differences=tuple(sorted(board.differences, key=_order)),
        control_totals=(
            *control_totals(board.expected, board.expected_partner, outside_left),
            *control_totals(board.actual, board.actual_partner, outside_right),
        ),
        tolerated=tuple(board.tolerated),
        notes=tuple(board.notes),
    )


def _order(difference: Difference) -> tuple[str, Decimal, tuple[str, ...], tuple[str, ...]]:
    return (
        difference.kind,
        -abs(difference.amount),
        difference.expected_ids,
        difference.actual_ids,
    )


def _set_up(sides: tuple[Side, Side], tolerance: Tolerance, fx: FxTable) -> Board:
    left, right = sides
    return Board(
        expected=left,
        actual=right,
        tolerance=tolerance,
        fx=fx,
        chance=measure_chance(left, right, days=tolerance.days),
        expected_partner=np.full(len(left), -1, np.int64),
        actual_partner=np.full(len(right), -1, np.int64),
    )


def _outside(board: Board, period: Period | None) -> tuple[Flags, Flags]:
    """Records outside the period; one whose match reaches into it belongs to it."""
    left, right = _outside_side(board.expected, period), _outside_side(board.actual, period)
    pairs = left[board.exact_expected] & right[board.exact_actual]
    left[board.exact_expected] = right[board.exact_actual] = pairs
    for expected, actual in board.groups:
        left[expected] = right[actual] = bool(left[expected].all() and right[actual].all())
    return left, right


def _outside_side(side: Side, period: Period | None) -> Flags:
    if period is None:
        return np.zeros(len(side), np.bool_)
    first, last = period[0].toordinal(), period[1].toordinal()
    return (side.days < first) | (side.days > last)
