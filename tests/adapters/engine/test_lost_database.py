"""A worker outlives what breaks between it and the database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError
from tests.application import Harness, look

from jobforge.adapters.engine import worker as worker_module
from jobforge.adapters.engine.driver import ListeningDriver
from jobforge.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.mark.parametrize(
    "fault",
    [FailingListenerError(), Unavailable("gone"), asyncpg.InterfaceError("closed"), OSError()],
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
