"""Second pass: records that name the same reference but don't agree on everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.exact import report_shift
from jobforge.autopilots.finops.reconciliation.explain import (
    allowed,
    currency_of,
    explain,
    report_verdict,
    total,
)
from jobforge.autopilots.finops.reconciliation.next_steps import adjustment_of

MAX_GROUP = 200


def match_by_reference(board: Board) -> None:
    """Settle the open records reference by reference."""
    right: defaultdict[str, list[int]] = defaultdict(list)
    for j in board.open_actual():
        if reference := board.actual.references[j]:
            right[reference].append(j)
    left: defaultdict[str, list[int]] = defaultdict(list)
    for i in board.open_expected():
        if board.expected.references[i] in right:
            left[board.expected.references[i]].append(i)
    for reference, positions in left.items():
        settle_group(board, positions, right[reference])


def settle_group(board: Board, expected: list[int], actual: list[int]) -> None:
    """Pair equal amounts first, nearest dates first; then whole sums; then the closest rest."""
    left, right = _pair_equal(board, expected, _of_these_customers(board, expected, actual))
    left, right = _pair_same_sign(board, left, right)
    if not left or not right:
        return
    if ((len(left) > 1 or len(right) > 1) and _sums_agree(board, left, right)) or (
        len(left) == 1 and len(right) > 1 and _are_instalments(board, left[0], right)
    ):
        close(board, left, right, several=True)
    else:
        _pair_closest(board, left, right)


def _of_these_customers(board: Board, expected: list[int], actual: list[int]) -> list[int]:
    """The records of the same customers, where there are any: another's bears a wrong reference."""
    owners = {board.expected.customers[i] for i in expected}
    if "" in owners:
        return actual
    own = [j for j in actual if board.actual.customers[j] in owners]
    return [j for j in actual if board.actual.customers[j] in (*owners, "")] if own else actual


def _pair_same_sign(board: Board, left: list[int], right: list[int]) -> tuple[list[int], list[int]]:
    """Drop what moves money the other way: a refund does not settle an invoice."""
    if not left or not right:
        return left, right
    sign = board.expected.units[left[0]] >= 0
    return (
        [i for i in left if (board.expected.units[i] >= 0) == sign],
        [j for j in right if (board.actual.units[j] >= 0) == sign],
    )


def _pair_equal(
    board: Board, expected: list[int], actual: list[int]
) -> tuple[list[int], list[int]]:
    pool = sorted(actual, key=lambda j: (int(board.actual.days[j]), board.actual.ids[j]))
    left: list[int] = []
    for i in sorted(expected, key=lambda i: (int(board.expected.days[i]), board.expected.ids[i])):
        equal = [j for j in pool if _is_equal(board, i, j)]
        if not equal:
            left.append(i)
            continue
        best = min(equal, key=lambda j: _day_gap(board, i, j))
        pool.remove(best)
        close(board, [i], [best])
    return left, pool


def _is_equal(board: Board, i: int, j: int) -> bool:
    return bool(
        board.expected.units[i] == board.actual.units[j]
        and board.expected.currencies[i] == board.actual.currencies[j]
    )


def _day_gap(board: Board, i: int, j: int) -> int:
    return abs(int(board.actual.days[j] - board.expected.days[i]))


def _sums_agree(board: Board, left: Sequence[int], right: Sequence[int]) -> bool:
    if currency_of(board.expected, left) != currency_of(board.actual, right):
        return False
    due = total(board.expected, left)
    return abs(total(board.actual, right) - due) <= allowed(board.tolerance, due)


def _are_instalments(board: Board, i: int, right: Sequence[int]) -> bool:
    """Several different parts below the whole; equal ones are repeats rather than parts."""
    if currency_of(board.actual, right) != board.expected.currencies[i]:
        return False
    due, paid = abs(total(board.expected, [i])), abs(total(board.actual, right))
    amounts = {int(board.actual.units[j]) for j in right}
    return paid < due and len(amounts) == len(right)


def _pair_closest(board: Board, left: list[int], right: list[int]) -> None:
    if len(left) == len(right) == 1:
        close(board, left, right)
        return
    ranks = board.expected.rank, board.actual.rank
    pairs = [
        (_distance(board, i, j), int(ranks[0][i]), int(ranks[1][j]), i, j)
        for i in left[:MAX_GROUP]
        for j in right[:MAX_GROUP]
    ]
    for *_, i, j in sorted(pairs):
        if board.expected_partner[i] < 0 and board.actual_partner[j] < 0:
            close(board, [i], [j])


def _distance(board: Board, i: int, j: int) -> tuple[int, float, int]:
    verdict = explain(board, [i], [j])
    is_explained = verdict is None or verdict.kind not in ("amount", "currency")
    other_nature = adjustment_of(board.expected, i) != adjustment_of(board.actual, j)
    due = float(board.expected.amount(i)) or 1.0
    gap = 0.0 if verdict is None else abs(float(verdict.amount) / due)
    return int(other_nature) + int(not is_explained), gap, _day_gap(board, i, j)


def close(
    board: Board, left: Sequence[int], right: Sequence[int], *, several: bool = False
) -> None:
    """Match these records of one reference and report how they deviate."""
    near = all(_day_gap(board, i, j) <= board.tolerance.days for i in left for j in right)
    verdict = explain(board, left, right)
    customers = {board.expected.customers[i] for i in left} | {
        board.actual.customers[j] for j in right
    }
    confidence = board.chance.confidence(
        reference=board.chance.reference,
        amount=verdict is None,
        customer=len(customers) == 1 and "" not in customers,
        date=near,
    )
    board.match(left, right, "many_to_one" if several else "rule", confidence)
    report_verdict(board, left, right, verdict=verdict, confidence=confidence)
    if not several:
        report_shift(board, left[0], right[0], confidence)
