"""The moves of a job and how long it waits between attempts."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.contract.results import JobStatus
from jobforge.core.lifecycle import (
    BASE_DELAY,
    MAX_DELAY,
    MOVES,
    TERMINAL,
    JobEvent,
    attempts_after_retry,
    is_terminal,
    next_status,
    retry_delay,
)

ROOT = Path(__file__).parents[2]
STATUSES: tuple[JobStatus, ...] = get_args(JobStatus)
EVENTS: tuple[JobEvent, ...] = get_args(JobEvent)

TABLE: dict[JobStatus, dict[JobEvent, JobStatus]] = {
    "queued": {"begin": "running", "hold": "queued", "deny": "denied", "cancel": "canceled"},
    "running": {
        "begin": "running",
        "hold": "queued",
        "succeed": "executed",
        "fail_retryable": "queued",
        "time_limit": "queued",
        "fail": "error",
        "deny": "denied",
        "cancel": "canceled",
    },
    "executed": {},
    "error": {"retry": "queued"},
    "denied": {"retry": "queued"},
    "canceled": {"retry": "queued"},
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("event", EVENTS)
def test_every_pair_of_status_and_event_is_settled(status: JobStatus, event: JobEvent) -> None:
    assert next_status(status, event, attempt=1, max_attempts=3) == TABLE[status].get(event)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("event", EVENTS)
def test_the_last_attempt_differs_only_where_a_running_job_fails(
    status: JobStatus, event: JobEvent
) -> None:
    moved = next_status(status, event, attempt=3, max_attempts=3)

    is_failure = status == "running" and event in ("fail_retryable", "time_limit")
    assert moved == ("error" if is_failure else TABLE[status].get(event))


@pytest.mark.parametrize("event", ["fail_retryable", "time_limit"])
@pytest.mark.parametrize(("attempt", "expected"), [(2, "queued"), (3, "error"), (4, "error")])
def test_the_last_attempt_that_fails_ends_in_error(
    event: JobEvent, attempt: int, expected: JobStatus
) -> None:
    assert next_status("running", event, attempt=attempt, max_attempts=3) == expected


@pytest.mark.parametrize("status", STATUSES)
def test_a_job_that_ended_moves_only_when_a_person_asks(status: JobStatus) -> None:
    moves = {event for event in EVENTS if next_status(status, event, attempt=1, max_attempts=9)}

    assert (moves <= {"retry"}) == is_terminal(status) == (status in TERMINAL)


@given(events=st.lists(st.sampled_from(EVENTS), max_size=40), max_attempts=st.integers(1, 4))
def test_no_order_of_events_runs_a_job_more_often_than_allowed(
    events: list[JobEvent], max_attempts: int
) -> None:
    status: JobStatus = "queued"
    attempt, limit, failures = 0, max_attempts, 0
    for event in events:
        moved = next_status(status, event, attempt=attempt, max_attempts=limit)
        if moved is None:
            continue
        if event == "begin":
            attempt += 1
        if event == "retry":
            limit = attempts_after_retry(attempt, allowance=max_attempts)
        if event in ("fail_retryable", "time_limit") and moved == "queued":
            failures += 1
            assert attempt < limit
        status = moved

    assert status in STATUSES
    assert failures <= max(attempt, 0)


@pytest.mark.parametrize("status", STATUSES)
def test_cancel_reaches_an_end_from_wherever_a_job_is(status: JobStatus) -> None:
    moved = next_status(status, "cancel", attempt=1, max_attempts=3)

    assert is_terminal(moved or status)


def test_a_retry_gives_as_many_attempts_again_and_never_a_number_twice() -> None:
    assert attempts_after_retry(3, allowance=3) == 6
    assert attempts_after_retry(0, allowance=3) == 3


@given(attempt=st.integers(1, 10**6), seed=st.integers(0, 2**128))
def test_a_delay_is_within_its_bounds_and_the_same_for_the_same_seed(
    attempt: int, seed: int
) -> None:
    delay = retry_delay(attempt, seed=seed)

    assert timedelta(0) <= delay <= MAX_DELAY
    assert attempt > 9 or delay <= BASE_DELAY * 2 ** (attempt - 1)
    assert delay == retry_delay(attempt, seed=seed)


def test_no_delay_is_longer_than_five_minutes() -> None:
    assert timedelta(minutes=5) == MAX_DELAY
    assert max(retry_delay(50, seed=seed) for seed in range(500)) > timedelta(minutes=4.9)


def test_delays_grow_and_are_spread_over_their_whole_range() -> None:
    means = [
        sum((retry_delay(attempt, seed=seed) for seed in range(2_000)), timedelta()) / 2_000
        for attempt in (1, 4, 20)
    ]
    first = sorted(retry_delay(1, seed=seed) for seed in range(2_000))

    assert means[0] == pytest.approx(timedelta(seconds=0.5), abs=timedelta(seconds=0.03))
    assert means[1] == pytest.approx(timedelta(seconds=4), abs=timedelta(seconds=0.25))
    assert means[2] == pytest.approx(MAX_DELAY / 2, abs=timedelta(seconds=10))
    assert first[0] < timedelta(seconds=0.01)
    assert first[-1] > timedelta(seconds=0.99)
    assert len(set(first)) > 1_990


def test_the_picture_shows_every_move_and_no_other() -> None:
    picture = (ROOT / "docs" / "images" / "life-of-a-job.svg").read_text(encoding="utf-8")
    arrows = re.findall(r'data-moves="([^"]+)"', picture)
    drawn = [tuple(move.split(" ")) for arrow in arrows for move in arrow.split(", ")]

    assert sorted(drawn) == sorted(
        (before, event, after) for (before, event), after in MOVES.items()
    )
    assert set(re.findall(r'class="state"[^>]*>(\w+)<', picture)) == set(STATUSES)
