"""Schedules: added with care, fired exactly once whoever looks, and recovered after a kill."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from tests.application import OPERATOR, Harness, change, look, say
from tests.promises.test_secrets import dump

from jobforge.core.errors import AlreadyExists, Conflict, InvalidInput, Missing, PolicyTokenRefused
from jobforge.core.schedule import Timing
from jobforge.ports.starting import DueSchedule
from jobforge.steps.intake import Submission
from jobforge.steps.prepare_work import WorkWish

if TYPE_CHECKING:
    from jobforge.ports.starting import FiringRecord, ScheduleRecord
    from jobforge.use_cases.fire_schedules import FireSchedules

HOURLY = Timing(cron="0 * * * *", at=None)


@dataclass
class SetClock:
    """A clock that stands where it was put."""

    time: datetime = field(default_factory=lambda: datetime(2027, 3, 1, 8, 30, tzinfo=UTC))

    def now(self) -> datetime:
        return self.time


async def add(
    app: Harness,
    wish: WorkWish,
    timing: Timing = HOURLY,
    name: str = "nightly",
    **changes: Any,  # noqa: ANN401 (any field)
) -> ScheduleRecord:
    submission = Submission(app.tenant, OPERATOR, "execute", **changes)
    return await app.app.schedules.add(name, timing, wish, submission)


def firing(app: Harness, at: datetime) -> FireSchedules:
    return replace(app.app.fire_schedules, clock=SetClock(at))


async def fire_when_due(app: Harness, name: str = "nightly") -> FiringRecord:
    """Fire the next occurrence, on time; what became of it."""
    schedule, _ = await app.app.schedules.show(name, app.tenant)
    assert schedule.fires_at is not None
    assert await firing(app, schedule.fires_at)() == 1
    _, (newest, *_) = await app.app.schedules.show(name, app.tenant)
    return newest


async def jobs(app: Harness) -> list[tuple[str, str]]:
    rows = await app.rows("SELECT job_type, status FROM jobforge.jobs ORDER BY job_type, status")
    return [(row[0].rpartition(".")[2], row[1]) for row in rows]


async def wait_until(app: Harness, wanted: list[tuple[str, str]]) -> None:
    async with asyncio.timeout(70):
        while await shown(app) != wanted:  # noqa: ASYNC110 (the rows are what there is to look at)
            await asyncio.sleep(0.1)


async def shown(app: Harness) -> list[tuple[str, str]]:
    """The jobs as the application sees them, locking nothing."""
    found = await app.app.show_job.newest(app.tenant)
    return sorted((job.job_type.rpartition(".")[2], job.status) for job in found)


async def test_a_scheduled_bundle_runs_at_each_occurrence_as_new_work(app: Harness) -> None:
    await add(app, WorkWish(bundle=app.bundle(say(1))))

    first = await fire_when_due(app)
    await app.work()
    second = await fire_when_due(app)
    await app.work()

    assert (first.outcome, second.outcome) == ("fired", "fired")
    assert second.due_at - first.due_at == timedelta(hours=1)
    assert await jobs(app) == 2 * [("echo", "executed")] + 2 * [
        ("execute_request_bundle", "executed")
    ]
    keys = await app.rows(
        "SELECT key FROM jobforge.idempotency_keys WHERE job_type LIKE '%echo' ORDER BY key"
    )
    assert [row[0].partition("@")[0] for row in keys] == 2 * ["say-key-1"]


async def test_a_job_of_any_read_only_type_can_be_scheduled(app: Harness) -> None:
    await add(app, WorkWish(job_type="autopilot.ops.echo", payload={"text": "hi"}))

    fired = await fire_when_due(app)
    await app.work()

    assert fired.outcome == "fired"
    assert await jobs(app) == [("echo", "executed")]


async def test_many_schedulers_at_once_fire_each_occurrence_exactly_once(app: Harness) -> None:
    names = [f"schedule-{n}" for n in range(5)]
    for name in names:
        await add(app, WorkWish(job_type="autopilot.ops.echo"), name=name)
    schedule, _ = await app.app.schedules.show(names[0], app.tenant)
    assert schedule.fires_at is not None

    counts = await asyncio.gather(*(firing(app, schedule.fires_at)() for _ in range(8)))

    assert sum(counts) == 5
    assert await jobs(app) == 5 * [("echo", "queued")]
    assert await app.count("schedule_firings") == 5
    assert (await app.events()).count("schedule.fired") == 5


async def test_who_read_the_schedule_before_another_fired_it_fires_nothing(app: Harness) -> None:
    added = await add(app, WorkWish(job_type="autopilot.ops.echo"))
    assert added.fires_at is not None
    usual = firing(app, added.fires_at)
    rival = Overtaken(usual.take_in, usual)

    overtaken = await replace(usual, take_in=rival)()  # type: ignore[arg-type]  # stands in for it

    assert overtaken == 0
    assert rival.fired == [1]
    assert await jobs(app) == [("echo", "queued")]


@dataclass
class Overtaken:
    """Takes in as usual; before it answers, somebody else has fired."""

    take_in: Any
    usual: FireSchedules
    fired: list[int] = field(default_factory=list)

    async def __call__(self, *given: Any) -> Any:  # noqa: ANN401 (as it is called)
        intake = await self.take_in(*given)
        self.fired.append(await self.usual())
        return intake


class Killed(BaseException):
    """The process is gone: nothing catches it."""


class Killer:
    """A table whose method kills the process, before or after it did its work."""

    def __init__(self, table: object, method: str, *, is_after: bool) -> None:
        self._table, self._method, self._is_after = table, method, is_after

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (any method)
        real = getattr(self._table, name)
        if name != self._method:
            return real

        async def dies(*given: Any, **named: Any) -> None:  # noqa: ANN401 (as it is called)
            if self._is_after:
                await real(*given, **named)
            raise Killed

        return dies


@dataclass
class KillingStorage:
    """The storage, with one step at which the process dies."""

    storage: Any
    table: str
    method: str
    is_after: bool

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (any method)
        return getattr(self.storage, name)

    def transaction(self, tenant_id: UUID) -> Any:  # noqa: ANN401 (a context manager)
        return _Killing(self.storage.transaction(tenant_id), self)


@dataclass
class _Killing:
    usual: Any
    how: KillingStorage

    async def __aenter__(self) -> Any:  # noqa: ANN401 (a unit)
        unit = await self.usual.__aenter__()
        killer = Killer(getattr(unit, self.how.table), self.how.method, is_after=self.how.is_after)
        return replace(unit, **{self.how.table: killer})

    async def __aexit__(self, *raised: Any) -> Any:  # noqa: ANN401 (as it is called)
        return await self.usual.__aexit__(*raised)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("table", "method"),
    [
        ("schedules", "advance"),
        ("runs", "insert"),
        ("jobs", "insert_with_keys"),
        ("jobs", "release"),
        ("schedules", "note"),
        ("audit", "append"),
    ],
)
async def test_a_kill_at_any_step_leaves_the_occurrence_to_the_next_one(
    app: Harness,
    table: str,
    method: str,
    is_after: bool,
) -> None:
    added = await add(app, WorkWish(job_type="autopilot.ops.echo"))
    assert added.fires_at is not None
    usual = firing(app, added.fires_at)
    killed = replace(usual, storage=KillingStorage(usual.storage, table, method, is_after))

    with pytest.raises(Killed):
        await killed()
    after_kill = await jobs(app)
    assert await usual() == 1

    assert after_kill == []
    assert await jobs(app) == [("echo", "queued")]
    assert await app.count("schedule_firings") == 1


async def test_an_action_is_scheduled_once_by_a_grant_and_no_token_is_kept(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    when = app.app.clock.now() + timedelta(minutes=2)

    await add(app, WorkWish(bundle=raw, policy_token=issued.token), Timing(cron=None, at=when))
    fired = await fire_when_due(app)
    await app.work()
    schedule, _ = await app.app.schedules.show("nightly", app.tenant)

    assert fired.outcome == "fired"
    assert (app.folder / "file-1.txt").read_text() == "new"
    assert issued.token not in await dump(app)
    assert json.loads(schedule.payload)["grant_id"] == str(issued.jti)
    assert schedule.next_due_at is None
    with pytest.raises(Conflict):
        await app.app.schedules.switch("nightly", app.tenant, OPERATOR, is_enabled=True)


@pytest.mark.parametrize(
    ("timing", "with_token", "message"),
    [
        (HOURLY, True, "cannot be for work that comes again"),
        (HOURLY, False, "would be denied each time"),
        (Timing(cron=None, at=datetime(2099, 1, 1, tzinfo=UTC)), False, "no policy token"),
        (Timing(cron=None, at=datetime(2099, 1, 1, tzinfo=UTC)), True, "expires at"),
    ],
)
async def test_an_action_that_could_not_run_then_is_refused_now(
    app: Harness,
    timing: Timing,
    with_token: bool,
    message: str,
) -> None:
    raw = app.bundle(change(1))
    token = (await app.issue(raw)).token if with_token else None

    with pytest.raises(InvalidInput, match=message):
        await add(app, WorkWish(bundle=raw, policy_token=token), timing)

    assert await app.count("schedules") == await app.count("pending_grants") == 0


async def test_a_token_of_another_plan_schedules_nothing(app: Harness) -> None:
    token = (await app.issue(app.bundle(change(1)))).token
    wish = WorkWish(bundle=app.bundle(change(2)), policy_token=token)
    when = app.app.clock.now() + timedelta(minutes=2)

    with pytest.raises(PolicyTokenRefused):
        await add(app, wish, Timing(cron=None, at=when))

    assert await app.count("schedules") == 0


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (WorkWish(), "exactly one"),
        (WorkWish(job_type="autopilot.ops.nothing"), "Unknown job type"),
        (WorkWish(job_type="autopilot.ops.echo", payload={"tex": "x"}), "Payload invalid"),
        (WorkWish(job_type="autopilot.ops.change", payload={"target": "f"}), "policy token"),
        (WorkWish(job_type="autopilot.ops.echo", mode="dry_run"), "dry run"),
        (WorkWish(job_type="jobforge.autopilot.execute_request_bundle"), "with a bundle"),
    ],
)
async def test_what_can_never_run_is_not_scheduled(
    app: Harness, wish: WorkWish, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        await add(app, wish)


async def test_a_schedule_whose_work_is_switched_off_says_so_and_goes_on(app: Harness) -> None:
    await add(app, WorkWish(bundle=app.bundle(look(1))))
    app.switch(autopilot_jobs=False, action_jobs=False)

    fired = await fire_when_due(app)
    schedule, _ = await app.app.schedules.show("nightly", app.tenant)

    assert fired.outcome == "denied"
    assert "FEATURE_FLAG_DISABLED" in fired.reason
    assert await app.count("jobs") == 0
    assert schedule.next_due_at == fired.due_at + timedelta(hours=1)


@pytest.mark.parametrize(
    ("on_missed", "outcomes"),
    [("skip", ["skipped"]), ("run_once", ["fired"]), ("run_all", 3 * ["fired"])],
)
async def test_what_no_worker_saw_is_treated_as_the_schedule_says(
    app: Harness,
    on_missed: Any,  # noqa: ANN401 (a literal)
    outcomes: list[str],
) -> None:
    added = await add(
        app, WorkWish(job_type="autopilot.ops.echo"), replace(HOURLY, on_missed=on_missed)
    )
    assert added.fires_at is not None
    late = firing(app, added.fires_at + timedelta(hours=2, minutes=10))

    while await late():
        pass

    schedule, firings = await app.app.schedules.show("nightly", app.tenant)
    assert [f.outcome for f in firings] == outcomes
    assert schedule.fires_at == added.fires_at + timedelta(hours=3)
    assert await app.count("jobs") == outcomes.count("fired")


async def test_one_schedules_fault_is_noted_and_stops_nobody_else(app: Harness) -> None:
    await add(app, WorkWish(job_type="autopilot.ops.echo"), name="broken")
    await add(app, WorkWish(job_type="autopilot.ops.echo"), name="sound")
    await app.alter("UPDATE jobforge.schedules SET payload = '[]' WHERE name = 'broken'")
    schedule, _ = await app.app.schedules.show("sound", app.tenant)
    assert schedule.fires_at is not None

    assert await firing(app, schedule.fires_at)() == 2

    _, (broken,) = await app.app.schedules.show("broken", app.tenant)
    _, (sound,) = await app.app.schedules.show("sound", app.tenant)
    assert (broken.outcome, sound.outcome) == ("failed", "fired")


async def test_disabled_it_does_not_fire_and_enabled_it_makes_up_for_nothing(
    app: Harness,
) -> None:
    added = await add(app, WorkWish(job_type="autopilot.ops.echo"))
    assert added.fires_at is not None
    await app.app.schedules.switch("nightly", app.tenant, OPERATOR, is_enabled=False)

    assert await firing(app, added.fires_at + timedelta(days=3))() == 0
    later = replace(app.app.schedules, clock=SetClock(added.fires_at + timedelta(days=3)))
    again = await later.switch("nightly", app.tenant, OPERATOR, is_enabled=True)

    assert again.fires_at == added.fires_at + timedelta(days=3, hours=1)
    assert await app.count("jobs") == 0
    assert [e for e in await app.events() if e.startswith("schedule")] == [
        "schedule.added",
        "schedule.disabled",
        "schedule.enabled",
    ]


async def test_what_was_decided_is_not_due_again_where_the_clock_was_set_back(
    app: Harness,
) -> None:
    await add(app, WorkWish(job_type="autopilot.ops.echo"))
    fired = await fire_when_due(app)
    await app.app.schedules.switch("nightly", app.tenant, OPERATOR, is_enabled=False)

    earlier = replace(app.app.schedules, clock=SetClock(fired.due_at - timedelta(hours=3)))
    again = await earlier.switch("nightly", app.tenant, OPERATOR, is_enabled=True)

    assert again.next_due_at == fired.due_at + timedelta(hours=1)


async def test_names_are_unique_per_tenant_and_others_schedules_are_missing(app: Harness) -> None:
    await add(app, WorkWish(job_type="autopilot.ops.echo"))
    other = await app.new_tenant("other")

    with pytest.raises(AlreadyExists):
        await add(app, WorkWish(job_type="autopilot.ops.echo"))
    for doing in (
        app.app.schedules.show("nightly", other),
        app.app.schedules.remove("nightly", other, OPERATOR),
        app.app.schedules.switch("nightly", other, OPERATOR, is_enabled=False),
    ):
        with pytest.raises(Missing):
            await doing
    (mine,) = await app.app.schedules.all(app.tenant)
    foreign = DueSchedule(other.tenant_id, mine.schedule_id)
    assert not await firing(app, datetime(2099, 1, 1, tzinfo=UTC)).fire(foreign)


async def test_a_worker_fires_what_is_due_and_runs_it(app: Harness) -> None:
    when = app.app.clock.now() + timedelta(seconds=1)
    await add(app, WorkWish(bundle=app.bundle(say(1))), Timing(cron=None, at=when))
    worker = app.app.make_worker(10)

    working = asyncio.create_task(worker.run())
    try:
        await wait_until(app, [("echo", "executed"), ("execute_request_bundle", "executed")])
    finally:
        worker.stop()
        await working
