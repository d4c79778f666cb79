"""`Telemetry` of this process, and attempts that are measured, traced and named in log lines."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from jobforge.adapters.telemetry.metrics import Metrics
from jobforge.adapters.telemetry.tracing import Tracing
from jobforge.contract.results import ChildRun
from jobforge.core.stop import Stop
from jobforge.ports.engine import Attempt, AttemptRunner, Ending
from jobforge.ports.storage import Storage
from jobforge.ports.telemetry import Backlog, Telemetry

_REMEMBERED_RUNS = 1024


@dataclass(frozen=True, slots=True)
class LiveTelemetry:
    """`Telemetry` in metrics and spans."""

    metrics: Metrics
    tracing: Tracing

    @property
    def is_tracing(self) -> bool:
        """Whether anybody receives spans."""
        return self.tracing.is_on

    def span(
        self, name: str, traceparent: str | None, attributes: dict[str, str]
    ) -> AbstractContextManager[str | None]:
        """Do the block as a span."""
        return self.tracing.span(name, traceparent, attributes)

    def decided(self, children: Sequence[ChildRun]) -> None:
        """Requests were decided."""
        self.metrics.decided(children)

    def attempt_started(self, job_type: str, waited_seconds: float) -> None:
        """An attempt started, so long after it could have."""
        self.metrics.attempt_started(job_type, waited_seconds)

    def attempt_ended(self, job_type: str, status: str, seconds: float) -> None:
        """An attempt ended."""
        self.metrics.attempt_ended(job_type, status, seconds)

    def attempt_fenced(self, job_type: str) -> None:
        """An attempt lost its job, and its end was not accepted."""
        self.metrics.attempt_fenced(job_type)

    def backlog_is(self, backlog: Backlog) -> None:
        """So much is left to do."""
        self.metrics.backlog_is(backlog)


@dataclass(frozen=True, slots=True)
class ObservedRun:
    """Runs attempts as `run_job` does; each log line meanwhile names trace, tenant and job."""

    run_job: AttemptRunner
    telemetry: Telemetry
    storage: Storage
    _parents: OrderedDict[UUID, str | None] = field(default_factory=OrderedDict)

    async def __call__(self, attempt: Attempt) -> Ending:
        """Run it."""
        names = {
            "trace_id": attempt.trace_id,
            "tenant_id": str(attempt.ref.tenant_id),
            "job_id": str(attempt.ref.job_id),
        }
        self.telemetry.attempt_started(attempt.job_type, max(attempt.waited.total_seconds(), 0.0))
        begun = time.monotonic()
        with structlog.contextvars.bound_contextvars(**names):
            if self.telemetry.is_tracing:
                ending = await self._traced(attempt, names)
            else:
                ending = await self.run_job(attempt)
        self.telemetry.attempt_ended(attempt.job_type, ending.status, time.monotonic() - begun)
        return ending

    def stopped(self, attempt: Attempt, started: datetime, stop: Stop) -> Ending:
        """Describe the end of an attempt whose handler was stopped in the middle."""
        ending = self.run_job.stopped(attempt, started, stop)
        seconds = (ending.entry.at - started).total_seconds()
        self.telemetry.attempt_ended(attempt.job_type, ending.status, max(seconds, 0.0))
        return ending

    def fenced(self, attempt: Attempt) -> None:
        """Count that an attempt lost its job."""
        self.telemetry.attempt_fenced(attempt.job_type)
        self.run_job.fenced(attempt)

    async def _traced(self, attempt: Attempt, names: dict[str, str]) -> Ending:
        attributes = {
            **{f"jobforge.{name}": value for name, value in names.items()},
            "jobforge.job_type": attempt.job_type,
            "jobforge.run_id": str(attempt.run_id),
            "jobforge.attempt": str(attempt.number),
        }
        with self.telemetry.span("job.run", await self._parent_of(attempt), attributes):
            return await self.run_job(attempt)

    async def _parent_of(self, attempt: Attempt) -> str | None:
        """The run's `traceparent`, asked for once a run."""
        if attempt.run_id not in self._parents:
            async with self.storage.transaction(attempt.ref.tenant_id) as unit:
                run = await unit.runs.find(attempt.run_id)
            self._parents[attempt.run_id] = None if run is None else run.traceparent
            if len(self._parents) > _REMEMBERED_RUNS:
                self._parents.popitem(last=False)
        return self._parents[attempt.run_id]
