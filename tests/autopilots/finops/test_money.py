"""Amounts, minor units, exchange rates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.finops.currencies import minor_unit_digits
from jobforge.autopilots.finops.money import (
    FxTable,
    from_minor,
    parse_amount,
    parse_currency,
    parse_instant,
    round_to_minor,
    trim,
)
from jobforge.core.errors import InvalidInput

RATES: list[dict[str, Any]] = [
    {"base": "EUR", "quote": "USD", "date": "2026-01-01", "rate": "1.10"},
    {"base": "EUR", "quote": "USD", "date": "2026-01-05", "rate": "1.25"},
]


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)])
def test_minor_units_follow_iso_4217(currency: str, digits: int) -> None:
    assert minor_unit_digits(currency) == digits
    assert from_minor(12345, currency) == Decimal(12345).scaleb(-digits)


def test_halves_round_to_even() -> None:
    assert [round_to_minor(Decimal(v), "EUR") for v in ("0.125", "0.135")] == [
        Decimal("0.12"),
        Decimal("0.14"),
    ]


@given(st.decimals("-1000000", "1000000", places=6), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_trimming_changes_how_an_amount_looks_never_what_it_is(
    amount: Decimal, currency: str
) -> None:
    assert trim(amount, currency) == amount


def test_a_float_counts_as_its_shortest_text() -> None:
    assert parse_amount(0.1, where="here") == Decimal("0.1")


@pytest.mark.parametrize("value", [True, None, "", "1,5", "nan", float("inf"), [], "1e15"])
def test_what_is_no_amount_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(InvalidInput, match="row 3"):
        parse_amount(value, where="row 3")


@pytest.mark.parametrize("value", ["EURO", "€", "", None, "E1R"])
def test_what_is_no_currency_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="ISO 4217"):
        parse_currency(value, where="row 3")


def test_time_zones_are_explicit_and_a_time_without_one_is_utc() -> None:
    expected = datetime(2026, 1, 5, 22, tzinfo=UTC)

    assert parse_instant("2026-01-06T00:00:00+02:00", where="x") == expected
    assert parse_instant("2026-01-05T22:00:00", where="x") == expected
    assert parse_instant(date(2026, 1, 5), where="x").hour == 0


def test_a_day_takes_the_last_rate_before_it() -> None:
    found = FxTable(RATES).find("EUR", "USD", date(2026, 1, 4))

    assert found is not None
    assert (found.date, found.rate) == (date(2026, 1, 1), Decimal("1.10"))


def test_a_pair_known_the_other_way_round_is_inverted() -> None:
    found = FxTable(RATES).find("USD", "EUR", date(2026, 1, 6))

    assert found is not None
    assert found.rate == Decimal(1) / Decimal("1.25")


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2026, 1, 13)])
def test_no_rate_is_invented_before_the_first_or_after_a_week(day: date) -> None:
    assert FxTable(RATES).find("EUR", "USD", day) is None


def test_nothing_goes_through_a_third_currency() -> None:
    rates = [*RATES, {"base": "USD", "quote": "JPY", "date": "2026-01-05", "rate": "150"}]

    assert FxTable(rates).find("EUR", "JPY", date(2026, 1, 5)) is None


@pytest.mark.parametrize("rate", ["0", "-1", "NaN"])
def test_a_rate_that_cannot_be_is_refused(rate: str) -> None:
    with pytest.raises(InvalidInput):
        FxTable([{**RATES[0], "rate": rate}])
