"""The life of a job: one table of its moves, and how long it waits before it tries again."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Literal, TypeAlias

from jobforge.contract.results import JobStatus

JobEvent: TypeAlias = Literal[
    "begin", "hold", "succeed", "fail_retryable", "fail", "time_limit", "deny", "cancel", "retry"
]

MOVES: dict[tuple[JobStatus, JobEvent], JobStatus] = {
    ("queued", "begin"): "running",
    ("queued", "hold"): "queued",
    ("queued", "deny"): "denied",
    ("queued", "cancel"): "canceled",
    ("running", "begin"): "running",
    ("running", "hold"): "queued",
    ("running", "succeed"): "executed",
    ("running", "fail_retryable"): "queued",
    ("running", "time_limit"): "queued",
    ("running", "fail"): "error",
    ("running", "deny"): "denied",
    ("running", "cancel"): "canceled",
    ("error", "retry"): "queued",
    ("denied", "retry"): "queued",
    ("canceled", "retry"): "queued",
}
"""What is not in it does not happen. `begin` takes a running job, too: its worker may have died,
and the attempt that begins last is the only one whose end is accepted. So does `hold`, by which a
pause or a window puts a job back that was about to begin.

`docs/images/life-of-a-job.svg` is the picture of it; a test compares the two.
"""

TERMINAL: frozenset[JobStatus] = frozenset({"executed", "error", "denied", "canceled"})
"""Where a job stays until a person asks to try again; `executed` stays for ever."""

BASE_DELAY = timedelta(seconds=1)
MAX_DELAY = timedelta(minutes=5)


def is_terminal(status: JobStatus) -> bool:
    """Whether the job is at its end."""
    return status in TERMINAL


def statuses_before(event: JobEvent) -> frozenset[JobStatus]:
    """The statuses in which the event may happen."""
    return frozenset(status for status, taken in MOVES if taken == event)


def next_status(
    status: JobStatus, event: JobEvent, *, attempt: int, max_attempts: int
) -> JobStatus | None:
    """Where the event takes the job; None where it may not happen in this status.

    A failure that may be tried again ends in `error` where `attempt` (from 1) was the last.
    """
    moved = MOVES.get((status, event))
    is_another_try = event in ("fail_retryable", "time_limit") and moved == "queued"
    return "error" if is_another_try and attempt >= max_attempts else moved


def attempts_after_retry(attempt: int, *, allowance: int) -> int:
    """The new limit of attempts when a person asks to try again.

    The attempt itself goes on counting: it is the fence, and a number used twice would let an
    end from before the retry pass for one after it.
    """
    return attempt + allowance


def retry_delay(attempt: int, *, seed: int) -> timedelta:
    """How long to wait after failed attempt `attempt` (from 1): at least 0, at most MAX_DELAY.

    Uniform between 0 and min(MAX_DELAY, BASE_DELAY * 2^(attempt - 1)), always the same for the
    same seed. Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, "full
    jitter".
    """
    ceiling = min(MAX_DELAY, BASE_DELAY * (1 << min(attempt - 1, 30)))
    return ceiling * _fraction(f"{seed}:{attempt}")


def _fraction(text: str) -> float:
    """A number in [0, 1) that looks random and depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48
