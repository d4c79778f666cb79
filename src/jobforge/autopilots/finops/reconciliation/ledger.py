"""One side of a reconciliation as columns: exact integers, day numbers, codes."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.finops.money import parse_amount, parse_currency, parse_instant, trim
from jobforge.autopilots.finops.reconciliation.model import Record, SideName
from jobforge.core.errors import InvalidInput

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
MAX_SCALE = 12
_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class Side:
    """The records of one side as they came; position `i` is the same record in every column.

    `by_id` has the positions in the order of their ids, `rank` is its inverse: whatever depends on
    an order depends on this one, never on the one the records came in. `units` are amounts in
    10^-scale, `days` proleptic ordinals in the reconciliation's time zone.
    """

    name: SideName
    rows: Sequence[Record]
    ids: list[str]
    by_id: Ints
    rank: Ints
    units: Ints
    scale: int
    days: Ints
    currencies: list[str]
    references: list[str]
    customers: list[str]
    periods: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def in_order(self, positions: Ints) -> list[int]:
        """These positions by the ids of their records."""
        ordered: list[int] = positions[np.argsort(self.rank[positions], kind="stable")].tolist()
        return ordered

    def amount(self, index: int) -> Decimal:
        """The record's amount, exactly."""
        exact = Decimal(int(self.units[index])).scaleb(-self.scale)
        return trim(exact, self.currencies[index])

    def stated(self, index: int, field: str) -> Decimal:
        """The record's `tax` or `fee`; zero where it has none."""
        value = self.rows[index].get(field)
        if value in (None, ""):
            return Decimal(0)
        return parse_amount(value, where=f"{self.name} record {self.ids[index]}: {field}")

    def text(self, index: int, field: str) -> str:
        """The record's text of this field; empty where it has none."""
        return _text(self.rows[index].get(field))


def build_sides(
    expected: Sequence[Record], actual: Sequence[Record], zone: tzinfo = UTC
) -> tuple[Side, Side]:
    """Turn both sides into columns with one common scale.

    Raises:
        InvalidInput: an empty side, a record without id, date, amount or currency, a repeated id,
            or a number that is none; the message names the side and the record.
    """
    scale = 4
    names: tuple[SideName, SideName] = ("expected", "actual")
    given = (expected, actual)
    for name, rows in zip(names, given, strict=True):
        _refuse_no_records(name, rows)
    ids = [_ids(name, rows) for name, rows in zip(names, given, strict=True)]
    amounts = [_amounts(name, rows) for name, rows in zip(names, given, strict=True)]
    scaled = [_to_units(column, scale) for column in amounts]
    if any(units is None for units in scaled):
        scale = max(_finest(column) for column in amounts)
        if scale > MAX_SCALE:
            raise InvalidInput(f"an amount has more than {MAX_SCALE} decimals")
        scaled = [_to_units(column, scale) for column in amounts]
    first, second = (
        _build(name, rows, own_ids, units, scale, zone)
        for name, rows, own_ids, units in zip(names, given, ids, scaled, strict=True)
        if units is not None
    )
    return first, second


def _build(
    name: SideName, rows: Sequence[Record], ids: list[str], units: Ints, scale: int, zone: tzinfo
) -> Side:
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
    rank = np.empty(len(ids), np.int64)
    rank[by_id] = np.arange(len(ids), dtype=np.int64)
    return Side(
        name=name,
        rows=rows,
        ids=ids,
        by_id=by_id,
        rank=rank,
        units=units,
        scale=scale,
        days=_days(name, rows, zone),
        currencies=_currencies(name, rows),
        references=_texts(rows, "reference"),
        customers=_texts(rows, "customer"),
        periods=_texts(rows, "period"),
    )


def _column(rows: Sequence[Record], field: str) -> list[Any]:
    try:
        return list(map(operator.itemgetter(field), rows))
    except KeyError:
        return [row.get(field) for row in rows]


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _texts(rows: Sequence[Record], field: str) -> list[str]:
    column = _column(rows, field)
    if _are_all(column, str):
        return column
    return [value if type(value) is str else _text(value) for value in column]


