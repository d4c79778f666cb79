"""What an entry may say, and how it is written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from jobforge.core.audit import AuditEntry, canonical_details, format_time
from jobforge.testing.audit import AT, TENANT_ID, make_entry


@pytest.mark.parametrize(
    "details",
    [
        {"amount": 1.5},
        {"list": [1, [2.0]]},
        {"deep": {"amount": float("nan")}},
        {"big": 2**53},
        {"text": "\x00"},
        {"\x00": 1},
        {"text": "\ud800"},
        {1: "a"},
        {"set": {1}},
    ],
    ids=str,
)
def test_details_that_two_languages_could_read_differently_are_refused(
    details: dict[str, object],
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (several messages, one kind)
        AuditEntry(TENANT_ID, AT, "ada", "x", "y", details)


def changed(**changes: Any) -> AuditEntry:  # noqa: ANN401 (any field)
    return replace(make_entry(1), **changes)


@pytest.mark.parametrize("field", ["actor", "event", "subject"])
def test_the_texts_of_an_entry_hold_no_nul(field: str) -> None:
    with pytest.raises(ValueError, match="U\\+0000"):
        changed(**{field: "a\x00"})


def test_an_entrys_time_is_in_utc() -> None:
    for at in (datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))):  # noqa: DTZ001 (the point)
        with pytest.raises(ValueError, match="UTC"):
            AuditEntry(TENANT_ID, at, "ada", "x", "y")


def test_a_time_always_has_six_fractional_digits() -> None:
    assert format_time(AT) == "2026-01-15T12:00:00.000000Z"
    assert format_time(AT + timedelta(microseconds=10)) == "2026-01-15T12:00:00.000010Z"
    assert format_time(datetime(33, 1, 1, tzinfo=UTC)) == "0033-01-01T00:00:00.000000Z"


def test_details_are_stored_in_their_canonical_form() -> None:
    entry = changed(details={"b": [1, None], "a": "é"})

    assert canonical_details(entry) == '{"a":"é","b":[1,null]}'
