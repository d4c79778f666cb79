"""PgQueuer as the wake-up: its rows say which job to look at, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast
from uuid import UUID

from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.db import AsyncpgDriver, Driver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import Queries
from typing_extensions import override

from jobforge.adapters.postgres.database import Connection
from jobforge.core.job_type import Isolation
from jobforge.ports.engine import JobRef

if TYPE_CHECKING:
    import asyncpg
    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

SCHEMA = "pgqueuer"
LANES: tuple[Isolation, ...] = ("inline", "process")
"""Jobs that wait and jobs that compute are handed out apart: a worker takes of each what it can."""

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Released:
    """A job to put into the queue."""

    tenant_id: UUID
    job_id: UUID
    lane: Isolation


class _OwnSettings(DBSettings):
    """PgQueuer's settings, deaf to the environment: a stray variable must not move its tables."""

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_args: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@cache
def queue_settings() -> DBSettings:
    """Where PgQueuer's objects lie, whatever the environment says."""
    return _OwnSettings(db_schema=SCHEMA)


def queries_on(driver: Driver) -> Queries:
    """PgQueuer's queries over a driver, in our schema."""
    settings = queue_settings()
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(settings),
        qbq=QueryQueueBuilder(settings),
        qbs=QuerySchedulerBuilder(settings),
    )


async def enqueue(connection: Connection, jobs: Sequence[Released]) -> None:
    """Put jobs into the queue, in the connection's own transaction.

    All have one priority here: a tenant's own priorities order its releases, so that nobody gets
    ahead of another tenant by calling everything urgent.
    """
    if not jobs:
        return
    # A pooled connection has every method of the connection behind it.
    driver = AsyncpgDriver(cast("asyncpg.Connection[asyncpg.Record]", connection))
    await queries_on(driver).enqueue(
        [to_entrypoint(job.lane) for job in jobs],
        [job.tenant_id.bytes + job.job_id.bytes for job in jobs],
        [0] * len(jobs),
    )


def to_entrypoint(lane: Isolation) -> str:
    """What PgQueuer calls a lane."""
    return f"jobforge.{lane}"


def to_released(row: asyncpg.Record) -> Released:
    """A row of `release_jobs` or `find_stranded_jobs`."""
    return Released(row["tenant_id"], row["job_id"], row["lane"])


def to_ref(payload: bytes | None) -> JobRef:
    """Read a queue row's payload.

    Raises:
        ValueError: it is not one of ours.
    """
    if payload is None or len(payload) != 2 * _ID_BYTES:
        raise ValueError("a queue row holds a tenant id and a job id")
    return JobRef(UUID(bytes=payload[:_ID_BYTES]), UUID(bytes=payload[_ID_BYTES:]))
