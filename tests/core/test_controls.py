"""Windows as people write them, and what a stop means."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from jobforge.core.controls import INSTALLATION, Scope, once, weekly
from jobforge.core.errors import InvalidInput
from jobforge.core.stop import Stop

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_weekly_window_is_read_as_people_write_it() -> None:
    window = weekly("sat,MON,sat", "02:30", "1h30m", "Europe/Berlin")

    assert window.weekdays == (1, 6)
    assert (window.starts, window.duration) == (time(2, 30), timedelta(minutes=90))
    assert str(window) == "mon, sat at 02:30 Europe/Berlin for 90 minutes"
    assert weekly("daily", "00:00", "24h", "UTC").weekdays == (1, 2, 3, 4, 5, 6, 7)


@pytest.mark.parametrize(
    ("days", "at", "duration", "said"),
    [
        ("mo", "02:00", "4h", "'mo' is no day"),
        ("mon", "24:00", "4h", "no time of day"),
        ("mon", "2:00", "4h", "no time of day"),
        ("mon", "02:00", "4", "no duration"),
        ("mon", "02:00", "", "no duration"),
        ("mon", "02:00", "0m", "no duration"),
        ("mon", "02:00", "169h", "no duration"),
    ],
)
def test_what_is_no_window_is_refused_with_the_way_out(
    days: str, at: str, duration: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as refusal:
        weekly(days, at, duration, "UTC")

    assert refusal.value.hint


def test_a_window_of_once_needs_zones_and_an_end_after_its_start() -> None:
    assert once(NOON, NOON + timedelta(hours=1)).ends_at == NOON + timedelta(hours=1)
    with pytest.raises(InvalidInput, match="after it starts"):
        once(NOON, NOON)
    with pytest.raises(InvalidInput, match="need a zone"):
        once(NOON.replace(tzinfo=None), NOON)


def test_a_scope_says_what_it_holds_for() -> None:
    scopes = [Scope(), Scope(job_type="a.b"), Scope(NOBODY, "acme"), Scope(NOBODY, "acme", "a.b")]

    assert [str(scope) for scope in scopes] == [
        "everything",
        "every a.b",
        "tenant acme",
        "tenant acme, a.b",
    ]
    assert [scope.stored_type for scope in scopes] == ["*", "a.b", "*", "a.b"]


NOBODY = INSTALLATION


@pytest.mark.parametrize(
    ("stop", "code", "is_retryable"),
    [
        (Stop("lost"), "ATTEMPT_LOST", False),
        (Stop("kill", "fire"), "KILL_SWITCH_ON", False),
        (Stop("window", "nights"), "WINDOW_CLOSED", True),
        (Stop("action_cap", "20"), "BLAST_RADIUS_EXCEEDED", False),
        (Stop("day_cap", "200"), "BLAST_RADIUS_EXCEEDED", False),
    ],
)
def test_a_stop_is_an_error_with_a_code_of_its_own(
    stop: Stop, code: str, is_retryable: bool
) -> None:
    error = stop.to_error()

    assert (error.code, error.is_retryable) == (code, is_retryable)
    assert stop.name in error.message
