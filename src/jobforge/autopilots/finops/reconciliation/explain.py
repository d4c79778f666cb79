"""Why two sums that belong together differ: tolerance, FX, fee, tax, proration, adjustment."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Literal

from jobforge.autopilots.finops.currencies import minor_unit_digits
from jobforge.autopilots.finops.money import round_to_minor, trim
from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.ledger import Side
from jobforge.autopilots.finops.reconciliation.model import DifferenceKind, Tolerance, Tolerated
from jobforge.autopilots.finops.reconciliation.next_steps import adjustment_of

FX_WINDOW = Decimal("0.05")
"""A converted amount this far from the actual one still is the same money: card schemes and banks
add 1 to 3 % to the reference rate, and the rate may be a few days old."""


MAX_CHANCE = 0.5
"""A reason that an arbitrary deviation fits as well as not is no reason."""
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the sums differ; `confidence` is that of the reason, not of the match."""

    kind: DifferenceKind
    amount: Decimal
    explanation: str
    confidence: float


def allowed(tolerance: Tolerance, amount: Decimal) -> Decimal:
    """The deviation from the expected `amount` that still counts as equal."""
    return max(tolerance.absolute, tolerance.relative * abs(amount))


def total(side: Side, positions: Sequence[int]) -> Decimal:
    """The exact sum of these records, which share a currency."""
    exact = Decimal(_units(side, positions)).scaleb(-side.scale)
    return trim(exact, side.currencies[positions[0]])


def _units(side: Side, positions: Sequence[int]) -> int:
    return sum(int(side.units[i]) for i in positions)


def currency_of(side: Side, positions: Sequence[int]) -> str | None:
    """The one currency of these records; None where there are several."""
    found = {side.currencies[i] for i in positions}
    return found.pop() if len(found) == 1 else None


def explain(board: Board, expected: Sequence[int], actual: Sequence[int]) -> Verdict | None:
    """Say why the two sums differ; None where they are equal or within the tolerance."""
    base, quote = currency_of(board.expected, expected), currency_of(board.actual, actual)
    if base is None or quote is None:
        return Verdict("currency", Decimal(0), "The records mix currencies.", 0.5)
    if base != quote:
        return _explain_currency(board, expected, actual)
    if _units(board.expected, expected) == _units(board.actual, actual):
        return None
    return _explain_gap(board, expected, actual)


def _explain_gap(board: Board, expected: Sequence[int], actual: Sequence[int]) -> Verdict | None:
    due, paid = total(board.expected, expected), total(board.actual, actual)
    gap, currency = paid - due, board.expected.currencies[expected[0]]
    if abs(gap) <= allowed(board.tolerance, due):
        return None
    for reason in (_explain_fee, _explain_tax, _explain_nature, _explain_proration):
        if verdict := reason(board, expected, actual, gap):
            return verdict
    return Verdict(
        "amount",
        gap,
        f"{currency} {paid} instead of {due}: {abs(gap)} {'more' if gap > 0 else 'less'}.",
        1 - _coincidence(due, currency, tries=1),
    )


def report_verdict(
    board: Board,
    expected: Sequence[int],
    actual: Sequence[int],
    *,
    verdict: Verdict | None,
    confidence: float,
) -> None:
    """Report the reason for a match's deviation, or list it as tolerated; nothing if equal."""
    currency = currency_of(board.expected, expected) or board.expected.currencies[expected[0]]
    if verdict is not None:
        board.differ(
            verdict.kind,
            expected,
            actual,
            amount=verdict.amount,
            currency=currency,
            explanation=verdict.explanation,
            confidence=confidence * verdict.confidence,
        )
        return
    gap = total(board.actual, actual) - total(board.expected, expected)
    if gap:
        board.tolerated.append(
            Tolerated(
                tuple(board.expected.ids[i] for i in expected),
                tuple(board.actual.ids[j] for j in actual),
                gap,
                currency,
                f"{currency} {gap} is within the tolerance of "
                f"{allowed(board.tolerance, total(board.expected, expected))}.",
            )
        )


def _coincidence(due: Decimal, currency: str, *, tries: int) -> float:
    """Chance that an arbitrary deviation hits one of `tries` values: they lie in [0, due]."""
    steps = abs(due).scaleb(minor_unit_digits(currency))
    return float(tries / (tries + 1 + steps))


def _explain_fee(
    board: Board, expected: Sequence[int], actual: Sequence[int], gap: Decimal
) -> Verdict | None:
    return _explain_field("fee", board, expected, actual, gap)


def _explain_tax(
    board: Board, expected: Sequence[int], actual: Sequence[int], gap: Decimal
) -> Verdict | None:
    return _explain_field("tax", board, expected, actual, gap)


