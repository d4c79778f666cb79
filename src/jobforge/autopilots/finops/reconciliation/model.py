"""What a reconciliation takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from jobforge.autopilots.finops.money import parse_amount
from jobforge.core.errors import InvalidInput

Record = Mapping[str, Any]
"""`id, date, amount, currency, customer, reference, type, tax, fee, description, period`."""

SideName = Literal["expected", "actual"]
Pass = Literal["exact", "rule", "fuzzy", "many_to_one"]
DifferenceKind = Literal[
    "missing",
    "duplicate",
    "amount",
    "currency",
    "period",
    "timing",
    "tax",
    "fee",
    "proration",
    "credit_note",
    "refund",
    "dispute",
    "fx",
]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What still counts as equal.

    An amount is equal within `absolute` (in major units) or `relative` (a fraction of the expected
    amount), whichever is larger; a date within `days`.
    """

    absolute: Decimal = Decimal(0)
    relative: Decimal = Decimal(0)
    days: int = 5

    def __post_init__(self) -> None:
        if self.absolute < 0 or not 0 <= self.relative < 1 or self.days < 0:
            raise InvalidInput("a tolerance is not negative, and a relative one is below 1")

    @classmethod
    def of(cls, value: Tolerance | Mapping[str, Any] | Decimal | int | float | str) -> Tolerance:
        """Read a tolerance: the value itself, a mapping of its fields, or an absolute amount."""
        if isinstance(value, Tolerance):
            return value
        if isinstance(value, Mapping):
            unknown = set(value) - {"absolute", "relative", "days"}
            if unknown:
                raise InvalidInput(f"unknown tolerance {sorted(unknown)[0]!r}")
            return cls(
                absolute=parse_amount(value.get("absolute", 0), where="tolerance.absolute"),
                relative=parse_amount(value.get("relative", 0), where="tolerance.relative"),
                days=int(value.get("days", 5)),
            )
        return cls(absolute=parse_amount(value, where="tolerance"))


@dataclass(frozen=True, slots=True)
class Match:
    """Records of both sides that mean the same money."""

    expected_ids: tuple[str, ...]
    actual_ids: tuple[str, ...]
    confidence: float
    found_by: Pass = "exact"


@dataclass(frozen=True, slots=True)
class Difference:
    """One break, explained.

    `amount` is actual minus expected in `currency`: below zero money is missing, above zero there
    is more than expected, zero for breaks that move no money (`timing`, `period`).
    """

    kind: DifferenceKind
    expected_ids: tuple[str, ...]
    actual_ids: tuple[str, ...]
    amount: Decimal
    currency: str
    explanation: str
    confidence: float
    next_step: str


@dataclass(frozen=True, slots=True)
class Tolerated:
    """A deviation that the tolerance covers, with the reason."""

    expected_ids: tuple[str, ...]
    actual_ids: tuple[str, ...]
    amount: Decimal
    currency: str
    reason: str


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """One side in one currency: `matched + unmatched == input`, exactly.

    `out_of_period` is what was given besides and lies outside the period asked for.
    """

    side: SideName
    currency: str
    input: Decimal
    matched: Decimal
    unmatched: Decimal
    out_of_period: Decimal = Decimal(0)
    records: int = 0
    matched_records: int = 0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Matches, differences and the control totals that prove nothing was lost."""

    matches: Sequence[Match]
    differences: tuple[Difference, ...]
    control_totals: tuple[ControlTotal, ...]
    tolerated: tuple[Tolerated, ...] = ()
    notes: tuple[str, ...] = field(default=())
