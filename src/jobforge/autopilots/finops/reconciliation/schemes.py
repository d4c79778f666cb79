"""Whether both sides name references and customers alike, and what then speaks against a pair."""

from __future__ import annotations

from collections.abc import Iterable

from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.ledger import Side


class Orphans:
    """Whether a reference is known to the other side, and whether the sides share references."""

    def __init__(self, board: Board) -> None:
        left, right = board.open_expected(), board.open_actual()
        self._expected = _owners(board.expected, {board.actual.references[j] for j in right})
        self._actual = _owners(board.actual, {board.expected.references[i] for i in left})
        self.is_shared_scheme = share_names(board.expected.references, board.actual.references)

    def are(self, board: Board, i: int, j: int) -> bool:
        """Neither reference means another record of the other side.

        One that does, but of another customer, is a misspelling that hit a neighbour.
        """
        return self._is_free(board.actual, j, self._expected) and self._is_free(
            board.expected, i, self._actual
        )

    def _is_free(self, side: Side, index: int, owners: dict[str, str]) -> bool:
        owner = owners.get(side.references[index]) if side.references[index] else None
        customer = side.customers[index]
        return owner is None or (owner != customer and bool(owner) and bool(customer))


def _owners(side: Side, asked: set[str]) -> dict[str, str]:
    """The customer of each reference asked for; empty where several share it."""
    owners: dict[str, str] = {}
    for reference, customer in zip(side.references, side.customers, strict=True):
        if reference in asked and reference:
            known = owners.setdefault(reference, customer)
            if known != customer:
                owners[reference] = ""
    return owners


def share_names(left: Iterable[str], right: Iterable[str]) -> bool:
    """Whether more than half of the names of the side with fewer of them are on the other, too."""
    first, second = set(left) - {""}, set(right) - {""}
    smaller = min(len(first), len(second))
    return smaller > 0 and len(first & second) * 2 > smaller
