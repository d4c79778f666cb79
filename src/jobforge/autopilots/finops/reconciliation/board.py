"""The state of a running reconciliation: what is still open, what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import overload

import numpy as np
from typing_extensions import override

from jobforge.autopilots.finops.money import FxTable
from jobforge.autopilots.finops.reconciliation.chance import Chance
from jobforge.autopilots.finops.reconciliation.ledger import Flags, Floats, Ints, Side
from jobforge.autopilots.finops.reconciliation.model import (
    Difference,
    DifferenceKind,
    Match,
    Pass,
    Tolerance,
    Tolerated,
)
from jobforge.autopilots.finops.reconciliation.next_steps import NEXT_STEPS


@dataclass(slots=True)
class Board:
    """Both sides, which positions are still open, and the findings so far.

    `expected_partner[i]` is a position on the actual side, `actual_partner[j]` one on the expected
    side; -1 while open. Exact pairs stay arrays: a million of them cost no objects.
    """

    expected: Side
    actual: Side
    tolerance: Tolerance
    fx: FxTable
    chance: Chance
    expected_partner: Ints
    actual_partner: Ints
    exact_expected: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    exact_actual: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    exact_confidence: Floats = field(default_factory=lambda: np.empty(0))
    matches: list[Match] = field(default_factory=list)
    groups: list[tuple[list[int], list[int]]] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    tolerated: list[Tolerated] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def match_exactly(self, expected: Ints, actual: Ints, confidence: Floats) -> None:
        """Close many one-to-one pairs at once."""
        self.expected_partner[expected] = actual
        self.actual_partner[actual] = expected
        self.exact_expected = np.concatenate([self.exact_expected, expected])
        self.exact_actual = np.concatenate([self.exact_actual, actual])
        self.exact_confidence = np.concatenate([self.exact_confidence, confidence])

    def match(
        self, expected: Sequence[int], actual: Sequence[int], found_by: Pass, confidence: float
    ) -> None:
        """Close these positions as one match."""
        self.groups.append((list(expected), list(actual)))
        self.expected_partner[list(expected)] = actual[0]
        self.actual_partner[list(actual)] = expected[0]
        self.matches.append(
            Match(
                tuple(self.expected.ids[i] for i in expected),
                tuple(self.actual.ids[j] for j in actual),
                confidence,
                found_by,
            )
        )

    def keep_only(self, expected: Flags, actual: Flags) -> None:
        """Forget the matches and differences that lie wholly outside these positions."""
        exact = expected[self.exact_expected] | actual[self.exact_actual]
        self.exact_expected = self.exact_expected[exact]
        self.exact_actual = self.exact_actual[exact]
        self.exact_confidence = self.exact_confidence[exact]
        kept = [bool(expected[left].any() or actual[right].any()) for left, right in self.groups]
        self.matches = [m for m, keep in zip(self.matches, kept, strict=True) if keep]
        self.groups = [g for g, keep in zip(self.groups, kept, strict=True) if keep]
        left_ids = {name for name, keep in zip(self.expected.ids, expected, strict=True) if keep}
        right_ids = {name for name, keep in zip(self.actual.ids, actual, strict=True) if keep}

        def is_inside(finding: Difference | Tolerated) -> bool:
            return not (
                left_ids.isdisjoint(finding.expected_ids)
                and right_ids.isdisjoint(finding.actual_ids)
            )

        self.differences = [d for d in self.differences if is_inside(d)]
        self.tolerated = [t for t in self.tolerated if is_inside(t)]

    def differ(  # noqa: PLR0913 (one argument per column of the finding)
        self,
        kind: DifferenceKind,
        expected: Sequence[int],
        actual: Sequence[int],
        *,
        amount: Decimal,
        currency: str,
        explanation: str,
        confidence: float,
    ) -> None:
        """Record a difference."""
        self.differences.append(
            Difference(
                kind,
                tuple(self.expected.ids[i] for i in expected),
                tuple(self.actual.ids[j] for j in actual),
                amount,
                currency,
                explanation,
                confidence,
                NEXT_STEPS[kind],
            )
        )

    def open_expected(self) -> list[int]:
        """Positions on the expected side without a partner, in the order of their ids."""
        return self.expected.in_order(np.flatnonzero(self.expected_partner < 0))

    def open_actual(self) -> list[int]:
        """Positions on the actual side without a partner, in the order of their ids."""
        return self.actual.in_order(np.flatnonzero(self.actual_partner < 0))


class MatchList(Sequence[Match]):
    """All matches, the exact ones made when looked at, these by the ids of the expected side."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._order = np.argsort(board.expected.rank[board.exact_expected], kind="stable")

    @override
    def __len__(self) -> int:
        return len(self._board.exact_expected) + len(self._board.matches)

    @overload
    def __getitem__(self, index: int) -> Match: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Match]: ...
    @override
    def __getitem__(self, index: int | slice) -> Match | Sequence[Match]:
        if isinstance(index, slice):
            return tuple(self._at(i) for i in range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._at(index % len(self))

    @override
    def __iter__(self) -> Iterator[Match]:
        return (self._at(i) for i in range(len(self)))

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # compared by content, like a list

    def _at(self, index: int) -> Match:
        board, exact = self._board, len(self._board.exact_expected)
        if index >= exact:
            return board.matches[index - exact]
        at = self._order[index]
        return Match(
            (board.expected.ids[board.exact_expected[at]],),
            (board.actual.ids[board.exact_actual[at]],),
            float(board.exact_confidence[at]),
        )
