"""Keep the right category of a ticket that was judged wrongly, so that later jobs learn from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import AlreadyExists, Conflict, InvalidInput, Missing
from jobforge.core.names import check_name
from jobforge.ports.data import DatasetStore
from jobforge.ports.jobs import JobRecord
from jobforge.ports.records import DatasetRecord, TenantRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock

TRIAGE: Final = "autopilot.support.triage"
CORRECTIONS: Final = "triage-corrections"
"""The dataset that holds them: a payload names it as `corrections`."""

_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class CorrectTriage:
    """Adds corrections to a dataset, a line of JSON each; the last one of a text holds."""

    storage: Storage
    store: DatasetStore
    clock: Clock

    async def __call__(
        self, job_id: UUID, category: str, tenant: TenantRecord, actor: Actor
    ) -> DatasetRecord:
        """Keep the category as the right one for the job's ticket.

        Raises:
            Missing: the tenant has no such job.
            InvalidInput: it is no triage, or the category is no name.
            Conflict: others kept correcting meanwhile.
        """
        check_name(category, "category")
        async with self.storage.transaction(tenant.tenant_id) as unit:
            job = await unit.jobs.find(job_id)
        line = _to_line(job, category)
        for _ in range(_TRIES):
            async with self.storage.transaction(tenant.tenant_id) as unit:
                known = await unit.datasets.find(CORRECTIONS, None)
            base = None if known is None else Path(known.path)
            stored = await self.store.append(tenant.tenant_id, base, line)
            dataset = DatasetRecord(
                project_id=None,
                name=CORRECTIONS,
                path=str(stored.path),
                format=stored.format,
                size=stored.size,
                checksum=stored.checksum,
                row_count=stored.row_count,
                columns=stored.columns,
                created_at=self.clock.now(),
            )
            try:
                async with self.storage.transaction(tenant.tenant_id) as unit:
                    if await _put(unit, known, dataset):
                        entry = _entry(unit, dataset, job_id, category, actor)
                        await unit.audit.append([entry])
                        return dataset
            except AlreadyExists:
                continue
        raise Conflict("others correct tickets at this moment; try again")


async def _put(unit: TenantUnit, known: DatasetRecord | None, dataset: DatasetRecord) -> bool:
    """Take the place of the one that was added to; False where that is another one by now."""
    current = await unit.datasets.find(CORRECTIONS, None)
    if (current and current.checksum) != (known and known.checksum):
        return False
    if current is not None and not await unit.datasets.remove(CORRECTIONS, None):
        return False
    await unit.datasets.insert(dataset)
    return True


def _to_line(job: JobRecord | None, category: str) -> str:
    if job is None:
        raise Missing("there is no such job")
    if job.job_type != TRIAGE:
        raise InvalidInput(f"only a result of {TRIAGE} is corrected so")
    payload: dict[str, Any] = json.loads(job.payload)
    content = payload["ticket_content"]
    row = {
        "ticket_id": payload["ticket_id"],
        "subject": content["subject"],
        "body": content["body"],
        "category": category,
    }
    return json.dumps(row, ensure_ascii=False)


def _entry(
    unit: TenantUnit, dataset: DatasetRecord, job_id: UUID, category: str, actor: Actor
) -> AuditEntry:
    return AuditEntry(
        tenant_id=unit.tenant_id,
        at=dataset.created_at,
        actor=actor.name,
        event="triage.corrected",
        subject=f"job:{job_id}",
        details={"category": category, "dataset": CORRECTIONS, "checksum": dataset.checksum},
    )
