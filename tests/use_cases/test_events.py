"""Events and trigger rules: stored once, judged once, and held back across processes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.application import OPERATOR, Harness, change, say
from tests.promises.test_secrets import CANARY, dump
from tests.use_cases.test_schedules import Killed, KillingStorage, SetClock, jobs, shown

from jobforge.contract.errors import ContractViolation
from jobforge.core.errors import InvalidInput, Missing
from jobforge.core.triggers import Rule
from jobforge.ports.events import NewEvent
from jobforge.steps.intake import Submission
from jobforge.steps.prepare_work import WorkWish

if TYPE_CHECKING:
    from jobforge.ports.events import EvaluationRecord, RuleRecord
    from jobforge.use_cases.evaluate_events import EvaluateEvents

ANY = Rule(
    event_types=(),
    source_modules=(),
    min_severity=None,
    min_priority=None,
    cooldown_seconds=0,
    max_runs_per_hour=1_000,
    dedupe_template=None,
    dedupe_seconds=86_400,
    is_enabled=False,
)
ECHO = WorkWish(job_type="autopilot.ops.echo")
START = datetime(2027, 3, 1, 8, 30, tzinfo=UTC)


def event(app: Harness, number: int = 1, **changes: Any) -> bytes:  # noqa: ANN401 (any field)
    document = {
        "schema_version": "1.0.0",
        "event_version": "1.0",
        "event_type": "ops.alert.raised",
        "occurred_at": "2027-03-01T08:00:00Z",
        "trace_id": f"trace-{number}",
        "tenant_id": str(app.tenant.tenant_id),
        "source_app": "external",
        "source_module": "ops",
        "subject": {"type": "service", "id": "web"},
        "payload": {"severity": "critical", "number": number},
        "contains_pii": False,
    }
    return json.dumps(document | changes).encode()


async def add(
    app: Harness, rule: Rule = ANY, wish: WorkWish = ECHO, name: str = "on-alert"
) -> RuleRecord:
    """A rule that is on."""
    submission = Submission(app.tenant, OPERATOR, "execute")
    await app.app.triggers.add(name, rule, wish, submission)
    return await app.app.triggers.switch(name, app.tenant, OPERATOR, is_enabled=True)


def judging(app: Harness, at: datetime = START) -> EvaluateEvents:
    return replace(app.app.evaluate_events, clock=SetClock(at))


async def outcomes(app: Harness, name: str = "on-alert") -> list[str]:
    """The rule's verdicts, oldest first."""
    _, verdicts = await app.app.triggers.show(name, app.tenant, evaluations=1_000)
    return [verdict.outcome for verdict in reversed(verdicts)]


async def send_and_judge(app: Harness, number: int, at: datetime = START) -> EvaluationRecord:
    sent = await app.app.send_event(event(app, number), app.tenant)
    assert await judging(app, at)() == 1
    _, verdicts = await app.app.show_events(sent.event_id, app.tenant)
    return verdicts["on-alert"]


async def test_an_event_starts_what_its_rule_says(app: Harness) -> None:
    await add(app)

    verdict = await send_and_judge(app, 1)
    await app.work()

    assert verdict.outcome == "fired"
    assert await jobs(app) == [("echo", "executed")]
    assert "trigger.fired" in await app.events()


async def test_a_rule_is_off_and_plans_only_unless_somebody_said_otherwise(app: Harness) -> None:
    submission = Submission(app.tenant, OPERATOR, "execute")
    wish = WorkWish(bundle=app.bundle(say(1)), mode="dry_run")
    rule = await app.app.triggers.add("on-alert", replace(ANY, is_enabled=True), wish, submission)

    off = await send_and_judge(app, 1)
    await app.app.triggers.switch("on-alert", app.tenant, OPERATOR, is_enabled=True)
    on = await send_and_judge(app, 2)
    await app.work()

    assert not rule.is_enabled
    assert rule.mode == "dry_run"
    assert (off.outcome, on.outcome) == ("disabled", "fired")
    assert await jobs(app) == [("execute_request_bundle", "executed")]
    (run,) = await app.rows("SELECT mode FROM jobforge.bundle_runs WHERE bundle_id = 'bundle-1'")
    assert run["mode"] == "dry_run"


