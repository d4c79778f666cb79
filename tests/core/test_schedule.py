"""When work is due: time zones, changes of the clock, jitter, and what was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.core.errors import InvalidInput
from jobforge.core.schedule import (
    MISSED_AFTER,
    MOST_CATCH_UP,
    Timing,
    check_timing,
    decide,
    fires_at,
    next_due,
    upcoming,
)

ID = UUID(int=5)
BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def cron(fields: str, timezone: str = "UTC", **changes: Any) -> Timing:  # noqa: ANN401 (any field)
    return Timing(cron=fields, at=None, timezone=timezone, **changes)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def said(times: tuple[datetime, ...]) -> list[str]:
    return [f"{time:%m-%d %H:%M}" for time in times]


@pytest.mark.parametrize(
    ("timing", "after", "expected"),
    [
        # Berlin skips 02:00 to 03:00 on 29 March 2026: 02:30 is due at the first moment after it.
        (
            cron("30 2 * * *", BERLIN),
            "2026-03-28T00:00Z",
            ["03-28 01:30", "03-29 01:00", "03-30 00:30"],
        ),
        # 02:00 to 03:00 comes twice on 25 October: 02:30 is due once, the first time.
        (
            cron("30 2 * * *", BERLIN),
            "2026-10-24T12:00Z",
            ["10-25 00:30", "10-26 01:30", "10-27 01:30"],
        ),
        # What comes every half hour follows the clock through both.
        (
            cron("*/30 * * * *", BERLIN),
            "2026-03-29T00:15Z",
            ["03-29 00:30", "03-29 01:00", "03-29 01:30"],
        ),
        (
            cron("*/30 * * * *", BERLIN),
            "2026-10-25T00:15Z",
            ["10-25 00:30", "10-25 01:00", "10-25 01:30"],
        ),
        # New York goes back at 06:00 UTC on 1 November.
        (cron("15 1 * * *", NEW_YORK), "2026-10-31T12:00Z", ["11-01 05:15", "11-02 06:15"]),
        # Lord Howe moves by half an hour only.
        (cron("0 9 * * *", LORD_HOWE), "2026-10-03T12:00Z", ["10-03 22:00", "10-04 22:00"]),
        (cron("0 0 29 2 *"), "2026-03-01T00:00Z", ["02-29 00:00"]),
        (cron("0 9 * * MON#1", BERLIN), "2026-01-01T00:00Z", ["01-05 08:00", "02-02 08:00"]),
    ],
)
def test_occurrences_follow_the_clock_of_their_time_zone(
    timing: Timing, after: str, expected: list[str]
) -> None:
    assert said(upcoming(timing, instant(after), len(expected))) == expected


@given(
    st.sampled_from(["30 2 * * *", "*/20 * * * *", "0 * * * *", "15 1-3 * * *", "5 0,2 * * SUN"]),
    st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, "UTC", "Asia/Kolkata"]),
    st.integers(0, 525_600),
)
def test_whoever_asks_anew_after_each_occurrence_gets_the_same_ones_in_order(
    fields: str, timezone: str, minute: int
) -> None:
    timing = cron(fields, timezone)
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    at_once = upcoming(timing, start, 12)

    one_by_one, last = [], start
    for _ in range(12):
        found = next_due(timing, last)
        assert found is not None
        assert found > last
        one_by_one.append(found)
        last = found

    assert tuple(one_by_one) == at_once


@pytest.mark.parametrize(
    ("timing", "message"),
    [
        (Timing(cron=None, at=None), "either a cron expression or one instant"),
        (Timing(cron="* * * * *", at=datetime(2026, 1, 1, tzinfo=UTC)), "either"),
        (Timing(cron=None, at=datetime(2026, 1, 1)), "no offset"),  # noqa: DTZ001 (what is refused)
        (cron("* * * * * *"), "five fields"),
        (cron("@daily"), "five fields"),
        (cron("61 * * * *"), "bad minute"),
        (cron("1-99999999999 * * * *"), "bad minute"),
        (cron("* * 30 2 *"), "bad day-of-month"),
        (cron("* * */20 * 1L"), "never comes"),
        (cron("1," * 200 + "1 * * * *"), "five fields"),
        (cron("* * * * *", "Mars/Olympus"), "no time zone"),
        (cron("* * * * *", "../../etc/passwd"), "no time zone"),
        (cron("* * * * *", ""), "no time zone"),
        (cron("* * * * *", jitter=timedelta(days=2)), "jitter"),
        (cron("* * * * *", jitter=timedelta(seconds=-1)), "jitter"),
    ],
)
def test_what_is_no_timing_is_refused_in_words(timing: Timing, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        check_timing(timing)

    assert refused.value.pointer in {"/cron", "/at", "/timezone", "/jitter_seconds"}


@given(st.uuids(), st.integers(0, 86_400))
def test_jitter_is_within_its_bounds_and_the_same_for_whoever_asks(
    schedule_id: UUID, seconds: int
) -> None:
    timing = cron("0 * * * *", jitter=timedelta(seconds=seconds))
    due = datetime(2026, 5, 1, tzinfo=UTC)

    first, second = fires_at(schedule_id, timing, due), fires_at(schedule_id, timing, due)

    assert due <= first <= due + timedelta(seconds=seconds)
    assert first == second


def test_jitter_spreads_schedules_and_occurrences() -> None:
    timing = cron("0 * * * *", jitter=timedelta(hours=1))
    due = datetime(2026, 5, 1, tzinfo=UTC)

    by_schedule = {fires_at(UUID(int=n), timing, due) for n in range(100)}
    by_occurrence = {fires_at(ID, timing, due + timedelta(hours=n)).minute for n in range(100)}

    assert len(by_schedule) > 90
    assert len(by_occurrence) > 30


DUE = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def test_an_occurrence_on_time_is_fired_and_the_next_one_is_due() -> None:
    step = decide(ID, cron("0 * * * *"), DUE, DUE + MISSED_AFTER)

    assert step.is_fired
    assert step.next_due == DUE + timedelta(hours=1)


def test_jitter_does_not_make_an_occurrence_late() -> None:
    timing = cron("0 0 * * *", jitter=timedelta(hours=12))
    due = datetime(2026, 5, 1, tzinfo=UTC)

    step = decide(ID, timing, due, fires_at(ID, timing, due))

    assert step.reason == "due"


@pytest.mark.parametrize(
    ("on_missed", "is_fired", "next_hour"), [("skip", False, 18), ("run_once", True, 18)]
)
def test_what_was_missed_is_skipped_or_run_once(
    on_missed: Any,  # noqa: ANN401 (a literal)
    is_fired: bool,
    next_hour: int,
) -> None:
    now = DUE + timedelta(hours=5, minutes=30)

    step = decide(ID, cron("0 * * * *", on_missed=on_missed), DUE, now)

    assert step.is_fired is is_fired
    assert step.next_due == DUE.replace(hour=next_hour)
    assert step.reason.startswith("missed by 19800 seconds")


def test_what_was_missed_is_run_one_by_one_but_no_more_than_the_newest_hundred() -> None:
    timing = cron("0 * * * *", on_missed="run_all")
    now = DUE + timedelta(hours=250, minutes=30)

    first = decide(ID, timing, DUE, now)
    fired, due = 0, first.next_due
    while due is not None and due <= now:
        step = decide(ID, timing, due, now)
        fired += step.is_fired
        due = step.next_due

    assert not first.is_fired
    assert fired == MOST_CATCH_UP
    assert due == DUE + timedelta(hours=251)


def test_a_missed_instant_is_run_late_or_skipped_and_never_comes_again() -> None:
    now = DUE + timedelta(days=2)

    for on_missed, is_fired in (("run_once", True), ("run_all", True), ("skip", False)):
        timing = Timing(cron=None, at=DUE, on_missed=on_missed)  # type: ignore[arg-type]  # a literal
        step = decide(ID, timing, DUE, now)
        assert (step.is_fired, step.next_due) == (is_fired, None)


def test_an_occurrence_of_the_hour_that_comes_twice_is_not_due_again_in_its_second_half() -> None:
    timing = Timing(cron="30 2 * * *", at=None, timezone="Europe/Berlin")
    second_two_o_clock = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)

    assert next_due(timing, second_two_o_clock) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
