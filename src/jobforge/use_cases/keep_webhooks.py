"""Add an endpoint, list them, give one another secret, look at what it is told."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import InvalidInput, Missing
from jobforge.core.names import check_name
from jobforge.core.webhook import check_endpoint
from jobforge.ports.data import SecretsBox
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock, IdSource, SecretSource
from jobforge.ports.webhooks import DeliveryRecord, WebhookRecord
from jobforge.steps.webhook_secrets import GRACE, KeptSecret, open_secrets, seal_secrets

SECRET_BYTES = 32
MAX_GRACE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CreatedWebhook:
    """An endpoint with a new secret, which is shown once."""

    record: WebhookRecord
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Keeps a tenant's endpoints. Their secrets are sealed, and shown once."""

    storage: Storage
    box: SecretsBox
    clock: Clock
    ids: IdSource
    secrets: SecretSource

    async def add(
        self, name: str, url: str, events: Sequence[str], tenant: TenantRecord, actor: Actor
    ) -> CreatedWebhook:
        """Add one; with no events it is told of all of them.

        Raises:
            InvalidInput: the name or the URL is not valid, or there is no such event.
            AlreadyExists: the name is taken.
        """
        check_name(name, "webhook's name")
        wanted = tuple(sorted(set(events)))
        check_endpoint(url, wanted)
        webhook_id, secret, now = self.ids.uuid(), self._new_secret(), self.clock.now()
        sealed = seal_secrets(self.box, tenant.tenant_id, webhook_id, [KeptSecret(secret, None)])
        record = WebhookRecord(webhook_id, name, url, wanted, sealed, actor.name, now)
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await unit.webhooks.insert(record)
            details = {"url": url, "events": list(wanted)}
            entry = self._entry("webhook.added", name, tenant, actor, details)
            await unit.audit.append([entry])
        return CreatedWebhook(record, secret)

    async def all(self, tenant: TenantRecord) -> tuple[WebhookRecord, ...]:
        """The tenant's endpoints, by name."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.webhooks.all()

    async def show(self, name: str, tenant: TenantRecord) -> WebhookRecord:
        """The endpoint of this name.

        Raises:
            Missing: there is none.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await _find(unit, name, tenant)

    async def rotate(
        self, name: str, tenant: TenantRecord, actor: Actor, *, grace: timedelta = GRACE
    ) -> CreatedWebhook:
        """Give it another secret. Messages are signed with the old one, too, until the grace ends.

        Raises:
            Missing: there is none of that name.
            InvalidInput: the grace is negative, or longer than 30 days.
        """
        if not timedelta(0) <= grace <= MAX_GRACE:
            raise InvalidInput("the grace is between nothing and 30 days")
        now, secret = self.clock.now(), self._new_secret()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            record = await _find(unit, name, tenant)
            kept = open_secrets(self.box, tenant.tenant_id, record.webhook_id, record.sealed, now)
            older = [old.ending_by(now + grace) for old in kept] if grace else []
            sealed = seal_secrets(
                self.box, tenant.tenant_id, record.webhook_id, [KeptSecret(secret, None), *older]
            )
            await unit.webhooks.reseal(record.webhook_id, sealed)
            details = {"grace_seconds": int(grace.total_seconds())}
            await unit.audit.append([self._entry("webhook.rotated", name, tenant, actor, details)])
        return CreatedWebhook(record, secret)

    async def remove(self, name: str, tenant: TenantRecord, actor: Actor) -> None:
        """Forget it, and all that was to be told it.

        Raises:
            Missing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await _find(unit, name, tenant)
            await unit.webhooks.remove(name)
            await unit.audit.append([self._entry("webhook.removed", name, tenant, actor, {})])

    async def deliveries(
        self, name: str, tenant: TenantRecord, limit: int
    ) -> tuple[DeliveryRecord, ...]:
        """What it is or was to be told, the newest first.

        Raises:
            Missing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            record = await _find(unit, name, tenant)
            return await unit.webhooks.deliveries(record.webhook_id, limit)

    async def replay(
        self, name: str, delivery_id: UUID, tenant: TenantRecord, actor: Actor
    ) -> None:
        """Deliver something anew from now on, whatever became of it.

        Raises:
            Missing: there is no such endpoint, or no such delivery of it.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            record = await _find(unit, name, tenant)
            if not await unit.webhooks.replay(record.webhook_id, delivery_id, self.clock.now()):
                raise Missing(f"{name} has no delivery {delivery_id}")
            details = {"delivery_id": str(delivery_id)}
            entry = self._entry("webhook.replayed", name, tenant, actor, details)
            await unit.audit.append([entry])

    def _new_secret(self) -> str:
        """Source: Standard Webhooks specification 1.0, "Signature scheme": 24 to 64 bytes."""
        return f"whsec_{base64.b64encode(self.secrets.secret(SECRET_BYTES)).decode()}"

    def _entry(
        self,
        event: str,
        name: str,
        tenant: TenantRecord,
        actor: Actor,
        details: Mapping[str, object],
    ) -> AuditEntry:
        return AuditEntry(
            tenant_id=tenant.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event=event,
            subject=f"webhook:{name}",
            details=details,
        )


async def _find(unit: TenantUnit, name: str, tenant: TenantRecord) -> WebhookRecord:
    record = await unit.webhooks.find(name)
    if record is None:
        hint = f"jobforge webhook list --tenant {tenant.slug}"
        raise Missing(f"there is no webhook {name}", hint=hint)
    return record