async def test_a_single_job_in_dry_run_is_planned_and_not_queued(app: Harness) -> None:
    await add(app, wish=replace(ECHO, mode="dry_run"))

    verdict = await send_and_judge(app, 1)

    assert verdict.outcome == "fired"
    assert verdict.run_id is not None
    assert await app.count("jobs") == 0


async def test_a_rule_cannot_carry_a_policy_token_nor_take_one_from_an_event(app: Harness) -> None:
    raw = app.bundle(change(1))
    token = (await app.issue(raw)).token
    inside = app.bundle(change(1, payload=change(1)["payload"] | {"policy_token": token}))
    for wish in (
        WorkWish(bundle=raw, policy_token=token),
        WorkWish(bundle=inside),
        replace(ECHO, payload={"policy_token": token}),
    ):
        with pytest.raises(InvalidInput, match="policy token"):
            await add(app, wish=wish)
    await add(app, wish=WorkWish(bundle=raw, on_policy_failure="deny_actions"))

    payload = {"severity": "critical", "policy_token": token, "grant_id": "x"}
    await app.app.send_event(event(app, 1, payload=payload), app.tenant)
    await judging(app)()
    await app.work()

    assert not (app.folder / "file-1.txt").exists()
    (denied,) = await app.rows(
        "SELECT decisions::text AS d FROM jobforge.bundle_runs WHERE bundle_id = 'bundle-1'"
    )
    assert "POLICY_TOKEN_REQUIRED" in denied["d"]
    assert token not in await dump(app)


async def test_an_action_can_only_be_started_by_a_person(app: Harness) -> None:
    for wish in (
        WorkWish(bundle=app.bundle(change(1))),
        WorkWish(job_type="autopilot.ops.change", payload={"target": "f"}),
        WorkWish(job_type="autopilot.ops.change", payload={"target": {"$event": "/trace_id"}}),
    ):
        with pytest.raises(InvalidInput):
            await add(app, wish=wish)


async def test_the_same_event_is_stored_and_judged_once(app: Harness) -> None:
    await add(app)

    first = await app.app.send_event(event(app), app.tenant)
    again = await app.app.send_event(event(app), app.tenant)
    await judging(app)()
    later = await app.app.send_event(event(app), app.tenant)
    await judging(app)()

    assert first.is_new
    assert (again.is_new, later.is_new) == (False, False)
    assert first.event_id == again.event_id == later.event_id
    assert await outcomes(app) == ["fired"]


async def test_judges_at_once_start_each_rule_once_for_each_event(app: Harness) -> None:
    await add(app)
    for number in range(6):
        await app.app.send_event(event(app, number), app.tenant)

    counts = await asyncio.gather(*(judging(app)() for _ in range(6)))

    assert sum(counts) == 6
    assert await outcomes(app) == 6 * ["fired"]
    assert await jobs(app) == 6 * [("echo", "queued")]


async def test_cooldown_rate_and_keys_hold_across_processes_that_judge_at_once(
    app: Harness,
) -> None:
    await add(app, replace(ANY, cooldown_seconds=60), name="cooled")
    await add(app, replace(ANY, max_runs_per_hour=2), name="rated")
    await add(app, replace(ANY, dedupe_template="{subject.id}"), name="keyed")
    sent = [await app.app.send_event(event(app, number), app.tenant) for number in range(8)]

    # Each judge has an event of its own and nothing in memory: all they share is the database.
    new = [NewEvent(app.tenant.tenant_id, stored.event_id) for stored in sent]
    await asyncio.gather(*(judging(app).evaluate(one) for one in new))

    for name, allowed, held in (
        ("cooled", 1, "cooldown"),
        ("rated", 2, "rate_limited"),
        ("keyed", 1, "duplicate"),
    ):
        assert sorted(await outcomes(app, name)) == sorted(
            allowed * ["fired"] + (8 - allowed) * [held]
        )
    assert await app.count("jobs") == 4


