"""Show events, and what the rules made of them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from jobforge.core.errors import Missing
from jobforge.ports.events import EvaluationRecord, EventRecord
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage


@dataclass(frozen=True, slots=True)
class ShowEvents:
    """Reads events."""

    storage: Storage

    async def newest(self, tenant: TenantRecord, limit: int) -> tuple[EventRecord, ...]:
        """The tenant's newest events."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.events.newest(limit)

    async def __call__(
        self, event_id: UUID, tenant: TenantRecord
    ) -> tuple[EventRecord, dict[str, EvaluationRecord]]:
        """An event, and each rule's verdict by the rule's name (its id where it was removed).

        Raises:
            Missing: the tenant has no such event.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            event = await unit.events.find(event_id)
            verdicts = await unit.triggers.of_event(event_id)
            names = {rule.rule_id: rule.name for rule in await unit.triggers.all()}
        if event is None:
            raise Missing(f"there is no event {event_id}", hint="jobforge event list --tenant T")
        return event, {names.get(v.rule_id, str(v.rule_id)): v for v in verdicts}
