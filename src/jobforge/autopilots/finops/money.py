"""Money: exact amounts, ISO 4217 minor units, and exchange rates with a date."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobforge.autopilots.finops.currencies import is_currency, minor_unit_digits
from jobforge.core.errors import InvalidInput
from jobforge.core.model import Model

MAX_RATE_AGE_DAYS = 7
MAX_AMOUNT = Decimal(10) ** 15


def round_to_minor(amount: Decimal, currency: str) -> Decimal:
    """Round half to even to the currency's smallest unit."""
    return amount.quantize(Decimal(1).scaleb(-minor_unit_digits(currency)), ROUND_HALF_EVEN)


def trim(amount: Decimal, currency: str) -> Decimal:
    """The same amount without zeros beyond the currency's smallest unit: 12.3400 USD is 12.34."""
    shortest = amount.normalize()
    exponent = shortest.as_tuple().exponent
    digits = minor_unit_digits(currency)
    if isinstance(exponent, int) and exponent > -digits:
        return shortest.quantize(Decimal(1).scaleb(-digits))
    return shortest


def from_minor(units: int, currency: str) -> Decimal:
    """The amount that `units` smallest units are: 1234 USD cents are 12.34."""
    return Decimal(units).scaleb(-minor_unit_digits(currency))


def parse_amount(value: object, *, where: str) -> Decimal:
    """Read one amount; a float counts as its shortest decimal text.

    Raises:
        InvalidInput: not a number, not finite, or 10^15 and more.
    """
    amount = _to_decimal(value, where)
    if not amount.is_finite():
        raise InvalidInput(f"{where}: {value!r} is not a finite amount")
    if abs(amount) >= MAX_AMOUNT:
        raise InvalidInput(f"{where}: {amount:E} is too large; amounts stay below 10^15")
    return amount


def _to_decimal(value: object, where: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str | float):
        raise InvalidInput(f"{where}: {value!r} is not an amount")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"{where}: {value!r} is not a finite amount")
    try:
        return Decimal(repr(value) if isinstance(value, float) else _plain(value))
    except InvalidOperation:
        raise InvalidInput(f"{where}: {value!r} is not an amount") from None


def _plain(value: Decimal | int | str) -> Decimal | int | str:
    return value.strip() if isinstance(value, str) else value


def parse_currency(value: object, *, where: str) -> str:
    """Read a currency code of ISO 4217, in whatever case.

    Raises:
        InvalidInput: anything else.
    """
    code = value.strip().upper() if isinstance(value, str) else ""
    if not is_currency(code):
        raise InvalidInput(f"{where}: {value!r} is not an ISO 4217 currency code")
    return code


def parse_instant(value: object, *, where: str) -> datetime:
    """Read an instant; a plain date is its midnight, and a time without zone counts as UTC.

    Raises:
        InvalidInput: not an ISO 8601 date or time.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise InvalidInput(f"{where}: {value!r} is not an ISO 8601 date") from None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise InvalidInput(f"{where}: {value!r} is not a date")


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this IANA name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def read_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name, such as Europe/Berlin.

    Raises:
        InvalidInput: there is none of this name.
    """
    if not is_zone(name):
        raise InvalidInput(f"there is no time zone {name!r}", hint="IANA names: Europe/Berlin")
    return ZoneInfo(name)


class FxRate(Model):
    """One unit of `base` costs `rate` units of `quote` on `date`."""

    base: str
    quote: str
    date: date
    rate: Decimal


class FxTable:
    """Rates by currency pair and day.

    A day without a rate takes the last one before it, at most seven days old; a pair that is only
    known the other way round is inverted. Nothing is guessed through a third currency.
    """

    def __init__(self, rates: Iterable[FxRate | Mapping[str, Any]]) -> None:
        self._rates: dict[tuple[str, str], list[tuple[date, Decimal]]] = {}
        for index, rate in enumerate(rates):
            parsed = rate if isinstance(rate, FxRate) else _parse_rate(rate, index)
            self._rates.setdefault((parsed.base, parsed.quote), []).append(
                (parsed.date, parsed.rate)
            )
        for series in self._rates.values():
            series.sort()

    def find(self, base: str, quote: str, day: date) -> FxRate | None:
        """The rate that holds on `day`, with the date it is from; None where there is none."""
        if base == quote:
            return FxRate(base=base, quote=quote, date=day, rate=Decimal(1))
        if direct := self._latest(base, quote, day):
            return FxRate(base=base, quote=quote, date=direct[0], rate=direct[1])
        if inverse := self._latest(quote, base, day):
            return FxRate(base=base, quote=quote, date=inverse[0], rate=1 / inverse[1])
        return None

    def _latest(self, base: str, quote: str, day: date) -> tuple[date, Decimal] | None:
        series = self._rates.get((base, quote), [])
        position = bisect_right(series, day, key=lambda item: item[0])
        if position == 0 or (day - series[position - 1][0]).days > MAX_RATE_AGE_DAYS:
            return None
        return series[position - 1]


def _parse_rate(row: Mapping[str, Any], index: int) -> FxRate:
    where = f"fx_rates[{index}]"
    rate = parse_amount(row.get("rate"), where=f"{where}.rate")
    if rate <= 0:
        raise InvalidInput(f"{where}: a rate is above zero")
    return FxRate(
        base=parse_currency(row.get("base"), where=f"{where}.base"),
        quote=parse_currency(row.get("quote"), where=f"{where}.quote"),
        date=parse_instant(row.get("date"), where=f"{where}.date").date(),
        rate=rate,
    )
