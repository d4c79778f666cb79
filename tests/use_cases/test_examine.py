"""The doctor says what is wrong, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.application import look

from jobforge.ports.telemetry import Backlog

if TYPE_CHECKING:
    from tests.application import Harness

    from jobforge.ports.system import Clock
    from jobforge.use_cases.examine import Check

_QUIET = Backlog(waiting=0, released=0, running=0, stuck=0, oldest=timedelta(0))


@dataclass(frozen=True)
class WrongClock:
    """A clock that is off."""

    inner: Clock
    by: timedelta

    def now(self) -> datetime:
        return self.inner.now() + self.by


@dataclass(frozen=True)
class Seen:
    """An overview that sees what a test wants."""

    clock: Clock
    backlog: Backlog
    is_worked: bool

    async def measure_backlog(self, at: datetime) -> Backlog:  # noqa: ARG002 (the port's signature)
        return self.backlog

    async def database_time(self) -> datetime:
        return self.clock.now()

    async def is_worker_present(self) -> bool:
        return self.is_worked


async def examine(app: Harness, **changes: object) -> dict[str, Check]:
    return {check.name: check for check in await replace(app.app.examine, **changes)()}  # type: ignore[arg-type]  # fields of several types


async def test_all_is_well_where_nothing_is_wrong(app: Harness) -> None:
    await app.run(look(1))

    checks = await examine(app)

    assert [check.name for check in checks.values() if not check.is_well] == []
    assert checks["backlog"].message == "nothing waits, no worker runs"
    assert checks["audit"].message == "1 chains hold, 4 entries"


async def test_a_clock_that_is_off_is_told(app: Harness) -> None:
    for by in (timedelta(minutes=-2), timedelta(minutes=2)):
        check = (await examine(app, clock=WrongClock(app.app.clock, by)))["clock"]

        assert not check.is_well
        assert "by 120" in check.message or "by 119" in check.message


async def test_work_that_nobody_does_is_told(app: Harness) -> None:
    late = replace(_QUIET, waiting=3, released=2, running=1, oldest=timedelta(minutes=7))

    alone = (await examine(app, overview=Seen(app.app.clock, late, is_worked=False)))["backlog"]
    worked = (await examine(app, overview=Seen(app.app.clock, late, is_worked=True)))["backlog"]

    assert not alone.is_well
    assert alone.message == (
        "5 jobs wait, 1 run; the oldest could have run 7 min 0 s ago, no worker runs"
    )
    assert alone.hint == "Start one: jobforge worker"
    assert worked.hint is not None
    assert "cap, switches and windows" in worked.hint


async def test_stuck_jobs_are_told(app: Harness) -> None:
    stuck = Seen(app.app.clock, replace(_QUIET, running=2, stuck=2), is_worked=True)

    check = (await examine(app, overview=stuck))["stuck jobs"]

    assert (check.is_well, check.message[:2]) == (False, "2 ")


async def test_a_broken_chain_is_told(app: Harness) -> None:
    await app.run(look(1))
    await app.alter("UPDATE jobforge.audit_events SET actor = 'nobody' WHERE seq = 2")

    check = (await examine(app))["audit"]

    assert not check.is_well
    assert "entry 2 does not have the hash" in check.message
