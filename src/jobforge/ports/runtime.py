"""What running handlers needs: a context for each job, and something that calls the handler."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.catalog import AnyJobType
from jobforge.core.context import JobContext, JobIdentity
from jobforge.core.effects import PlannedEffect
from jobforge.core.model import Model
from jobforge.ports.engine import Attempt


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a job may look: this host and loopback are not for everyone."""

    is_host_allowed: bool


class OpenContext(Protocol):
    """A context in use, and what was stored through it."""

    @property
    def context(self) -> JobContext:
        """What the handler gets."""
        ...

    @property
    def outputs(self) -> tuple[ArtifactOutput, ...]:
        """What the handler stored, in order."""
        ...


class ContextFactory(Protocol):
    """Opens contexts."""

    def for_attempt(self, attempt: Attempt) -> AbstractAsyncContextManager[OpenContext]:
        """The context of a started attempt; progress goes to its job."""
        ...

    def for_plan(self, job: JobIdentity, reach: Reach) -> AbstractAsyncContextManager[OpenContext]:
        """A context to predict effects and to look whether data is there; it stores nothing."""
        ...


class HandlerRunner(Protocol):
    """Calls handlers, in this process or in one of their own."""

    async def run(
        self,
        job_type: AnyJobType,
        payload: Model,
        effects: tuple[PlannedEffect, ...],
        context: JobContext,
    ) -> Model:
        """Run the handler, or apply and verify the action, within its time limit.

        Raises:
            TimeLimit: it took too long and was stopped.
            HandlerFailed: it died, or verification failed; an action was undone where it can be.
            JobForgeError: what the handler raised.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What jobs run on, for their manifests."""

    environment: dict[str, str]
    tools: dict[str, str | dict[str, str]]


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is: `done` counts ended children, `running` says what the others report."""

    done: int
    total: int
    running: tuple[tuple[str, float, str], ...]


class Waiter(Protocol):
    """Waits for bundle runs."""

    async def wait_closed(
        self, tenant_id: UUID, run_id: UUID, on_change: Callable[[RunProgress], None]
    ) -> None:
        """Wait until the run is closed. Where no worker runs, this process works meanwhile."""
        ...
