"""Switches, windows, limits, connections and figures of a tenant, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.application import OPERATOR, change, say
from tests.entrypoints.http.api import NOBODY, body_of

from jobforge.core.actor import Role
from jobforge.core.controls import Scope

if TYPE_CHECKING:
    from tests.entrypoints.http.api import Api

URL = "postgresql://ada:hunter2-secret@db.example:5432/shop"


async def test_an_operator_stops_the_tenants_work_and_only_an_admin_lets_it_go_on(api: Api) -> None:
    operator, admin = await api.as_(Role.operator), await api.as_(Role.admin, owner="eve")
    kill = {"kind": "kill", "reason": "bad rollout"}
    raw = api.harness.bundle(say(1))

    turned = await operator.post("/v1/switches", json=kill)
    stopped = body_of(await operator.post("/v1/bundles/execute", content=raw))
    refused = await operator.post("/v1/switches/release", json=kill)
    released = await admin.post("/v1/switches/release", json=kill)
    free = body_of(await operator.post("/v1/bundles/execute", content=raw))

    assert turned.status_code == 201
    assert stopped["child_runs"][0]["code"] == "KILL_SWITCH_ON"
    assert (refused.status_code, released.status_code) == (403, 200)
    assert free["summary"]["queued"] == 1
    assert (await api.harness.events()).count("switch.on") == 1


async def test_a_tenant_sees_its_own_switches_and_the_installations_but_no_other_ones(
    api: Api,
) -> None:
    other = await api.harness.new_tenant("other")
    switches = api.harness.app.switches
    await switches.turn_on("pause", Scope(other.tenant_id, "other"), "theirs", OPERATOR)
    await switches.turn_on("kill", Scope(job_type="autopilot.ops.apply"), "all", OPERATOR)
    viewer = await api.as_(Role.viewer)

    found = body_of(await viewer.get("/v1/switches"))["items"]

    assert [(s["reason"], s["is_of_installation"], s["actor"]) for s in found] == [
        ("all", True, None)
    ]


async def test_a_key_of_one_project_stops_no_whole_tenant(api: Api) -> None:
    project = await api.harness.app.create_project("shop", api.harness.tenant, OPERATOR)
    client = await api.as_(Role.operator, project_id=project.project_id)

    answer = await client.post("/v1/switches", json={"kind": "kill", "reason": "mine"})

    assert (answer.status_code, body_of(answer)["code"]) == (403, "NOT_PERMITTED")


async def test_windows_are_weekly_or_once_and_never_both(api: Api) -> None:
    admin = await api.as_(Role.admin)
    week = {"days": "mon,sat", "at": "02:00", "duration": "4h", "zone": "Europe/Berlin"}
    one = {"starts_at": "2026-12-24T18:00:00+01:00", "ends_at": "2026-12-27T06:00:00+01:00"}

    added = await admin.post("/v1/windows", json={"name": "n", "kind": "open", "weekly": week})
    frozen = await admin.post("/v1/windows", json={"name": "x", "kind": "closed", "once": one})
    both = {"name": "b", "kind": "open", "weekly": week, "once": one}
    bad_zone = {"name": "z", "kind": "open", "weekly": week | {"zone": "Mars/Base"}}
    refused = [await admin.post("/v1/windows", json=body) for body in (both, bad_zone)]
    listed = body_of(await admin.get("/v1/windows"))["items"]
    removed = await admin.delete("/v1/windows/n")
    again = await admin.delete("/v1/windows/n")

    assert (added.status_code, frozen.status_code) == (201, 201)
    assert [answer.status_code for answer in refused] == [422, 422]
    assert [window["name"] for window in listed] == ["n", "x"]
    assert (removed.status_code, again.status_code) == (204, 404)


async def test_limits_change_with_a_reason_and_within_their_bounds(api: Api) -> None:
    admin, operator = await api.as_(Role.admin), await api.as_(Role.operator)

    before = body_of(await operator.get("/v1/limits"))
    changed = await admin.patch("/v1/limits", json={"reason": "trial", "daily_jobs": 5})
    freed = await admin.patch("/v1/limits", json={"reason": "over", "daily_jobs": None})
    refused = [
        await admin.patch("/v1/limits", json=body)
        for body in ({"reason": "r"}, {"running_cap": 5}, {"reason": "r", "running_cap": 0})
    ]

    assert before["daily_jobs"] is None
    assert (body_of(changed)["daily_jobs"], body_of(freed)["daily_jobs"]) == (5, None)
    assert [answer.status_code for answer in refused] == [422, 422, 422]


async def test_a_connections_settings_go_in_and_never_come_out(api: Api) -> None:
    admin = await api.as_(Role.admin)
    body = {"name": "db", "kind": "postgres", "settings": {"url": URL}}
    wrong = {"name": "db2", "kind": "http", "settings": {"url": URL}}

    answers = [
        await admin.post("/v1/connections", json=body, headers={"Idempotency-Key": "once"}),
        await admin.post("/v1/connections", json=body),
        await admin.post("/v1/connections", json=wrong),
        await admin.get("/v1/connections"),
        await admin.get("/v1/audit"),
        await admin.delete("/v1/connections/db"),
        await admin.delete("/v1/connections/db"),
    ]

    assert [answer.status_code for answer in answers] == [201, 409, 422, 200, 200, 204, 404]
    assert not [answer.text for answer in answers if "hunter2" in answer.text]
    rows = await api.harness.rows("SELECT c::text FROM jobforge.connections AS c")
    assert "hunter2" not in str(rows)


async def test_testing_a_connection_never_reaches_into_this_network(api: Api) -> None:
    admin = await api.as_(Role.admin)
    settings = {"url": "http://ada:pw@127.0.0.1:9/"}
    await admin.post("/v1/connections", json={"name": "x", "kind": "http", "settings": settings})

    answer = await admin.post("/v1/connections/x/test")

    assert (answer.status_code, body_of(answer)["code"]) == (403, "EGRESS_DENIED")


async def test_figures_are_the_tenants_own(api: Api) -> None:
    other = await api.harness.new_tenant("other")
    await api.harness.execute(
        api.harness.bundle(*(say(n) for n in range(5)), tenant=other), tenant=other
    )
    await api.harness.execute(api.harness.bundle(say(1), say(2)))
    await api.harness.plan(api.harness.bundle(change(1)))
    viewer = await api.as_(Role.viewer)

    answer = await viewer.get("/v1/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'jobforge_tenant_open_jobs{state="released"} 2.0' in lines
    assert 'jobforge_tenant_open_jobs{state="waiting"} 0.0' in lines
    assert "jobforge_tenant_waiting_plans 1.0" in lines


@pytest.mark.parametrize("change_name", ["cancel", "retry"])
async def test_many_jobs_change_only_as_they_were_counted_and_confirmed(
    api: Api, change_name: str
) -> None:
    operator = await api.as_(Role.operator)
    await api.harness.execute(api.harness.bundle(*(say(n) for n in range(3))))
    wanted = {"change": "cancel", "job_type": "autopilot.ops.echo"}
    job_type = (await api.harness.rows("SELECT DISTINCT job_type FROM jobforge.jobs"))[0][0]
    wanted["job_type"] = job_type

    seen = body_of(await operator.post("/v1/job-changes/preview", json=wanted))
    later = await api.harness.execute(api.harness.bundle(say(9), bundle_id="later"))
    confirmed = wanted | {"seen_at": seen["seen_at"], "confirm": seen["confirm"]}
    lies = [
        await operator.post("/v1/job-changes", json=confirmed | {"confirm": text})
        for text in ("yes", "cancel", "retry 3 jobs", "cancel 03 jobs", "cancel 10001 jobs")
    ]
    done = body_of(await operator.post("/v1/job-changes", json=confirmed))

    assert (seen["matching"], seen["confirm"]) == (3, "cancel 3 jobs")
    assert [lie.status_code for lie in lies] == [422] * 5
    assert done == {"change": "cancel", "changed": 3}
    assert (await api.harness.show(later)).child_runs[0].status == "queued"
    if change_name == "retry":
        back = wanted | {"change": "retry", "status": "canceled"}
        seen = body_of(await operator.post("/v1/job-changes/preview", json=back))
        back |= {"seen_at": seen["seen_at"], "confirm": seen["confirm"]}
        assert body_of(await operator.post("/v1/job-changes", json=back))["changed"] == 3


async def test_many_jobs_of_another_project_are_not_counted(api: Api) -> None:
    project = await api.harness.app.create_project("shop", api.harness.tenant, OPERATOR)
    client = await api.as_(Role.operator, project_id=project.project_id)
    await api.harness.execute(api.harness.bundle(say(1)))

    own = await client.post("/v1/job-changes/preview", json={"change": "cancel"})
    foreign = await client.post(
        "/v1/job-changes/preview", json={"change": "cancel", "project": str(NOBODY)}
    )

    assert (body_of(own)["matching"], body_of(own)["confirm"]) == (0, None)
    assert foreign.status_code == 404


async def test_a_job_that_waits_says_why(api: Api) -> None:
    viewer = await api.as_(Role.viewer)
    result = await api.harness.execute(api.harness.bundle(say(1)))
    job_id = result.child_runs[0].job_id

    waiting = body_of(await viewer.get(f"/v1/jobs/{job_id}/waiting"))
    await api.harness.work()
    over = await viewer.get(f"/v1/jobs/{job_id}/waiting")

    assert "NO_WORKER" in [reason["code"] for reason in waiting["items"]]
    assert over.status_code == 409
