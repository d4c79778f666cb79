"""Schedules, events, trigger rules and module commands, over HTTP."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.application import OPERATOR, Json, change, say
from tests.entrypoints.http.api import NOBODY, body_of

from jobforge.core.actor import Role
from jobforge.use_cases.keep_modules import ModuleWish

if TYPE_CHECKING:
    from tests.entrypoints.http.api import Api


def bundle_of(api: Api, *requests: Json) -> Json:
    document: Json = json.loads(api.harness.bundle(*requests))
    return document


def event(api: Api, **changes: object) -> Json:
    return {
        "schema_version": "1.0.0",
        "event_version": "1.0",
        "event_type": "ops.alert.fired",
        "occurred_at": "2026-03-01T08:00:00Z",
        "trace_id": "trace-1",
        "tenant_id": str(api.harness.tenant.tenant_id),
        "source_app": "external",
        "payload": {"severity": "high", "api_key": "sk-live-0123456789abcdefghij"},
        "contains_pii": False,
    } | changes


async def test_a_schedule_is_added_shown_switched_and_removed(api: Api) -> None:
    operator = await api.as_(Role.operator)
    body = {"name": "nightly", "cron": "30 2 * * *", "bundle": bundle_of(api, say(1))}

    added = await operator.post("/v1/schedules", json=body)
    taken = await operator.post("/v1/schedules", json=body)
    times = body_of(await operator.get("/v1/schedules/nightly/next", params={"count": 3}))["times"]
    disabled = body_of(await operator.post("/v1/schedules/nightly/disable"))
    shown = body_of(await operator.get("/v1/schedules/nightly"))
    enabled = body_of(await operator.post("/v1/schedules/nightly/enable"))
    removed = await operator.delete("/v1/schedules/nightly")

    assert (added.status_code, taken.status_code) == (201, 409)
    days = [datetime.fromisoformat(time) for time in times]
    assert [b - a for a, b in pairwise(days)] == [timedelta(days=1)] * 2
    assert (disabled["is_enabled"], disabled["fires_at"]) == (False, None)
    assert (shown["firings"], enabled["is_enabled"], removed.status_code) == ([], True, 204)
    assert body_of(await operator.get("/v1/schedules"))["items"] == []


async def test_a_body_that_two_readers_read_differently_starts_nothing(api: Api) -> None:
    operator = await api.as_(Role.operator)
    inner = api.harness.bundle(say(1)).decode()
    twice = inner.replace('"bundle_id"', '"bundle_id": "first", "bundle_id"', 1)
    raw = f'{{"name": "n", "cron": "0 1 * * *", "bundle": {twice}}}'

    answer = await operator.post(
        "/v1/schedules", content=raw, headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, body_of(answer)["code"]) == (422, "DUPLICATE_JSON_KEY")
    assert await api.harness.count("schedules") == 0


async def test_nobody_schedules_an_action_with_a_token_he_issued_himself(api: Api) -> None:
    both = await api.as_(Role.operator, Role.approver, owner="bob")
    ada = await api.as_(Role.operator, owner="ada")
    raw = api.harness.bundle(change(1))
    token = body_of(await both.post("/v1/tokens", params={"actor": "ada"}, content=raw))["token"]
    soon = (api.harness.app.clock.now() + timedelta(minutes=5)).isoformat()
    body = {"name": "b", "at": soon, "bundle": json.loads(raw), "policy_token": token}

    own = await both.post("/v1/schedules", json=body)
    other = await ada.post("/v1/schedules", json=body)

    assert (own.status_code, body_of(own)["code"]) == (403, "FOUR_EYES")
    assert other.status_code == 201, other.text
    assert token not in other.text


async def test_what_is_scheduled_in_one_project_is_missing_in_another(api: Api) -> None:
    app, tenant = api.harness.app, api.harness.tenant
    shop = await app.create_project("shop", tenant, OPERATOR)
    office = await app.create_project("office", tenant, OPERATOR)
    one = await api.as_(Role.operator, project_id=shop.project_id)
    two = await api.as_(Role.operator, project_id=office.project_id)
    body = {"name": "n", "cron": "0 1 * * *", "bundle": bundle_of(api, say(1))}
    rule = {"name": "n", "bundle": bundle_of(api, say(1))}
    assert (await one.post("/v1/schedules", json=body)).status_code == 201
    assert (await one.post("/v1/triggers", json=rule)).status_code == 201

    for kind in ("schedules", "triggers"):
        assert body_of(await one.get(f"/v1/{kind}"))["items"][0]["name"] == "n"
        assert body_of(await two.get(f"/v1/{kind}"))["items"] == []
        for answer in (
            await two.get(f"/v1/{kind}/n"),
            await two.post(f"/v1/{kind}/n/disable"),
            await two.delete(f"/v1/{kind}/n"),
        ):
            assert answer.status_code == 404
    foreign = body | {"name": "m", "project_id": str(shop.project_id)}
    assert (await two.post("/v1/schedules", json=foreign)).status_code == 404


async def test_an_event_is_stored_once_with_its_secrets_masked(api: Api) -> None:
    operator, viewer = await api.as_(Role.operator), await api.as_(Role.viewer)

    first = await operator.post("/v1/events", json=event(api))
    again = await operator.post("/v1/events", json=event(api))
    simulated = body_of(await viewer.post("/v1/events/simulate", json=event(api)))
    event_id = body_of(first)["id"]
    shown = await viewer.get(f"/v1/events/{event_id}")

    assert (first.status_code, again.status_code) == (201, 200)
    assert body_of(again) == {"id": event_id, "is_new": False}
    assert simulated == {"items": []}
    assert shown.status_code == 200
    assert "sk-live" not in shown.text
    assert body_of(await viewer.get("/v1/events"))["items"][0]["id"] == event_id


async def test_an_event_of_another_tenant_or_project_is_not_taken(api: Api) -> None:
    tenant = api.harness.tenant
    shop = await api.harness.app.create_project("shop", tenant, OPERATOR)
    office = await api.harness.app.create_project("office", tenant, OPERATOR)
    operator = await api.as_(Role.operator)
    confined = await api.as_(Role.operator, project_id=shop.project_id)

    foreign = await operator.post("/v1/events", json=event(api, tenant_id=str(NOBODY)))
    unowned = await confined.post("/v1/events", json=event(api))
    others = await confined.post("/v1/events", json=event(api, project_id=str(office.project_id)))
    own = await confined.post("/v1/events", json=event(api, project_id=str(shop.project_id)))
    await operator.post("/v1/events", json=event(api, trace_id="whole tenant"))

    assert [a.status_code for a in (foreign, unowned, others, own)] == [422, 404, 404, 201]
    seen = body_of(await confined.get("/v1/events"))["items"]
    assert [item["id"] for item in seen] == [body_of(own)["id"]]


async def test_a_rule_is_off_until_enabled_plans_only_and_carries_no_token(api: Api) -> None:
    operator = await api.as_(Role.operator)
    body = {"name": "on-alert", "event_types": ["ops.alert.*"], "bundle": bundle_of(api, say(1))}

    added = await operator.post("/v1/triggers", json=body)
    with_token = bundle_of(api, say(1)) | {"policy_token": "x"}
    token = await operator.post("/v1/triggers", json=body | {"name": "t", "bundle": with_token})
    enabled = body_of(await operator.post("/v1/triggers/on-alert/enable"))
    found = body_of(await operator.post("/v1/events/simulate", json=event(api)))["items"]
    shown = body_of(await operator.get("/v1/triggers/on-alert"))
    removed = await operator.delete("/v1/triggers/on-alert")

    assert (added.status_code, token.status_code) == (201, 422)
    assert (body_of(added)["is_enabled"], body_of(added)["mode"]) == (False, "dry_run")
    assert enabled["is_enabled"]
    assert [(s["rule"], s["outcome"]) for s in found] == [("on-alert", "fired")]
    assert (shown["evaluations"], removed.status_code) == ([], 204)


async def test_a_module_is_run_by_name_and_its_words_are_not_shown(api: Api) -> None:
    operator = await api.as_(Role.operator)
    wish = ModuleWish("ops", [sys.executable, "-c", "pass"])
    await api.harness.app.modules.add(wish, api.harness.tenant, OPERATOR)

    listed = await operator.get("/v1/modules")
    ran = await operator.post("/v1/modules/ops/run", json={"inputs": {"window": "1h"}})
    missing = await operator.post("/v1/modules/none/run", json={})
    added = await operator.post("/v1/modules", json={"name": "x", "words": ["/bin/sh"]})

    assert [item["name"] for item in body_of(listed)["items"]] == ["ops"]
    assert sys.executable not in listed.text
    assert (ran.status_code, body_of(ran)["summary"]["queued"]) == (202, 1)
    assert (missing.status_code, added.status_code) == (404, 405)
