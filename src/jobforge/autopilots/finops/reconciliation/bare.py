"""Pairs of which only amount and day are known: a bank statement often says no more."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property

from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.exact import report_shift
from jobforge.autopilots.finops.reconciliation.ledger import Side
from jobforge.autopilots.finops.reconciliation.schemes import Orphans, share_names

UNSURE = 0.5
"""Below it a pair is as likely by chance as not; the report says how many there are."""
MAX_LOOKED_AT = 100
Key = tuple[str, int]


def match_amount_and_day(board: Board, orphans: Orphans) -> None:
    """Pair equal amounts of one currency, nearest days first, where nothing speaks against it.

    A reference or a customer speaks against a pair where both sides use the same names and these
    differ. Of several equal amounts the days decide, then the ids; the confidence falls with the
    number of records that would do as well.
    """
    right = _by_amount(board.actual, board.open_actual())
    left = _by_amount(board.expected, board.open_expected())
    objections = _Objections(board, orphans)
    unsure = sum(
        _pair(board, left[key], right[key], objections) for key in sorted(left) if key in right
    )
    if unsure:
        board.notes.append(
            f"{unsure} matches rest on amount and day alone, where other records would do as well."
        )


def _by_amount(side: Side, positions: list[int]) -> dict[Key, list[int]]:
    groups: defaultdict[Key, list[int]] = defaultdict(list)
    for index in positions:
        if side.units[index]:
            groups[side.currencies[index], int(side.units[index])].append(index)
    return groups


class _Objections:
    """What speaks against a pair, once for the whole board."""

    def __init__(self, board: Board, orphans: Orphans) -> None:
        self._board = board
        self._orphans = orphans

    @cached_property
    def _same_customers(self) -> bool:
        return share_names(self._board, "customers")

    def are_there(self, i: int, j: int) -> bool:
        expected, actual = self._board.expected, self._board.actual
        customers = expected.customers[i], actual.customers[j]
        if all(customers) and customers[0] != customers[1] and self._same_customers:
            return True
        references = expected.references[i], actual.references[j]
        if self._orphans.is_shared_scheme and all(references):
            return True
        return not self._orphans.are(self._board, i, j)


def _pair(board: Board, left: list[int], right: list[int], objections: _Objections) -> int:
    """Match one amount's records; returns how many of the matches are unsure."""
    found = list(_candidates(board, left, right, objections))
    rivals = Counter(i for *_, i, _ in found)
    unsure = 0
    for _, _, _, i, j in sorted(found):
        if board.expected_partner[i] < 0 and board.actual_partner[j] < 0:
            by_chance = 1 / board.chance.confidence(date=True) - 1
            confidence = 1 / (by_chance + rivals[i])
            board.match([i], [j], "fuzzy", confidence)
            report_shift(board, i, j, confidence)
            unsure += confidence < UNSURE
    return unsure


def _candidates(
    board: Board, left: list[int], right: list[int], objections: _Objections
) -> Iterator[tuple[int, int, int, int, int]]:
    """Days apart, both ranks and both positions; of many rivals only the nearest are looked at."""
    ranks = board.expected.rank, board.actual.rank
    ordered = sorted(right, key=lambda j: (int(board.actual.days[j]), int(ranks[1][j])))
    days = [int(board.actual.days[j]) for j in ordered]
    reach = board.tolerance.days
    queue = sorted(left, key=lambda i: (int(board.expected.days[i]), int(ranks[0][i])))
    for place, i in enumerate(queue):
        day = int(board.expected.days[i])
        first, stop = bisect_left(days, day - reach), bisect_right(days, day + reach)
        if stop - first > MAX_LOOKED_AT:
            # Record n of one side is likely record n of the other.
            first = min(max(first, place - MAX_LOOKED_AT // 2), stop - MAX_LOOKED_AT)
            stop = first + MAX_LOOKED_AT
        for j in ordered[first:stop]:
            if not objections.are_there(i, j):
                gap = abs(int(board.actual.days[j]) - day)
                yield gap, int(ranks[0][i]), int(ranks[1][j]), i, j
