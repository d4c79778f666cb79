"""PgQueuer as the wake-up: its rows say which job to look at, and nothing else."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.domain.settings import DBSettings
from pgqueuer.queries import Queries
from typing_extensions import override

from jobforge.core.job_type import Isolation
from jobforge.ports.engine import JobRef

if TYPE_CHECKING:
    from pgqueuer.db import Driver
    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

SCHEMA = "pgqueuer"
LANES: tuple[Isolation, ...] = ("inline", "process")
"""Jobs that wait and jobs that compute are handed out apart: a worker takes of each what it can."""

JOBS_PER_ROW: dict[Isolation, int] = {"inline": 10, "process": 1}
"""How many jobs of a tenant one queue row names at most; `release_jobs` knows it, too.

To hand out a row costs more than to run a job that only waits. One that computes goes alone, to
whichever worker has a process free.
"""

_ID_BYTES = 16


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


def to_entrypoint(lane: Isolation) -> str:
    """What PgQueuer calls a lane."""
    return f"jobforge.{lane}"


def to_payload(ref: JobRef) -> bytes:
    """A queue row's payload for one job. A tenant's release puts several jobs into one row."""
    return ref.tenant_id.bytes + ref.job_id.bytes


def to_refs(payload: bytes | None) -> tuple[JobRef, ...]:
    """Read a queue row's payload: some jobs of one tenant.

    Raises:
        ValueError: it is not one of ours.
    """
    if payload is None or len(payload) < 2 * _ID_BYTES or len(payload) % _ID_BYTES:
        raise ValueError("a queue row holds a tenant id and job ids")
    tenant_id = UUID(bytes=payload[:_ID_BYTES])
    return tuple(
        JobRef(tenant_id, UUID(bytes=payload[start : start + _ID_BYTES]))
        for start in range(_ID_BYTES, len(payload), _ID_BYTES)
    )