async def test_what_held_a_rule_back_ends_with_its_time(app: Harness) -> None:
    rule = replace(
        ANY,
        cooldown_seconds=60,
        max_runs_per_hour=2,
        dedupe_template="{payload.number}",
        dedupe_seconds=7_200,
    )
    await add(app, rule)

    said = [
        (await send_and_judge(app, number, START + timedelta(seconds=seconds))).outcome
        for number, seconds in ((1, 0), (2, 59), (3, 60), (4, 121), (5, 3_601), (6, 7_300))
    ]

    assert said == ["fired", "cooldown", "fired", "rate_limited", "fired", "fired"]


async def test_a_key_is_used_up_only_by_what_fired(app: Harness) -> None:
    rule = replace(ANY, cooldown_seconds=60, dedupe_template="{subject.id}")
    await add(app, rule)
    for number, subject, seconds in ((1, "a", 0), (2, "b", 30), (3, "b", 90)):
        raw = event(app, number, subject={"type": "service", "id": subject})
        await app.app.send_event(raw, app.tenant)
        await judging(app, START + timedelta(seconds=seconds))()

    assert await outcomes(app) == ["fired", "cooldown", "fired"]


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("table", "method"),
    [
        ("events", "claim"),
        ("triggers", "lock_all"),
        ("runs", "insert"),
        ("jobs", "insert_with_keys"),
        ("triggers", "note"),
        ("audit", "append"),
    ],
)
async def test_a_kill_at_any_step_leaves_the_event_to_the_next_one(
    app: Harness,
    table: str,
    method: str,
    is_after: bool,
) -> None:
    await add(app)
    await app.app.send_event(event(app), app.tenant)
    usual = judging(app)
    killed = replace(usual, storage=KillingStorage(usual.storage, table, method, is_after))

    with pytest.raises(Killed):
        await killed()
    after_kill = await jobs(app)
    assert await usual() == 1

    assert after_kill == []
    assert await jobs(app) == [("echo", "queued")]
    assert await outcomes(app) == ["fired"]


async def test_what_the_event_says_gets_into_the_payload_and_what_it_lacks_is_told(
    app: Harness,
) -> None:
    place = {"text": {"$event": "/payload/text"}}
    await add(app, wish=replace(ECHO, payload=place))

    payload = {"severity": "critical", "text": "from the event"}
    await app.app.send_event(event(app, 1, payload=payload), app.tenant)
    lacking = await app.app.send_event(event(app, 2), app.tenant)
    await judging(app)()
    await app.work()

    (job,) = await app.rows("SELECT payload::text AS p FROM jobforge.jobs")
    assert json.loads(job["p"]) == {"text": "from the event"}
    _, verdicts = await app.app.show_events(lacking.event_id, app.tenant)
    assert verdicts["on-alert"].outcome == "failed"
    assert "the event has nothing there" in verdicts["on-alert"].reason


async def test_an_event_that_came_by_sql_is_judged_too_and_its_secrets_are_masked(
    app: Harness,
) -> None:
    await add(app)
    good = event(app, 1, payload={"severity": "info", "note": f"key {CANARY}"})
    for envelope in (good, b"{}", event(app, 2, tenant_id="99999999-9999-4999-8999-999999999999")):
        async with app.app.database.transaction(app.tenant.tenant_id) as connection:
            await connection.execute(
                "INSERT INTO jobforge.events (tenant_id, envelope) VALUES ($1, $2::text::json)",
                app.tenant.tenant_id,
                envelope.decode(),
            )

    assert await judging(app)() == 3

    events = await app.app.show_events.newest(app.tenant, 10)
    assert sorted(e.state for e in events) == ["evaluated", "refused", "refused"]
    assert {e.event_type for e in events} == {"ops.alert.raised", None}
    assert CANARY not in await dump(app)
    assert await outcomes(app) == ["fired"]


