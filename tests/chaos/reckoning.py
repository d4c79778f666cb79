"""What became of everything, once the faults are over."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
from tests.chaos.job_types import APPEND_TYPE, LEDGER, Line, after

from jobforge.bootstrap import Application
from jobforge.contract.canonical import checksum_of
from jobforge.contract.errors import JobForgeError
from jobforge.ports.jobs import JobRecord
from jobforge.ports.records import TenantRecord


@dataclass(frozen=True)
class Report:
    """The figures, in the order in which they are printed."""

    seed: int
    faults: int
    jobs: int
    lost: int
    applied_twice: int
    nonterminal: int
    chains_ok: bool
    artifacts_ok: bool
    executed: int
    errors: int
    denied: int
    submissions_repeated: int
    workers_fallen: int
    seconds: float
    kinds: dict[str, int]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, done twice or left over, and no worker gave up."""
        return (
            (self.lost, self.applied_twice, self.nonterminal, self.workers_fallen) == (0, 0, 0, 0)
            and self.chains_ok
            and self.artifacts_ok
        )

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


@dataclass
class Reckoning:
    """Counts what became of the accepted jobs."""

    app: Application
    accepted: dict[UUID, TenantRecord]
    home: Path

    async def jobs(self) -> dict[UUID, JobRecord]:
        """Every job there is, of all tenants."""
        found = {}
        for tenant in {t.tenant_id: t for t in self.accepted.values()}.values():
            async with self.app.storage.snapshot(tenant.tenant_id) as unit:
                records = await unit.jobs.newest(status=None, job_type=None, limit=1_000_000)
            found.update({record.job_id: record for record in records})
        return found

    async def count_open(self) -> int:
        """How many have not ended; -1 where the database does not say."""
        try:
            backlog = await self.app.measure_backlog()
        except (JobForgeError, asyncpg.PostgresError):
            return -1
        return backlog.waiting + backlog.released + backlog.running

    def lost(self, jobs: dict[UUID, JobRecord]) -> int:
        """Accepted and not there any more, or executed without their effect."""
        missing = sum(job_id not in jobs for job_id in self.accepted)
        return missing + sum(
            self._file(job).read_bytes() != after(_line(job))
            for job in jobs.values()
            if job.job_type == APPEND_TYPE and job.status == "executed"
        )

    def applied_twice(self, jobs: dict[UUID, JobRecord]) -> int:
        """Files that have their line more than once, or were written more than once."""
        written: Counter[tuple[str, str]] = Counter()
        for tenant in {t.slug for t in self.accepted.values()}:
            ledger = self.home / f"{tenant}-{LEDGER}"
            if ledger.exists():
                written.update((tenant, path) for path in ledger.read_text().split())
        actions = [job for job in jobs.values() if job.job_type == APPEND_TYPE]
        return sum(
            written[self.accepted[job.job_id].slug, _line(job).path] > 1
            or self._file(job).read_text().count(_line(job).line + "\n") > 1
            for job in actions
            if job.job_id in self.accepted
        )

    async def are_artifacts_there(self, jobs: dict[UUID, JobRecord]) -> bool:
        """Whether each reference of an executed job leads to bytes of its checksum."""
        for job_id, job in jobs.items():
            if job.status != "executed" or job.job_type == APPEND_TYPE:
                continue
            manifest = json.loads(job.manifest or "{}")
            if job.artifact_ref is None or len(manifest["outputs"]) != 1:
                return False
            found = await self.app.resolve_ref(job.artifact_ref, self.accepted[job_id])
            if (
                checksum_of(found.content) != manifest["outputs"][0]["checksum"]
                or found.content.decode() != _line(job).line
            ):
                return False
        return True

    def _file(self, job: JobRecord) -> Path:
        return self.app.data_root / self.accepted[job.job_id].slug / _line(job).path


def _line(job: JobRecord) -> Line:
    return Line.model_validate_json(job.payload)
