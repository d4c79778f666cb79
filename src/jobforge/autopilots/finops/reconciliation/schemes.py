"""Whether both sides name references and customers alike, and what then speaks against a pair."""

from __future__ import annotations

from itertools import compress
from typing import Literal

from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.ledger import Side

SAMPLE = 2_000


class Orphans:
    """Whether a reference is known to the other side, and whether the sides share references."""

    def __init__(self, board: Board) -> None:
        left, right = board.open_expected(), board.open_actual()
        self._expected = _owners(board.expected, {board.actual.references[j] for j in right})
        self._actual = _owners(board.actual, {board.expected.references[i] for i in left})
        self.is_shared_scheme = share_names(board, "references")

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
    asked = asked - {""}
    wanted = map(asked.__contains__, side.references)
    for at in compress(range(len(side)), wanted):
        customer = side.customers[at]
        known = owners.setdefault(side.references[at], customer)
        if known != customer:
            owners[side.references[at]] = ""
    return owners


def share_names(board: Board, field: Literal["references", "customers"]) -> bool:
    """Whether more than half of the names of the smaller side are on the other, too.

    Looks at a sample of the records, evenly spaced by their ids.
    """
    few, many = sorted((board.expected, board.actual), key=len)
    names: list[str] = getattr(few, field)
    step = max(1, len(few) // SAMPLE)
    sample = {names[at] for at in few.by_id[::step].tolist()} - {""}
    return len(sample.intersection(getattr(many, field))) * 2 > len(sample)
