"""`ContextFactory`: what a handler may reach, put together for one job of one tenant."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from uuid import UUID

import structlog

from jobforge.adapters.datasets.reader import DatasetReader
from jobforge.adapters.runtime.gated import (
    Gate,
    GatedHttp,
    GatedWorkspace,
    attempt_gate,
    check_stops,
    closed_gate,
)
from jobforge.adapters.runtime.gated_targets import (
    GatedDatabases,
    GatedEndpoints,
    GatedRepositories,
)
from jobforge.adapters.runtime.journals import NoJournal, StoredJournal
from jobforge.adapters.runtime.scratch import ScratchFolders
from jobforge.adapters.runtime.starting import NoStarts
from jobforge.adapters.targets.assembly import Targets
from jobforge.adapters.targets.workspace import TenantWorkspace
from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.context import HttpClient, JobIdentity, PastJob, Probes
from jobforge.core.errors import Denied
from jobforge.core.failure import has_another_try
from jobforge.core.redaction import mask_text
from jobforge.core.starting import Starts
from jobforge.core.targets import Databases, Endpoints, Journal, Repositories
from jobforge.ports.engine import Attempt, JobEngine
from jobforge.ports.records import DatasetRecord
from jobforge.ports.runtime import Reach
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock

REPORT_EVERY = timedelta(milliseconds=200)
LOCAL_ACTOR = "local:"

Report = Callable[[float, str], Awaitable[None]]
OpenFolder = Callable[[], Path]
MakeHttp = Callable[[UUID], HttpClient]
MakeProbes = Callable[[UUID, Reach], Probes]
MakeStarts = Callable[[Attempt], Starts]


MakeTargets = Callable[[UUID, Path], Targets]
"""Over a tenant's connections and its folder."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all contexts of a process share."""

    storage: Storage
    make_http: MakeHttp
    make_probes: MakeProbes
    make_starts: MakeStarts
    make_targets: MakeTargets
    data_root: Path
    scratch: ScratchFolders
    clock: Clock


@dataclass(frozen=True, slots=True)
class Gates:
    """What is asked before a file is changed, and before a request that does more than read."""

    files: Gate
    requests: Gate

    @classmethod
    def of_attempt(cls, attempt: Attempt, engine: JobEngine) -> Gates:
        """An action keeps to its plan. What only reads may still post a question to a model."""
        gate = attempt_gate(attempt, engine)
        if attempt.grant_jti is not None:
            return cls(gate, gate)

        async def ask(_: str) -> None:
            await check_stops(attempt, engine)

        return cls(gate, ask)


class StoredArtifacts:
    """`ArtifactWriter`: each output is stored when it is put, in a transaction of its own."""

    def __init__(self, storage: Storage, clock: Clock, tenant_id: UUID) -> None:
        self._storage = storage
        self._clock = clock
        self._tenant_id = tenant_id
        self.outputs: list[ArtifactOutput] = []

    async def put(self, name: str, content: bytes, *, kind: str, mime_type: str) -> ArtifactOutput:
        """Store `content`; the manifest names it with size in bytes and SHA-256."""
        async with self._storage.transaction(self._tenant_id) as unit:
            checksum = await unit.artifacts.put(content, mime_type, self._clock.now())
        output = ArtifactOutput(
            name=name,
            type=kind,
            ref=f"artifact:{checksum}",
            size=len(content),
            checksum=checksum,
            mime_type=mime_type,
        )
        self.outputs.append(output)
        return output


class NoArtifacts:
    """`ArtifactWriter` of a plan: predicting effects stores nothing."""

    outputs: tuple[ArtifactOutput, ...] = ()

    async def put(self, name: str, content: bytes, *, kind: str, mime_type: str) -> ArtifactOutput:  # noqa: ARG002 (the port's signature)
        """Refuse.

        Raises:
            Denied: always.
        """
        raise Denied(f"a plan stores nothing, and {name} would be stored")


class TenantHistory:
    """`JobHistory`: the tenant's own rows."""

    def __init__(self, storage: Storage, tenant_id: UUID) -> None:
        self._storage = storage
        self._tenant_id = tenant_id

    async def find(self, job_id: UUID) -> PastJob | None:
        """The job of this id; None where the tenant has none."""
        async with self._storage.transaction(self._tenant_id) as unit:
            job = await unit.jobs.find(job_id)
        if job is None:
            return None
        return PastJob(
            job_id=job.job_id,
            job_type=job.job_type,
            status=job.status,
            payload=job.payload,
            effects=job.effects,
        )


