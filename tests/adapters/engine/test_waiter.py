"""Waiting for runs: with a worker elsewhere, without any, and when the others' worker goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from tests.application import Harness, Text, make_type, open_harness, say

from jobforge.adapters.engine.presence import is_anyone_present, present
from jobforge.core.context import JobContext
from jobforge.core.errors import HandlerFailed, Missing

if TYPE_CHECKING:
    from jobforge.adapters.postgres.access import DatabaseAccess
    from jobforge.contract.results import BundleResult
    from jobforge.ports.runtime import RunProgress


async def slow(payload: Text, context: JobContext) -> Text:
    await context.progress(0.5, "half way")
    await asyncio.sleep(0.3)
    return payload


async def at_the_second(payload: Text, context: JobContext) -> Text:
    if context.job.attempt == 1:
        await asyncio.sleep(0.5)
        raise HandlerFailed("not yet")
    return payload


_TYPES = [make_type("slow", slow), make_type("second", at_the_second)]


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    async with open_harness(database_access, tmp_path, job_types=_TYPES) as harness:
        yield harness


async def wait(app: Harness, result: BundleResult) -> list[RunProgress]:
    seen: list[RunProgress] = []
    assert result.bundle_run_id is not None
    async with asyncio.timeout(20):
        await app.app.waiter.wait_closed(app.tenant.tenant_id, result.bundle_run_id, seen.append)
    return seen


async def test_without_a_worker_the_waiting_process_works_and_reports_progress(
    app: Harness,
) -> None:
    result = await app.execute(app.bundle(say(1, job_type="autopilot.ops.slow"), say(2)))

    seen = await wait(app, result)

    assert (await app.show(result)).summary.executed == 2
    assert (seen[0].done, seen[-1].done, seen[-1].total) == (0, 2, 2)
    assert ("say-1", 0.5, "half way") in [line for progress in seen for line in progress.running]
    assert not await is_anyone_present(app.app.database)


async def test_with_a_worker_elsewhere_the_waiting_process_does_not_work(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))

    async with present(app.app.database):
        waiting = asyncio.create_task(wait(app, result))
        await asyncio.sleep(1.5)
        queued = await app.show(result)
        await app.work()
        await waiting

    assert queued.summary.queued == 1
    assert (await app.show(result)).summary.executed == 1


async def test_whoever_relied_on_another_process_goes_on_when_that_is_done(app: Harness) -> None:
    short = await app.execute(app.bundle(say(1, job_type="autopilot.ops.slow")))
    long = await app.execute(app.bundle(say(2, job_type="autopilot.ops.second")))
    first = asyncio.create_task(wait(app, short))
    async with asyncio.timeout(10):
        while not await is_anyone_present(app.app.database):  # noqa: ASYNC110 (a row of the server's)
            await asyncio.sleep(0.01)

    await asyncio.gather(first, wait(app, long))

    assert (await app.show(long)).summary.executed == 1


async def test_asking_who_is_there_does_not_look_like_a_worker(app: Harness) -> None:
    answers = await asyncio.gather(*(is_anyone_present(app.app.database) for _ in range(50)))

    assert set(answers) == {False}


async def test_a_run_that_is_not_there_is_not_waited_for(app: Harness) -> None:
    with pytest.raises(Missing):
        await app.app.waiter.wait_closed(app.tenant.tenant_id, UUID(int=1), lambda _: None)