def _explain_field(
    field: Literal["fee", "tax"],
    board: Board,
    expected: Sequence[int],
    actual: Sequence[int],
    gap: Decimal,
) -> Verdict | None:
    currency = board.expected.currencies[expected[0]]
    due = total(board.expected, expected)
    for side, positions in ((board.actual, actual), (board.expected, expected)):
        stated = sum((side.stated(i, field) for i in positions), Decimal(0))
        if stated and abs(abs(gap) - abs(stated)) <= board.tolerance.absolute:
            return Verdict(
                field,
                gap,
                f"The deviation of {currency} {gap} is the {field} of {abs(stated)} that the "
                f"{side.name} side states.",
                1 - _coincidence(due, currency, tries=2),
            )
    return None


def _explain_nature(
    board: Board, expected: Sequence[int], actual: Sequence[int], gap: Decimal
) -> Verdict | None:
    for side, positions in ((board.actual, actual), (board.expected, expected)):
        kind = next((kind for i in positions if (kind := adjustment_of(side, i))), None)
        if kind is not None:
            due = total(board.expected, expected)
            return Verdict(
                kind,
                gap,
                f"The {side.name} record says it is a {kind.replace('_', ' ')}; "
                f"the sums differ by {gap}.",
                1 - _coincidence(due, board.expected.currencies[expected[0]], tries=1),
            )
    return None


def _explain_proration(
    board: Board, expected: Sequence[int], actual: Sequence[int], gap: Decimal
) -> Verdict | None:
    due, paid = total(board.expected, expected), total(board.actual, actual)
    currency = board.expected.currencies[expected[0]]
    lengths = sorted(_period_lengths(board, expected[0], actual[0]))
    for whole, part, length in _prorations(due, paid, currency, lengths):
        tries = sum(lengths) * (1 if not _says_prorated(board, expected, actual) else 0)
        chance = _coincidence(whole, currency, tries=tries)
        if chance > MAX_CHANCE:
            return None
        return Verdict(
            "proration",
            gap,
            f"{currency} {abs(paid)} against {abs(due)} is {part} of {length} days.",
            1 - chance,
        )
    return None


def _prorations(
    due: Decimal, paid: Decimal, currency: str, lengths: Sequence[int]
) -> Iterator[tuple[Decimal, int, int]]:
    whole, portion = max(abs(due), abs(paid)), min(abs(due), abs(paid))
    if due * paid <= 0:
        return
    for length in lengths:
        part = int((portion * length / whole).to_integral_value())
        if 0 < part < length and round_to_minor(whole * part / length, currency) == portion:
            yield whole, part, length


def _says_prorated(board: Board, expected: Sequence[int], actual: Sequence[int]) -> bool:
    sides = ((board.expected, expected), (board.actual, actual))
    return any(
        word in f"{side.text(i, 'type')} {side.text(i, 'description')}".casefold()
        for side, positions in sides
        for i in positions
        for word in ("prorat", "pro rata", "pro-rata", "partial month", "partial period")
    )


def _period_lengths(board: Board, expected: int, actual: int) -> set[int]:
    """Days in the month each record belongs to, and the 30 of a banking month."""
    lengths = {30}
    for side, index in ((board.expected, expected), (board.actual, actual)):
        day = date.fromordinal(int(side.days[index]))
        month = _MONTH.match(side.periods[index])
        year_month = (int(month[1]), int(month[2])) if month else (day.year, day.month)
        lengths.add(calendar.monthrange(*year_month)[1])
    return lengths


def _explain_currency(board: Board, expected: Sequence[int], actual: Sequence[int]) -> Verdict:
    due, paid = total(board.expected, expected), total(board.actual, actual)
    base, quote = board.expected.currencies[expected[0]], board.actual.currencies[actual[0]]
    day = date.fromordinal(int(board.actual.days[actual[0]]))
    rate = board.fx.find(quote, base, day)
    if rate is None:
        return Verdict(
            "currency",
            -due,
            f"{quote} {paid} instead of {base} {due}, and no {quote}/{base} rate for {day}.",
            1.0,
        )
    worth = round_to_minor(paid * rate.rate, base)
    gap = worth - due
    if abs(gap) <= max(allowed(board.tolerance, due), FX_WINDOW * abs(due)):
        return Verdict(
            "fx",
            gap,
            f"{quote} {paid} at {_shown(rate.rate)} ({rate.date}) is {base} {worth}; "
            f"{base} {due} was expected.",
            1 - float(abs(gap) / abs(due)) if due else 0.5,
        )
    return Verdict(
        "currency",
        gap,
        f"{quote} {paid} is {base} {worth} at the rate of {rate.date}; {base} {due} was expected.",
        1.0,
    )


def _shown(rate: Decimal) -> str:
    """Ten digits of a rate, which an inverted one has without end."""
    return f"{Context(prec=10).create_decimal(rate).normalize():f}"