def _are_all(column: Iterable[Any], kind: type) -> bool:
    """Whether every value is exactly of this type; at the speed of a set."""
    return set(map(type, column)) == {kind}


def _ids(name: SideName, rows: Sequence[Record]) -> list[str]:
    ids = _texts(rows, "id")
    if not all(ids):
        raise InvalidInput(f"{name} record {ids.index('')} has no id")
    if len(set(ids)) != len(ids):
        repeated = next(value for value, count in Counter(ids).items() if count > 1)
        raise InvalidInput(f"the {name} side has the id {repeated!r} more than once")
    return ids


def _memoised(
    column: list[Any], parse: Callable[[Any, str], Any], name: SideName, field: str
) -> list[Any]:
    known: dict[Any, Any] = {}
    for index, value in enumerate(column):
        if value not in known:
            known[value] = parse(value, f"{name} record {index}: {field}")
    return list(map(known.__getitem__, column))


def _currencies(name: SideName, rows: Sequence[Record]) -> list[str]:
    return _memoised(
        _column(rows, "currency"), lambda v, w: parse_currency(v, where=w), name, "currency"
    )


def _days(name: SideName, rows: Sequence[Record], zone: tzinfo) -> Ints:
    column = _column(rows, "date")
    if _are_all(column, date):
        ordinals = [value.toordinal() for value in column]
    else:
        ordinals = _memoised(column, lambda v, w: to_day(v, w, zone), name, "date")
    return np.array(ordinals, dtype=np.int64)


def to_day(value: Any, where: str, zone: tzinfo) -> int:  # noqa: ANN401 (whatever a row holds)
    """The ordinal of the day: a date is itself, an instant has the day it has in `zone`.

    A time without a zone is one of `zone`.
    """
    if isinstance(value, str):
        value = _read_moment(value, where)
    if isinstance(value, datetime):
        return (value.astimezone(zone) if value.tzinfo else value).toordinal()
    return parse_instant(value, where=where).toordinal()


def _read_moment(text: str, where: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"{where}: {text!r} is not an ISO 8601 date") from None


def _refuse_no_records(name: SideName, rows: Sequence[Record]) -> None:
    if not rows:
        raise InvalidInput(f"the {name} side is empty: there is nothing to reconcile")
    if not _are_all(rows, dict) and not all(isinstance(row, Mapping) for row in rows):
        raise InvalidInput(f"the {name} side holds something that is not a record")


def _amounts(name: SideName, rows: Sequence[Record]) -> list[Decimal]:
    column = _column(rows, "amount")
    if _are_all(column, Decimal):
        return column
    return [
        parse_amount(value, where=f"{name} record {_text(rows[i].get('id')) or i}: amount")
        for i, value in enumerate(column)
    ]


def _to_units(amounts: list[Decimal], scale: int) -> Ints | None:
    """Amounts as integers of 10^-scale; None where one does not fit the scale exactly."""
    with localcontext() as context:
        context.prec = 60
        scaled = [value.scaleb(scale) for value in amounts]
    try:
        units = list(map(int, scaled))
    except (ValueError, OverflowError, InvalidOperation):
        bad = next(value for value in amounts if not value.is_finite())
        raise InvalidInput(f"{bad} is not a finite amount") from None
    if not all(map(operator.eq, units, scaled)):
        return None
    if not -_LARGEST < min(units) <= max(units) < _LARGEST:
        raise InvalidInput("an amount is too large; amounts stay below 10^15")
    return np.array(units, dtype=np.int64)


def _finest(amounts: list[Decimal]) -> int:
    exponents = (value.normalize().as_tuple().exponent for value in amounts)
    return max(-exponent for exponent in exponents if isinstance(exponent, int))


def exact_sum(units: Ints) -> int:
    """The exact sum, also where it is beyond 64 bits."""
    return (int((units >> 32).sum()) << 32) + int((units & 0xFFFFFFFF).sum())
