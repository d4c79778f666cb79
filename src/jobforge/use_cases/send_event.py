"""Store an event; a worker judges it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from jobforge.core.errors import InvalidInput, Missing
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock, IdSource
from jobforge.steps.read_event import read_event


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Where the event is. The very same event sent again is not stored again."""

    event_id: UUID
    is_new: bool


@dataclass(frozen=True, slots=True)
class SendEvent:
    """Takes events. Storing is all: what they start is decided afterwards, and survives a crash."""

    storage: Storage
    clock: Clock
    ids: IdSource

    async def __call__(
        self, raw: bytes, tenant: TenantRecord, *, confined_to: UUID | None = None
    ) -> StoredEvent:
        """Store the event; who is confined to one project sends those of that project.

        Raises:
            ContractViolation: it is no event, or another tenant's.
            InvalidInput: the tenant has no project of its project id.
            Missing: the sender is confined to another project.
        """
        event = read_event(raw, tenant.tenant_id)
        wanted = event.envelope.project_id
        if confined_to is not None and (wanted or "").lower() != str(confined_to):
            raise Missing
        async with self.storage.transaction(tenant.tenant_id) as unit:
            projects = {str(project.project_id) for project in await unit.projects.all()}
            if wanted is not None and wanted.lower() not in projects:
                raise InvalidInput(f"there is no project {wanted}", pointer="/project_id")
            event_id = self.ids.uuid()
            stored = await unit.events.insert(event.to_record(event_id, self.clock.now()))
        return StoredEvent(stored, is_new=stored == event_id)
