"""Add a connection, list them, test one, forget one."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import ConnectionMissing, InvalidInput
from jobforge.core.names import check_name
from jobforge.ports.data import SecretsBox
from jobforge.ports.records import ConnectionRecord, TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock

KINDS = ("postgres", "http", "git")

_SHAPES = {
    "postgres": (r"postgres(ql)?://\S+", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
    "http": (r"https?://[^\s/]+\S*", "https://USER:PASSWORD@HOST/PATH"),
    "git": (r"[a-z+]+://\S+|[^\s@:]+@[^\s:]+:\S+", "https://USER:TOKEN@HOST/REPOSITORY.git"),
}

Probe = Callable[[TenantRecord, Actor, str], Awaitable[str]]
"""Opens a tenant's connection of a name and says in words what answered."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Keeps the register of connections; their settings are sealed, and never shown again."""

    storage: Storage
    box: SecretsBox
    clock: Clock
    probe: Probe

    async def add(
        self, name: str, kind: str, settings: Mapping[str, Any], tenant: TenantRecord, actor: Actor
    ) -> None:
        """Seal the settings and register them under `name`.

        Raises:
            InvalidInput: the kind is unknown, or the settings have no `url`.
            AlreadyExists: the name is taken.
        """
        check_name(name, "connection name")
        if kind not in KINDS:
            raise InvalidInput(f"there is no kind {kind}", hint=f"one of {', '.join(KINDS)}")
        if not isinstance(settings.get("url"), str):
            raise InvalidInput("a connection's settings need a url", pointer="/url")
        record = ConnectionRecord(
            name=name,
            kind=kind,
            sealed=self.box.seal(dict(settings), tenant_id=tenant.tenant_id, name=name),
            created_at=self.clock.now(),
        )
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await unit.connections.insert(record)
            await unit.audit.append([self._entry("connection.added", name, tenant, actor)])

    async def all(self, tenant: TenantRecord) -> tuple[ConnectionRecord, ...]:
        """The tenant's connections, by name."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.connections.all()

    async def test(self, name: str, tenant: TenantRecord, actor: Actor) -> str:
        """Open the connection and say what answered.

        Raises:
            ConnectionMissing: there is none of that name.
            TargetUnavailable: nothing answered.
            EgressDenied: its address may not be reached from here.
        """
        return await self.probe(tenant, actor, name)

    async def remove(self, name: str, tenant: TenantRecord, actor: Actor) -> None:
        """Forget the connection and its credentials.

        Raises:
            ConnectionMissing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            if not await unit.connections.remove(name):
                raise ConnectionMissing(
                    f"there is no connection {name}",
                    hint=f"jobforge connection list --tenant {tenant.slug}",
                )
            await unit.audit.append([self._entry("connection.removed", name, tenant, actor)])

    def _entry(self, event: str, name: str, tenant: TenantRecord, actor: Actor) -> AuditEntry:
        return AuditEntry(
            tenant_id=tenant.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event=event,
            subject=f"connection:{name}",
            details={},
        )


def check_url(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, if their URL has the shape of its kind. What was given is never shown.

    Raises:
        InvalidInput: it has not.
    """
    shape, example = _SHAPES.get(kind, (".*", ""))
    url = settings.get("url")
    if isinstance(url, str) and not re.fullmatch(shape, url):
        raise InvalidInput(f"that is no URL of a {kind} connection", hint=f"give {example}")
    return settings
