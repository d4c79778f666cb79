"""What is told to those who watch: how much is done, how long it takes, and what caused what."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from jobforge.contract.results import ChildRun


@dataclass(frozen=True, slots=True)
class Backlog:
    """What all tenants together have not done yet.

    `waiting` jobs wait for their tenant's cap, `released` ones for a worker or their time,
    `running` ones are at work. `stuck` ones say they run, and no worker is heard of.
    """

    waiting: int
    released: int
    running: int
    stuck: int
    oldest: timedelta
    """How long the oldest job that could run has been there; zero where there is none."""


class Telemetry(Protocol):
    """Counts, durations and spans. Nothing of it fails whoever tells."""

    @property
    def is_tracing(self) -> bool:
        """Whether anybody receives spans."""
        ...

    def span(
        self, name: str, traceparent: str | None, attributes: dict[str, str]
    ) -> AbstractContextManager[str | None]:
        """Do the block as a span; the `traceparent` that what it starts goes on with."""
        ...

    def decided(self, children: Sequence[ChildRun]) -> None:
        """Requests were decided."""
        ...

    def attempt_started(self, job_type: str, waited_seconds: float) -> None:
        """An attempt started, so long after it could have."""
        ...

    def attempt_ended(self, job_type: str, status: str, seconds: float) -> None:
        """An attempt ended."""
        ...

    def attempt_fenced(self, job_type: str) -> None:
        """An attempt lost its job, and its end was not accepted."""
        ...

    def backlog_is(self, backlog: Backlog) -> None:
        """So much is left to do."""
        ...


class Silence:
    """`Telemetry` that tells nobody."""

    is_tracing = False

    def span(
        self,
        name: str,  # noqa: ARG002 (the port's signature)
        traceparent: str | None,
        attributes: dict[str, str],  # noqa: ARG002 (the port's signature)
    ) -> AbstractContextManager[str | None]:
        """Do the block."""
        return nullcontext(traceparent)

    def decided(self, children: Sequence[ChildRun]) -> None:
        """Nothing."""

    def attempt_started(self, job_type: str, waited_seconds: float) -> None:
        """Nothing."""

    def attempt_ended(self, job_type: str, status: str, seconds: float) -> None:
        """Nothing."""

    def attempt_fenced(self, job_type: str) -> None:
        """Nothing."""

    def backlog_is(self, backlog: Backlog) -> None:
        """Nothing."""
