"""Last pass: every record that found no partner gets a name and a reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.ledger import Ints, Side
from jobforge.autopilots.finops.reconciliation.model import DifferenceKind
from jobforge.autopilots.finops.reconciliation.next_steps import adjustment_of

Flags = NDArray[np.bool_]


def report_residue(board: Board, outside_expected: Flags, outside_actual: Flags) -> None:
    """Report duplicates, refunds, disputes and credit notes; what remains is missing."""
    for side, partner, outside in (
        (board.expected, board.expected_partner, outside_expected),
        (board.actual, board.actual_partner, outside_actual),
    ):
        left = side.in_order(np.flatnonzero((partner < 0) & ~outside))
        originals = _originals(side, partner, left)
        for index in left:
            _report(board, side, index, originals)


Key = tuple[str, str, int]


def _keys(side: Side, index: int) -> Iterable[Key]:
    units, currency = int(side.units[index]), side.currencies[index]
    for tag, value in (("r", side.references[index]), ("c", side.customers[index])):
        if value:
            yield f"{tag}:{value}", currency, units


def _originals(side: Side, partner: Ints, left: list[int]) -> dict[Key, list[int]]:
    """Matched records that agree with an open one on reference or customer, and on the amount."""
    wanted = {key for index in left for key in _keys(side, index)}
    if not wanted:
        return {}
    units = {key[2] for key in wanted}
    candidates = np.flatnonzero((partner >= 0) & np.isin(side.units, list(units))).tolist()
    found: defaultdict[Key, list[int]] = defaultdict(list)
    for index in candidates:
        for key in _keys(side, index):
            if key in wanted:
                found[key].append(index)
    return found


def _find_original(
    board: Board, side: Side, index: int, originals: dict[Key, list[int]]
) -> int | None:
    """The matched record this one repeats: same reference, or same customer within the days."""
    by_reference, by_customer = _candidates(side, index, originals)
    if by_reference:
        return min(by_reference, key=lambda other: (_gap(side, index, other), side.rank[other]))
    near = [o for o in by_customer if _gap(side, index, o) <= board.tolerance.days]
    unlike = side.references[index]
    near = [o for o in near if not unlike or not side.references[o]]
    return min(near, key=lambda other: (_gap(side, index, other), side.rank[other]), default=None)


def _candidates(
    side: Side, index: int, originals: dict[Key, list[int]]
) -> tuple[list[int], list[int]]:
    units, currency = int(side.units[index]), side.currencies[index]
    return (
        originals.get((f"r:{side.references[index]}", currency, units), []),
        originals.get((f"c:{side.customers[index]}", currency, units), []),
    )


def _gap(side: Side, left: int, right: int) -> int:
    return abs(int(side.days[left] - side.days[right]))


def _report(board: Board, side: Side, index: int, originals: dict[Key, list[int]]) -> None:
    adjustment = adjustment_of(side, index)
    original = _find_original(board, side, index, originals)
    if original is not None:
        _report_duplicate(board, side, index, original)
    elif adjustment is not None:
        _add(
            board,
            side,
            index,
            kind=adjustment,
            explanation=f"A {adjustment.replace('_', ' ')} on the {side.name} side only.",
            confidence=1 - board.chance.amount,
        )
    else:
        other = "actual" if side is board.expected else "expected"
        _add(
            board,
            side,
            index,
            kind="missing",
            explanation=f"No {other} record for {_describe(side, index)}.",
            confidence=1 - board.chance.amount,
        )


def _describe(side: Side, index: int) -> str:
    name = side.references[index] or side.customers[index] or side.ids[index]
    return f"{name}, {side.currencies[index]} {side.amount(index)}"


def _report_duplicate(board: Board, side: Side, index: int, original: int) -> None:
    same_reference = bool(side.references[index]) and (
        side.references[index] == side.references[original]
    )
    _add(
        board,
        side,
        index,
        kind="duplicate",
        explanation=f"Repeats {side.ids[original]}: same "
        f"{'reference' if same_reference else 'customer'}, currency and amount, "
        f"{_gap(side, index, original)} days apart.",
        confidence=board.chance.confidence(
            reference=board.chance.reference if same_reference else None,
            customer=not same_reference,
            date=_gap(side, index, original) <= board.tolerance.days,
        ),
    )


def _add(
    board: Board,
    side: Side,
    index: int,
    *,
    kind: DifferenceKind,
    explanation: str,
    confidence: float,
) -> None:
    is_expected = side is board.expected
    amount: Decimal = side.amount(index)
    board.differ(
        kind,
        (index,) if is_expected else (),
        () if is_expected else (index,),
        amount=-amount if is_expected else amount,
        currency=side.currencies[index],
        explanation=explanation,
        confidence=confidence,
    )