@dataclass
class LiveContext:
    """`JobContext` of one job. Its parts are made when they are asked for."""

    job: JobIdentity
    around: Surroundings
    reach: Reach
    artifacts: StoredArtifacts | NoArtifacts
    gates: Gates
    journal: Journal
    report: Report
    open_folder: OpenFolder
    starts: Starts
    cleanup: ExitStack = field(default_factory=ExitStack)
    has_folder: bool = False

    @property
    def context(self) -> LiveContext:
        """What the handler gets."""
        return self

    @property
    def outputs(self) -> tuple[ArtifactOutput, ...]:
        """What the handler stored, in order."""
        return tuple(self.artifacts.outputs)

    @property
    def seed(self) -> int:
        """The job's own seed: the same job gives the same numbers."""
        return self.job.job_id.int & 0xFFFF_FFFF

    @property
    def workspace(self) -> GatedWorkspace:
        """The tenant's folder; what is changed in it passes the gate."""
        return GatedWorkspace(self._folder, self.gates.files)

    @property
    def history(self) -> TenantHistory:
        """The tenant's earlier jobs."""
        return TenantHistory(self.around.storage, self.job.tenant_id)

    @cached_property
    def data(self) -> DatasetReader:
        """The tenant's rows; copies go to a folder that the job does not outlive."""
        scratch = self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="jobforge-"))
        return DatasetReader(workspace=self._folder, find=self._find, scratch=Path(scratch))

    @cached_property
    def http(self) -> GatedHttp:
        """The one way out; what does more than read passes the gate."""
        return GatedHttp(self.around.make_http(self.job.tenant_id), self.gates.requests)

    @cached_property
    def probes(self) -> Probes:
        """Looks at live systems."""
        return self.around.make_probes(self.job.tenant_id, self.reach)

    @property
    def repositories(self) -> Repositories:
        """Git repositories in the tenant's folder."""
        return GatedRepositories(self._targets.repositories, self.gates.files)

    @property
    def databases(self) -> Databases:
        """PostgreSQL servers, to change them."""
        return GatedDatabases(self._targets.databases, self.gates.files)

    @property
    def endpoints(self) -> Endpoints:
        """HTTP endpoints, to call them."""
        return GatedEndpoints(self._targets.endpoints, self.gates.files)

    async def scratch_folder(self) -> Path:
        """A folder of this job's own, kept from one attempt to the next."""
        self.has_folder = True
        return await asyncio.to_thread(self.open_folder)

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return self.around.clock.now()

    async def progress(self, fraction: float, message: str) -> None:
        """Report how far the work is, from 0 to 1."""
        await self.report(min(max(fraction, 0.0), 1.0), mask_text(message))

    def log(self, event: str, **fields: object) -> None:
        """Write one structured log line."""
        structlog.get_logger("jobforge.job").info(
            event,
            tenant_id=str(self.job.tenant_id),
            job_id=str(self.job.job_id),
            trace_id=self.job.trace_id,
            **fields,
        )

    @cached_property
    def _folder(self) -> TenantWorkspace:
        return TenantWorkspace(self.around.data_root / self.job.tenant_slug)

    @cached_property
    def _targets(self) -> Targets:
        folder = self.around.data_root / self.job.tenant_slug
        return self.around.make_targets(self.job.tenant_id, folder)

    async def _find(self, name: str) -> DatasetRecord | None:
        async with self.around.storage.transaction(self.job.tenant_id) as unit:
            return await unit.datasets.find(name, self.job.project_id)


class LiveContexts:
    """Opens contexts on the real world."""

    def __init__(self, around: Surroundings, engine: JobEngine) -> None:
        self._around = around
        self._engine = engine

    @asynccontextmanager
    async def for_attempt(self, attempt: Attempt) -> AsyncIterator[LiveContext]:
        """The context of a started attempt; progress goes to its job."""
        job = JobIdentity(
            tenant_id=attempt.ref.tenant_id,
            tenant_slug=attempt.tenant_slug,
            project_id=attempt.project_id,
            job_id=attempt.ref.job_id,
            trace_id=attempt.trace_id,
            attempt=attempt.number,
            max_attempts=attempt.max_attempts,
        )
        scratch = self._around.scratch
        is_local = attempt.actor.startswith(LOCAL_ACTOR)
        artifacts = StoredArtifacts(self._around.storage, self._around.clock, job.tenant_id)
        context = LiveContext(
            job=job,
            around=self._around,
            reach=Reach(is_host_allowed=attempt.is_host_allowed or is_local),
            artifacts=artifacts,
            gates=Gates.of_attempt(attempt, self._engine),
            journal=StoredJournal(self._around.storage, self._around.clock, attempt),
            report=self._reporter(attempt),
            open_folder=lambda: scratch.open(job, self._around.clock.now()),
            starts=self._around.make_starts(attempt),
        )
        is_ended = True
        try:
            with context.cleanup:
                yield context
        except asyncio.CancelledError:
            is_ended = False  # the worker stops, and the attempt is made again
            raise
        except Exception as error:
            tries = {"attempt": attempt.number, "max_attempts": attempt.max_attempts}
            is_ended = not has_another_try(error, **tries)
            raise
        finally:
            # Nobody opened one for a first attempt but this one.
            if is_ended and (attempt.number > 1 or context.has_folder) and scratch.has(job):
                await asyncio.to_thread(scratch.remove, job)

    @asynccontextmanager
    async def for_plan(self, job: JobIdentity, reach: Reach) -> AsyncIterator[LiveContext]:
        """A context to predict effects and to look whether data is there; it stores nothing."""
        context = LiveContext(
            job=job,
            around=self._around,
            reach=reach,
            artifacts=NoArtifacts(),
            gates=Gates(closed_gate, closed_gate),
            journal=NoJournal(),
            report=_ignore,
            open_folder=_no_folder,
            starts=NoStarts(),
        )
        with context.cleanup:
            yield context

    def _reporter(self, attempt: Attempt) -> Report:
        """Reports at most five times a second; the end is reported by the job itself."""
        last: list[datetime] = []

        async def report(fraction: float, message: str) -> None:
            now = self._around.clock.now()
            if last and now - last[0] < REPORT_EVERY:
                return
            last[:] = [now]
            await self._engine.report_progress(attempt, fraction, message)

        return report


async def _ignore(fraction: float, message: str) -> None:  # noqa: ARG001 (a plan has no progress)
    return


def _no_folder() -> Path:
    raise Denied("a plan stores nothing, and asked for a folder")
