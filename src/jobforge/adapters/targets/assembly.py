"""What a tenant's actions may change beyond the workspace, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.probes.postgres_sessions import PostgresSessions
from jobforge.adapters.targets.databases import PostgresDatabases
from jobforge.adapters.targets.endpoints import HttpEndpoints
from jobforge.adapters.targets.git import GitRepositories
from jobforge.core.context import HttpClient
from jobforge.core.targets import Databases, Endpoints, Repositories

OpenConnection = Callable[[UUID, str, str], Awaitable[dict[str, Any]]]
"""The settings of a tenant's connection of a kind and name; raises ConnectionMissing."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Repositories, databases and endpoints of one tenant."""

    repositories: Repositories
    databases: Databases
    endpoints: Endpoints


def make_targets(
    guard: AddressGuard,
    make_http: Callable[[UUID], HttpClient],
    open_connection: OpenConnection,
    tenant_id: UUID,
    folder: Path,
) -> Targets:
    """Over the tenant's connections and its folder, behind the one address check."""
    find = partial(open_connection, tenant_id)
    return Targets(
        repositories=GitRepositories(folder, guard, partial(find, "git")),
        databases=PostgresDatabases(PostgresSessions(guard, partial(find, "postgres"))),
        endpoints=HttpEndpoints(make_http(tenant_id), partial(find, "http")),
    )
