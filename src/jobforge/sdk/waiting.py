"""Waiting for a run: how often to look, and what to say meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from jobforge.contract.errors import JobForgeError
from jobforge.contract.results import BundleResult

TIMEOUT: Final = timedelta(seconds=30)
"""For one request and its answer."""
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0
_GROWTH: Final = 1.5


class StillOpen(JobForgeError):
    """The run did not close in time; it goes on."""

    code = "STILL_OPEN"
    is_retryable = True


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: child runs that have ended, and all that were queued."""

    done: int
    total: int
    result: BundleResult


def is_open(result: BundleResult) -> bool:
    """Whether a child run has not ended yet."""
    return result.summary.queued > 0


def to_progress(result: BundleResult) -> Progress:
    """How far a run is."""
    ended = result.summary.executed + result.summary.errors
    return Progress(done=ended, total=ended + result.summary.queued, result=result)


def to_pauses(timeout: timedelta | None) -> Iterator[float]:
    """Pauses in seconds that grow and, with a timeout, add up to it at most."""
    left = float("inf") if timeout is None else timeout.total_seconds()
    for number in itertools.count():
        pause = min(FIRST_PAUSE_SECONDS * _GROWTH ** min(number, 20), LONGEST_PAUSE_SECONDS)
        yield min(pause, max(left, 0.0))
        left -= pause
        if left <= 0:
            return
