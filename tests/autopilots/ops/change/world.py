"""A context whose targets are real: git below a folder, PostgreSQL, and an endpoint in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
from typing_extensions import override

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.probes.postgres import PostgresProbe
from jobforge.adapters.targets.databases import PostgresDatabases
from jobforge.adapters.targets.git import GitRepositories
from jobforge.adapters.targets.workspace import TenantWorkspace
from jobforge.autopilots.ops.apply import APPLY
from jobforge.autopilots.ops.change.request import ApplyPayload
from jobforge.core.context import Row
from jobforge.core.egress import EgressPolicy
from jobforge.core.targets import EndpointAnswer, EndpointCall
from jobforge.testing.context import MemoryContext, MemoryProbes
from jobforge.testing.targets import MemoryEndpoints, MemoryJournal


class OwnSessions:
    """Sessions on the tests' server, whatever the connection is called."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._dsn = access.owner_dsn

    @asynccontextmanager
    async def open(self, connection: str) -> AsyncIterator[Any]:
        session = await asyncpg.connect(self._dsn, server_settings={"application_name": connection})
        try:
            yield session
        finally:
            session.terminate()


@dataclass
class OwnProbes(MemoryProbes):
    """Probes whose PostgreSQL is the tests' server."""

    real: PostgresProbe | None = None

    @override
    async def postgres(
        self, connection: str, queries: Mapping[str, str], *, timeout: timedelta
    ) -> dict[str, list[Row]]:
        assert self.real is not None
        return await self.real.read(connection, queries, timeout=timeout)


@dataclass
class Pager:
    """An endpoint with a switch; it keeps the keys it saw and may repeat none of them."""

    is_on: bool = False
    status: int = 200
    fault: Exception | None = None
    applied: list[str] = field(default_factory=list)

    def answer(self, call: EndpointCall) -> EndpointAnswer:
        if call.method == "GET":
            return EndpointAnswer(status=200, body=b'{"on": %s}' % str(self.is_on).lower().encode())
        if self.status < 400:
            self.is_on = call.path == "/on"
            self.applied.append(str(call.idempotency_key))
        if self.fault is not None:
            raise self.fault
        return EndpointAnswer(status=self.status, body=b"said the pager")


def with_git(folder: Path) -> MemoryContext:
    async def find(name: str) -> dict[str, Any]:
        raise AssertionError(name)

    git = GitRepositories(
        folder, AddressGuard(EgressPolicy.parse("")), find, stale_lock=timedelta(0)
    )
    return MemoryContext(workspace=TenantWorkspace(folder), repositories=git)  # type: ignore[arg-type]  # the same protocol


def with_postgres(access: DatabaseAccess) -> MemoryContext:
    sessions: Any = OwnSessions(access)
    return MemoryContext(
        probes=OwnProbes(real=PostgresProbe(sessions)), databases=PostgresDatabases(sessions)
    )


def with_pager(pager: Pager, *, honours_keys: bool = False) -> MemoryContext:
    endpoints = MemoryEndpoints(
        answers={"pager": pager.answer}, honouring={"pager"} if honours_keys else set()
    )
    return MemoryContext(endpoints=endpoints)


def next_attempt(context: MemoryContext, *, number: int = 2, of: int = 10) -> MemoryContext:
    """The same world for another attempt of the same job."""
    return replace(
        context, job=context.job.model_copy(update={"attempt": number, "max_attempts": of})
    )


def payload(*changes: dict[str, Any], **more: Any) -> ApplyPayload:  # noqa: ANN401 (any JSON value)
    return APPLY.parse_payload({"recommendation_id": "rec-7", "changes": list(changes)} | more)


async def states(context: MemoryContext) -> list[tuple[int | None, str]]:
    assert isinstance(context.journal, MemoryJournal)
    return [(entry.step, entry.state) for entry in context.journal.lines]
