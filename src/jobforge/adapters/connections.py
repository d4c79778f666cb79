"""Opens a tenant's sealed connections, and asks who answers at one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from jobforge.adapters.http.connected import parse_http_login
from jobforge.core.actor import Actor
from jobforge.core.context import HttpClient, HttpRequest, Probes
from jobforge.core.errors import ConnectionMissing
from jobforge.ports.data import SecretsBox
from jobforge.ports.records import TenantRecord
from jobforge.ports.runtime import Reach
from jobforge.ports.storage import Storage

PROBE_TIMEOUT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """Opens connections."""

    storage: Storage
    box: SecretsBox

    async def __call__(self, tenant_id: UUID, kind: str, name: str) -> dict[str, Any]:
        """The settings of a tenant's connection.

        Raises:
            ConnectionMissing: there is none of this name, or it is of another kind.
        """
        async with self.storage.transaction(tenant_id) as unit:
            record = await unit.connections.find(name)
        if record is None or record.kind != kind:
            raise ConnectionMissing(
                f"there is no {kind} connection {name}",
                hint=f"jobforge connection add {name} --kind {kind}",
            )
        return self.box.open(record.sealed, tenant_id=tenant_id, name=name)


@dataclass(frozen=True, slots=True)
class ProbeConnection:
    """Asks who answers."""

    storage: Storage
    open_connection: OpenConnection
    make_probes: Callable[[UUID, Reach], Probes]
    make_http: Callable[[UUID], HttpClient]

    async def __call__(self, tenant: TenantRecord, actor: Actor, name: str) -> str:
        """Open a tenant's connection and say in words what answered."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            record = await unit.connections.find(name)
        if record is not None and record.kind == "http":
            return await self._probe_http(tenant.tenant_id, name)
        probes = self.make_probes(tenant.tenant_id, Reach(is_host_allowed=actor.is_local))
        queries = {"version": "SELECT version()"}
        rows = await probes.postgres(name, queries, timeout=PROBE_TIMEOUT)
        return str(rows["version"][0]["version"])

    async def _probe_http(self, tenant_id: UUID, name: str) -> str:
        settings = await self.open_connection(tenant_id, "http", name)
        request = HttpRequest(url=str(parse_http_login(name, settings).base), connection=name)
        response = await self.make_http(tenant_id).fetch(request)
        return f"{request.url} answers with {response.status}"
