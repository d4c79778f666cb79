"""Tests of budgets, burn rates and restore times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobforge.autopilots.ops import RELIABILITY_REPORT
from jobforge.autopilots.ops.reliability.budget import Sample, budget_report
from jobforge.autopilots.ops.reliability.incidents import (
    durations,
    incidents_of,
    time_between_failures,
    time_to_detect,
    time_to_restore,
)
from jobforge.autopilots.ops.reliability_report import handle
from jobforge.core.errors import DatasetMissing, PayloadInvalid, SourceMalformed
from jobforge.testing.context import MemoryContext

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=30)


def hourly(bad_per_hour: float, *, since: int = 0) -> list[Sample]:
    return [
        Sample(BEGIN + timedelta(hours=h), 1000 - (bad_per_hour if h >= since else 0), 1000)
        for h in range(720)
    ]


def test_half_of_the_allowed_errors_leave_half_of_the_budget() -> None:
    report = budget_report("a", hourly(0.5), objective=0.999, begin=BEGIN, end=END)

    assert report.attained == pytest.approx(0.9995)
    assert report.remaining == pytest.approx(0.5)
    assert report.exhausted_at is None
    assert all(burn.alert is None for burn in report.burn_rates)


def test_a_late_burst_burns_fast_and_says_when_the_budget_was_gone() -> None:
    samples = hourly(20, since=640)
    fine = [Sample(END - timedelta(minutes=5 * k), 1000 - 20, 1000) for k in range(1, 90)]

    report = budget_report("a", samples + fine, objective=0.999, begin=BEGIN, end=END)

    assert report.remaining is not None
    assert report.remaining < 0
    assert report.exhausted_at is not None
    assert report.burn_rates[0].rate == pytest.approx(20)
    assert report.burn_rates[0].alert == "page"


def test_without_requests_nothing_is_attained() -> None:
    report = budget_report("a", [], objective=0.99, begin=BEGIN, end=END)

    assert (report.attained, report.remaining, report.burn_rates) == (None, None, ())


ROWS = [
    {"id": "1", "service": "a", "started_at": "2026-01-02T00:00:00Z",
     "detected_at": "2026-01-02T00:10:00Z", "resolved_at": "2026-01-02T01:00:00Z"},
    {"id": "2", "service": "a", "started_at": "2026-01-03T00:00:00Z",
     "detected_at": "2026-01-03T00:30:00Z", "resolved_at": "2026-01-03T03:00:00Z"},
    {"id": "3", "service": "a", "started_at": "2026-01-04T00:00:00Z"},
]  # fmt: skip


def test_times_are_taken_from_incidents_that_note_them() -> None:
    incidents = incidents_of(ROWS)

    detect, restore = durations(incidents, time_to_detect), durations(incidents, time_to_restore)

    assert (detect.count, detect.median) == (2, timedelta(minutes=20))
    assert (restore.count, restore.mean, restore.longest) == (
        2, timedelta(hours=2), timedelta(hours=3),
    )  # fmt: skip
    assert time_between_failures(incidents[:2], BEGIN, END) == timedelta(hours=(720 - 4) / 2)
    assert time_between_failures([], BEGIN, END) is None


def test_an_incident_that_ends_before_it_starts_is_an_error() -> None:
    with pytest.raises(SourceMalformed, match="row 0"):
        incidents_of([ROWS[0] | {"resolved_at": "2025-01-01T00:00:00Z"}])


async def test_missing_indicators_are_told_and_missing_both_is_an_error() -> None:
    context = MemoryContext()
    payload = RELIABILITY_REPORT.parse_payload({"report_id": "r"})
    with pytest.raises(DatasetMissing):
        await handle(payload, context)

    context.data.datasets["incidents"] = [dict(row) for row in ROWS]
    result = await handle(payload, context)

    assert result.objectives == ()
    assert result.open_incident_count == 1
    assert "slis were not judged" in result.notices[0]
    assert any(name.endswith(".md") for name in context.artifacts.stored)


@pytest.mark.parametrize(
    "row",
    [
        {"service": "a", "timestamp": 1, "good": 5, "total": 4},
        {"service": "a", "timestamp": 1, "good": -1, "total": 4},
        {"service": "a", "timestamp": 1, "good": "x", "total": 4},
        {"service": "a", "timestamp": 1, "total": 4},
    ],
)
async def test_an_indicator_that_is_none_is_an_error(row: dict[str, object]) -> None:
    context = MemoryContext()
    context.data.datasets["slis"] = [row]

    with pytest.raises(SourceMalformed, match="slis row 0"):
        await handle(RELIABILITY_REPORT.parse_payload({"report_id": "r"}), context)


@pytest.mark.parametrize(
    "period",
    [
        {"period_start": "2026-01-02T00:00:00Z", "period_end": "2026-01-01T00:00:00Z"},
        {"period_start": "2026-01-02T00:00:00"},
    ],
)
def test_a_period_that_is_none_is_refused(period: dict[str, str]) -> None:
    with pytest.raises(PayloadInvalid):
        RELIABILITY_REPORT.parse_payload({"report_id": "r"} | period)
