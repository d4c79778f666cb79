"""What `benchmarks` wait for comes, or they say why it doesn't."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from benchmarks.children import WorkerDiedError, workers
from benchmarks.peers import CannotMeasureError, check_redis
from pydantic import SecretStr

from jobforge.config import Settings

if TYPE_CHECKING:
    from jobforge.adapters.postgres.access import DatabaseAccess

FOR_EVER = 60.0


async def test_a_worker_that_does_not_start_is_an_error(
    database_access: DatabaseAccess, tmp_path: Path
) -> None:
    nowhere = urlsplit(database_access.owner_dsn)._replace(path="/nowhere").geturl()
    settings = Settings(home=tmp_path, database_url=SecretStr(nowhere))

    with pytest.raises(WorkerDiedError):
        async with asyncio.timeout(FOR_EVER), workers(settings, 1, "jobforge"):
            await asyncio.Event().wait()


async def kill_one(settings: Settings) -> None:
    async with asyncio.timeout(FOR_EVER), workers(settings, 1, "jobforge") as (process,):
        process.kill()
        await asyncio.Event().wait()


async def test_a_worker_that_dies_ends_what_waits_for_it(
    database_access: DatabaseAccess, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, database_url=SecretStr(database_access.owner_dsn))

    with pytest.raises(WorkerDiedError):
        await kill_one(settings)


def test_without_its_broker_celery_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotMeasureError, match="apt-get install redis-server"):
        check_redis()
