"""First pass: records that agree on everything, found a million at a time."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Sequence
from itertools import repeat
from typing import TypeVar

import numpy as np

from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.ledger import Flags, Ints, Side

T = TypeVar("T")


def match_exact(board: Board) -> None:
    """Close pairs with the same reference, currency and amount, each unique on its side.

    Then those without a reference: the same id, currency and amount; then the same customer,
    currency and amount, and a date within the tolerance. A pair whose date or period deviates is
    still a match; the deviation is reported.
    """
    expected, actual = board.expected, board.actual
    left, right = unique_pairs(expected.references, actual.references)
    same = (expected.units[left] == actual.units[right]) & _same_text(
        expected.currencies, actual.currencies, left, right
    )
    same &= _compatible(expected.customers, actual.customers, left, right)
    _close(board, left[same], right[same], has_reference=True)
    _match_same_ids(board)
    _match_without_reference(board)


def unique_pairs(left: Sequence[Hashable], right: Sequence[Hashable]) -> tuple[Ints, Ints]:
    """Positions of values that occur exactly once on each side; falsy values never pair."""
    first, second = _once(left), _once(right)
    partner = np.fromiter(map(second.get, left, repeat(-1)), np.int64, len(left))
    at_left = np.flatnonzero(partner >= 0)
    if len(first) < len(left):
        own = np.fromiter(map(first.get, _take(left, at_left), repeat(-1)), np.int64, len(at_left))
        at_left = at_left[own >= 0]
    return at_left, partner[at_left]


def _once(values: Sequence[Hashable]) -> dict[Hashable, int]:
    """Where each value stands that occurs once; without the empty ones."""
    position = dict(zip(values, range(len(values)), strict=True))
    if len(position) < len(values):
        last = np.fromiter(map(position.__getitem__, values), np.int64, len(values))
        for at in np.flatnonzero(last != np.arange(len(values))).tolist():
            position.pop(values[at], None)
    for empty in ("", None):
        position.pop(empty, None)
    return position


def _take(values: Sequence[T], at: Ints) -> list[T]:
    return list(map(values.__getitem__, at.tolist()))


def _same_text(left: list[str], right: list[str], at_left: Ints, at_right: Ints) -> Flags:
    pairs = map(operator.eq, _take(left, at_left), _take(right, at_right))
    return np.fromiter(pairs, np.bool_, len(at_left))


def _compatible(left: list[str], right: list[str], at_left: Ints, at_right: Ints) -> Flags:
    first, second = _take(left, at_left), _take(right, at_right)
    same = np.fromiter(map(operator.eq, first, second), np.bool_, len(first))
    for index in np.flatnonzero(~same).tolist():
        same[index] = not first[index] or not second[index]
    return same


def _match_same_ids(board: Board) -> None:
    expected, actual = board.expected, board.actual
    open_left = [i for i in board.open_expected() if not expected.references[i]]
    open_right = [j for j in board.open_actual() if not actual.references[j]]
    keys = (
        [(side.ids[at], side.currencies[at], int(side.units[at])) for at in places]
        for side, places in ((expected, open_left), (actual, open_right))
    )
    first, second = unique_pairs(*keys)
    left = np.array(open_left, np.int64)[first]
    right = np.array(open_right, np.int64)[second]
    same = _compatible(expected.customers, actual.customers, left, right)
    _close(board, left[same], right[same], has_reference=True)


def _match_without_reference(board: Board) -> None:
    expected, actual = board.expected, board.actual
    open_left, open_right = board.open_expected(), board.open_actual()
    left = [_anonymous_key(expected, i) for i in open_left]
    right = [_anonymous_key(actual, j) for j in open_right]
    first, second = unique_pairs(left, right)
    at_left = np.array(open_left, np.int64)[first]
    at_right = np.array(open_right, np.int64)[second]
    unnamed = np.array(
        [
            not (expected.references[i] and actual.references[j])
            for i, j in zip(at_left.tolist(), at_right.tolist(), strict=True)
        ],
        np.bool_,
    )
    near = np.abs(expected.days[at_left] - actual.days[at_right]) <= board.tolerance.days
    keep = unnamed & near
    _close(board, at_left[keep], at_right[keep], has_reference=False)


def _anonymous_key(side: Side, index: int) -> tuple[str, str, int] | None:
    if not side.customers[index]:
        return None
    return side.customers[index], side.currencies[index], int(side.units[index])


def _close(board: Board, left: Ints, right: Ints, *, has_reference: bool) -> None:
    expected, actual = board.expected, board.actual
    gap = actual.days[right] - expected.days[left]
    near = np.abs(gap) <= board.tolerance.days
    known = np.fromiter(map(bool, _take(expected.customers, left)), np.bool_, len(left))
    known &= np.fromiter(map(bool, _take(actual.customers, right)), np.bool_, len(right))
    confidence = np.empty(len(left))
    reference = board.chance.reference if has_reference else None
    for date in (False, True):
        for customer in (False, True):
            confidence[(near == date) & (known == customer)] = board.chance.confidence(
                reference=reference, customer=customer, date=date
            )
    board.match_exactly(left, right, confidence)
    other_period = _differing_periods(expected.periods, actual.periods, left, right)
    for index in np.flatnonzero(~near | other_period).tolist():
        report_shift(board, int(left[index]), int(right[index]), float(confidence[index]))


def _differing_periods(left: list[str], right: list[str], at_left: Ints, at_right: Ints) -> Flags:
    first, second = _take(left, at_left), _take(right, at_right)
    differs = np.fromiter(map(operator.ne, first, second), np.bool_, len(first))
    for index in np.flatnonzero(differs).tolist():
        differs[index] = bool(first[index]) and bool(second[index])
    return differs


def report_shift(board: Board, left: int, right: int, confidence: float) -> None:
    """Report a matched pair whose period differs, or whose date is off by more than allowed."""
    expected, actual = board.expected, board.actual
    booked, found = expected.periods[left], actual.periods[right]
    gap = int(actual.days[right] - expected.days[left])
    zero = expected.amount(left) * 0
    if booked and found and booked != found:
        board.differ(
            "period",
            (left,),
            (right,),
            amount=zero,
            currency=expected.currencies[left],
            explanation=f"Booked in {found}, expected in {booked}.",
            confidence=confidence,
        )
    elif abs(gap) > board.tolerance.days:
        board.differ(
            "timing",
            (left,),
            (right,),
            amount=zero,
            currency=expected.currencies[left],
            explanation=f"Dated {abs(gap)} days {'after' if gap > 0 else 'before'} the expected "
            f"day; {board.tolerance.days} are allowed.",
            confidence=confidence,
        )
