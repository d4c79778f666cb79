"""A worker outlives what breaks between it and the database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError
from tests.application import Harness, look

from jobforge.adapters.engine import starter as starter_module
from jobforge.adapters.engine import worker as worker_module
from jobforge.adapters.engine.driver import ListeningDriver
from jobforge.adapters.engine.engine import PostgresEngine
from jobforge.adapters.engine.starter import Starter
from jobforge.adapters.postgres.database import Database
from jobforge.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager


@pytest.mark.parametrize(
    "fault",
    [
        FailingListenerError(),
        Unavailable("gone"),
        asyncpg.InterfaceError("closed"),
        OSError(),
        asyncpg.QueryCanceledError("canceled"),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.DiskFullError("full"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_lane_that_loses_the_database_is_taken_up_again(
    app: Harness, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    run: Callable[..., Awaitable[None]] = QueueManager.run
    faults = [fault]

    async def break_first(manager: QueueManager, **how: Any) -> None:  # noqa: ANN401 (as PgQueuer)
        if faults:
            raise faults.pop()
        await run(manager, **how)

    monkeypatch.setattr(QueueManager, "run", break_first)
    monkeypatch.setattr(worker_module, "PAUSE_AFTER_FAULT", worker_module.PAUSE_AFTER_FAULT / 50)
    result = await app.execute(app.bundle(look(1)))

    await app.work()

    assert not faults
    assert [child.status for child in (await app.show(result)).child_runs] == ["executed"]


async def test_a_canceled_listen_does_not_end_what_starts_work(
    app: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = app.app.database
    listen = Database.listen
    faults: list[Exception] = [asyncpg.QueryCanceledError("canceled"), Unavailable("gone")]
    looked = asyncio.Event()

    def break_first(*how: Any) -> AbstractAsyncContextManager[None]:  # noqa: ANN401 (as `listen`)
        if faults:
            raise faults.pop()
        return listen(*how)

    async def note() -> int:
        looked.set()
        return 0

    monkeypatch.setattr(Database, "listen", break_first)
    monkeypatch.setattr(starter_module, "PAUSE_AFTER_FAULT", starter_module.PAUSE_AFTER_FAULT / 50)
    running = asyncio.create_task(Starter(database, (note,)).run())
    seen = asyncio.create_task(looked.wait())

    await asyncio.wait([running, seen], return_when=asyncio.FIRST_COMPLETED, timeout=30)

    is_running = not running.done()
    # It comes with the word that there may be something new, and must not get lost in it.
    running.cancel()
    await asyncio.wait([running], timeout=30)
    assert is_running
    assert seen.done()
    assert running.cancelled()


async def test_a_listener_is_not_probed_before_it_listens(app: Harness) -> None:
    driver = ListeningDriver(app.app.database.pool)
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async with driver:
        early = asyncio.create_task(driver.notify("probe", "are you there?"))
        await asyncio.sleep(0.05)
        await driver.add_listener("probe", heard.put_nowait)

        async with asyncio.timeout(5):
            assert await heard.get() == "are you there?"
        await early


@pytest.mark.parametrize(
    "fault",
    [Unavailable("gone"), asyncpg.QueryCanceledError("canceled"), asyncpg.DiskFullError("full")],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_fault_of_the_sweep_does_not_end_the_worker(
    app: Harness, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    sweep = PostgresEngine.sweep
    calls: list[int] = []
    swept_again = asyncio.Event()

    async def fail_the_second(engine: PostgresEngine) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise fault
        if len(calls) > 2:
            swept_again.set()
        return await sweep(engine)

    monkeypatch.setattr(PostgresEngine, "sweep", fail_the_second)
    monkeypatch.setattr(worker_module, "SWEEP_EVERY", worker_module.SWEEP_EVERY / 600)
    worker = app.app.make_worker(10)
    work = asyncio.create_task(worker.run())

    again = asyncio.create_task(swept_again.wait())

    await asyncio.wait([work, again], return_when=asyncio.FIRST_COMPLETED, timeout=60)

    is_working = not work.done()
    worker.stop()
    await work
    assert is_working
    assert again.done()