async def test_the_same_event_by_two_ways_is_judged_once(app: Harness) -> None:
    await add(app)
    await app.app.send_event(event(app), app.tenant)
    async with app.app.database.transaction(app.tenant.tenant_id) as connection:
        await connection.execute(
            "INSERT INTO jobforge.events (tenant_id, envelope) VALUES ($1, $2::text::json)",
            app.tenant.tenant_id,
            event(app).decode(),
        )

    await judging(app)()

    assert await outcomes(app) == ["fired"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"tenant_id": "99999999-9999-4999-8999-999999999999"}, "/tenant_id"),
        ({"event_version": "2.0"}, "/event_version"),
        ({"occurred_at": "yesterday"}, "/occurred_at"),
        ({"source_app": "elsewhere"}, "/source_app"),
        ({"contains_pii": "no"}, "/contains_pii"),
        ({"surprise": 1}, "/surprise"),
        ({"trace_id": CANARY}, "/trace_id"),
    ],
)
async def test_what_is_no_event_of_the_tenant_is_refused_with_its_place(
    app: Harness, changes: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(ContractViolation) as refused:
        await app.app.send_event(event(app, **changes), app.tenant)

    assert refused.value.pointer == pointer
    assert await app.count("events") == 0


async def test_secrets_and_what_the_producer_wants_hidden_are_stored_nowhere(app: Harness) -> None:
    payload = {"severity": "info", "mail": "eve@example.com", "deep": [{"key": CANARY}]}
    hints = {"redact_fields": ["mail"]}

    await app.app.send_event(event(app, payload=payload, redaction_hints=hints), app.tenant)

    everything = await dump(app)
    assert CANARY not in everything
    assert "eve@example.com" not in everything


async def test_the_simulator_says_what_would_start_and_starts_nothing(app: Harness) -> None:
    submission = Submission(app.tenant, OPERATOR, "execute")
    await app.app.triggers.add("on-alert", replace(ANY, min_severity="high"), ECHO, submission)

    (off,) = await app.app.simulate_event(event(app), app.tenant)
    (on,) = await app.app.simulate_event(event(app), app.tenant, as_if_on=True)
    (mild,) = await app.app.simulate_event(
        event(app, payload={"severity": "low"}), app.tenant, as_if_on=True
    )
    app.switch(autopilot_jobs=False, action_jobs=False)
    (switched_off,) = await app.app.simulate_event(event(app), app.tenant, as_if_on=True)

    assert (off.outcome, on.outcome, mild.outcome) == ("disabled", "fired", "not_matched")
    assert on.gates == "Queued"
    assert "FEATURE_FLAG_DISABLED" in (switched_off.gates or "")
    for table in ("events", "trigger_evaluations", "jobs", "bundle_runs"):
        assert await app.count(table) == 0


async def test_a_switch_that_is_off_denies_what_a_rule_starts(app: Harness) -> None:
    await add(app)
    app.switch(autopilot_jobs=False, action_jobs=False)

    verdict = await send_and_judge(app, 1)

    assert verdict.outcome == "denied"
    assert "FEATURE_FLAG_DISABLED" in verdict.reason
    assert await app.count("jobs") == 0


async def test_one_rules_fault_stops_no_other_rule(app: Harness) -> None:
    await add(app, name="broken")
    await add(app, name="sound")
    await app.alter("UPDATE jobforge.trigger_rules SET payload = '[]' WHERE name = 'broken'")
    await app.app.send_event(event(app), app.tenant)

    assert await judging(app)() == 1

    assert await outcomes(app, "broken") == ["failed"]
    assert await outcomes(app, "sound") == ["fired"]


async def test_other_tenants_events_and_rules_are_missing(app: Harness) -> None:
    await add(app)
    sent = await app.app.send_event(event(app), app.tenant)
    other = await app.new_tenant("other")

    for doing in (
        app.app.show_events(sent.event_id, other),
        app.app.triggers.show("on-alert", other),
        app.app.triggers.switch("on-alert", other, OPERATOR, is_enabled=True),
        app.app.triggers.remove("on-alert", other, OPERATOR),
    ):
        with pytest.raises(Missing):
            await doing
    await judging(app)()
    raw = event(app, tenant_id=str(other.tenant_id))
    await app.app.send_event(raw, other)
    await judging(app)()
    assert await outcomes(app) == ["fired"]


async def test_a_worker_hears_of_an_event_and_runs_what_it_starts(app: Harness) -> None:
    await add(app)
    worker = app.app.make_worker(10)

    working = asyncio.create_task(worker.run())
    try:
        await app.app.send_event(event(app), app.tenant)
        async with asyncio.timeout(70):
            while await shown(app) != [("echo", "executed")]:  # noqa: ASYNC110 (rows are looked at)
                await asyncio.sleep(0.1)
    finally:
        worker.stop()
        await working
