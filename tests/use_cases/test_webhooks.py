"""Webhooks: written with the decision, signed, tried for a day, parked, delivered anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError
from tests.adapters.http.site import Site
from tests.application import OPERATOR, Harness, change, open_harness, say

from jobforge.core.audit import AuditEntry
from jobforge.core.errors import AlreadyExists, InvalidInput, Missing
from jobforge.core.webhook import PAUSES, pause_after
from jobforge.use_cases.approve_plan import ApprovalWish
from jobforge.use_cases.keep_webhooks import CreatedWebhook

if TYPE_CHECKING:
    from jobforge.adapters.postgres.access import DatabaseAccess

HOOK = "/hook"


class Clock:
    """A clock that is moved."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead  # noqa: TID251 (signatures are judged by real time)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().serving() as site:
        site.answer(HOOK, status="204 No Content")
        yield site


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clock: Clock,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    async with open_harness(
        database_access, tmp_path, clock=clock, egress_allow="127.0.0.1"
    ) as harness:
        yield harness


async def add(app: Harness, site: Site, *events: str, name: str = "chat") -> CreatedWebhook:
    url = f"http://127.0.0.1:{site.port}{HOOK}"
    return await app.app.webhooks.add(name, url, events, app.tenant, OPERATOR)


def message(request: str) -> tuple[dict[str, str], str]:
    head, _, body = request.partition("\r\n\r\n")
    lines = [line.partition(": ") for line in head.splitlines()[1:]]
    return {name.lower(): value for name, _, value in lines}, body


def verified(site: Site, secret: str) -> list[dict[str, Any]]:
    """The events that came, each one's signature verified."""
    found = []
    for request in site.requests:
        headers, body = message(request)
        found.append(dict(Webhook(secret).verify(body, headers)))
    return found


async def test_a_finished_run_is_told_as_a_signed_cloud_event(app: Harness, site: Site) -> None:
    created = await add(app, site, "run.finished")
    result = await app.run(say(1))

    assert await app.app.deliver_webhooks() == 1
    (event,) = verified(site, created.secret)
    headers, body = message(site.requests[0])

    assert headers["content-type"].startswith("application/cloudevents+json")
    assert headers["webhook-id"] == event["id"]
    assert (event["specversion"], event["type"]) == ("1.0", "jobforge.run.finished")
    assert event["subject"] == f"run:{result.bundle_run_id}"
    assert event["data"]["status"] == "closed"
    assert str(app.tenant.tenant_id) in event["source"]
    datetime.fromisoformat(event["time"])
    with pytest.raises(WebhookVerificationError):
        Webhook(created.secret).verify(body.replace("closed", "failed"), headers)
    (delivery,) = await app.app.webhooks.deliveries("chat", app.tenant, 10)
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


async def test_decisions_on_plans_are_told_and_a_broken_glass_loudly(
    app: Harness, site: Site
) -> None:
    created = await add(app, site)
    planned = await app.plan(app.bundle(change(1)))
    digest = planned.plan_digest or ""
    await app.app.approve_plan(
        digest, ApprovalWish("looks right", timedelta(hours=1)), app.tenant, OPERATOR
    )
    await app.app.break_glass(digest, "the shop is down", app.tenant, OPERATOR)

    assert await app.app.deliver_webhooks() == 3

    events = {event["type"]: event for event in verified(site, created.secret)}
    assert set(events) == {
        "jobforge.approval.requested",
        "jobforge.approval.decided",
        "jobforge.break_glass.used",
    }
    assert events["jobforge.approval.decided"]["data"]["audit_event"] == "approval.granted"
    assert events["jobforge.break_glass.used"]["data"]["details"]["reason"] == "the shop is down"
    assert events["jobforge.break_glass.used"]["subject"] == f"plan:{digest}"


async def test_what_rolls_back_is_told_nobody(app: Harness, site: Site) -> None:
    await add(app, site)
    at = app.app.clock.now()
    entry = AuditEntry(app.tenant.tenant_id, at, "ada", "approval.requested", "plan:1")

    async def decide_and_fail() -> None:
        async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
            await unit.audit.append([entry])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await decide_and_fail()
    assert await app.count("webhook_deliveries") == 0

    async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
        await unit.audit.append([entry])
    assert await app.count("webhook_deliveries") == 1


async def test_either_secret_verifies_until_the_grace_is_over(
    app: Harness, site: Site, clock: Clock
) -> None:
    first = await add(app, site, "run.finished")
    second = await app.app.webhooks.rotate("chat", app.tenant, OPERATOR, grace=timedelta(hours=1))
    await app.run(say(1))
    await app.app.deliver_webhooks()

    assert verified(site, first.secret) == verified(site, second.secret)
    site.requests.clear()
    third = await app.app.webhooks.rotate("chat", app.tenant, OPERATOR, grace=timedelta(0))
    await app.run(say(2))
    await app.app.deliver_webhooks()

    assert len(verified(site, third.secret)) == 1
    for old in (first, second):
        with pytest.raises(WebhookVerificationError):
            verified(site, old.secret)
    assert clock.ahead == timedelta(0)


async def test_an_old_secret_signs_no_more_once_its_grace_is_over(
    app: Harness, site: Site, clock: Clock
) -> None:
    await add(app, site, "run.finished")
    await app.app.webhooks.rotate("chat", app.tenant, OPERATOR, grace=timedelta(hours=1))
    await app.run(say(1))
    await app.app.deliver_webhooks()
    clock.ahead = timedelta(hours=2)
    await app.run(say(2))
    await app.app.deliver_webhooks()

    signatures = [message(request)[0]["webhook-signature"].split() for request in site.requests]
    assert [len(signed) for signed in signatures] == [2, 1]


async def test_a_refusal_is_tried_again_for_a_day_then_parked_and_can_be_replayed(
    app: Harness, site: Site, clock: Clock
) -> None:
    created = await add(app, site, "run.finished")
    site.answer(HOOK, status="500 Broken")
    await app.run(say(1))
    waited = timedelta()
    (delivery,) = await app.app.webhooks.deliveries("chat", app.tenant, 10)

    for number in range(1, len(PAUSES) + 2):
        assert await app.app.deliver_webhooks() == 1, number
        (delivery,) = await app.app.webhooks.deliveries("chat", app.tenant, 10)
        assert delivery.attempts == number
        pause = max(delivery.next_at - clock.now(), timedelta())
        assert await app.app.deliver_webhooks() == 0
        clock.ahead += pause + timedelta(seconds=1)
        waited += pause

    assert (delivery.state, delivery.answer) == ("parked", "answered with 500")
    assert waited > timedelta(days=1)
    clock.ahead += timedelta(days=2)
    assert await app.app.deliver_webhooks() == 0
    clock.ahead = timedelta()
    await app.alter("UPDATE jobforge.webhook_deliveries SET next_at = now()")
    site.answer(HOOK)
    site.requests.clear()
    await app.app.webhooks.replay("chat", delivery.delivery_id, app.tenant, OPERATOR)
    assert await app.app.deliver_webhooks() == 1
    (again,) = verified(site, created.secret)
    assert again["id"] == str(delivery.delivery_id)


async def test_an_endpoint_that_is_gone_is_not_asked_again(app: Harness, site: Site) -> None:
    await add(app, site, "run.finished")
    site.answer(HOOK, status="410 Gone")
    await app.run(say(1))

    await app.app.deliver_webhooks()

    (delivery,) = await app.app.webhooks.deliveries("chat", app.tenant, 10)
    assert (delivery.state, delivery.attempts) == ("parked", 1)


async def test_no_message_goes_where_none_may_go(app: Harness, site: Site) -> None:
    await add(app, site, "run.finished", name="redirects")
    site.redirect(HOOK, "http://169.254.169.254/latest/meta-data")
    await app.app.webhooks.add(
        "inner", "http://10.0.0.1/hook", ["run.finished"], app.tenant, OPERATOR
    )
    await app.run(say(1))

    await app.app.deliver_webhooks()

    (inner,) = await app.app.webhooks.deliveries("inner", app.tenant, 10)
    (redirected,) = await app.app.webhooks.deliveries("redirects", app.tenant, 10)
    assert "EGRESS_DENIED" in (inner.answer or "")
    assert redirected.answer == "answered with 302"
    assert len(site.requests) == 1


async def test_two_workers_deliver_once(app: Harness, site: Site) -> None:
    created = await add(app, site, "run.finished")
    await app.run(say(1))

    counts = await asyncio.gather(*(app.app.deliver_webhooks() for _ in range(4)))

    assert sum(counts) == 1
    assert len(verified(site, created.secret)) == 1


async def test_another_tenant_is_told_nothing_and_finds_nothing(app: Harness, site: Site) -> None:
    other = await app.new_tenant("other")
    await add(app, site)
    await app.execute(app.bundle(say(1), tenant=other), tenant=other)
    await app.app.make_worker(5).run(drain=True)

    assert await app.app.deliver_webhooks() == 0
    assert await app.app.webhooks.all(other) == ()
    with pytest.raises(Missing):
        await app.app.webhooks.deliveries("chat", other, 10)
    with pytest.raises(Missing):
        await app.app.webhooks.remove("chat", other, OPERATOR)


async def test_its_secret_lies_nowhere_and_its_rows_go_with_it(app: Harness, site: Site) -> None:
    created = await add(app, site)
    await app.run(say(1))
    (rows,) = await app.rows("SELECT string_agg(w::text, '') FROM jobforge.webhooks AS w")
    (log,) = await app.rows("SELECT string_agg(e::text, '') FROM jobforge.audit_events AS e")
    secret = created.secret.removeprefix("whsec_")

    await app.app.webhooks.remove("chat", app.tenant, OPERATOR)

    assert secret not in rows[0] + log[0] + repr(created)
    assert await app.count("webhook_deliveries") == 0


@pytest.mark.parametrize(
    ("url", "events"),
    [
        ("ftp://host/x", []),
        ("https://ada:secret@host/x", []),
        ("https:///x", []),
        ("https://host/x y", []),
        ("https://host/" + "x" * 2_048, []),
        ("https://host/x", ["run.started"]),
    ],
)
async def test_what_is_no_endpoint_is_refused(app: Harness, url: str, events: list[str]) -> None:
    with pytest.raises(InvalidInput):
        await app.app.webhooks.add("x", url, events, app.tenant, OPERATOR)


async def test_a_name_is_taken_once(app: Harness, site: Site) -> None:
    await add(app, site)

    with pytest.raises(AlreadyExists):
        await add(app, site)


@given(chance=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_pauses_never_shrink_and_end(chance: float) -> None:
    pauses = [pause_after(n, chance) for n in range(1, len(PAUSES) + 1)]

    assert all(pause is not None for pause in pauses)
    assert [p for p in pauses if p] == sorted(p for p in pauses if p)
    assert pause_after(len(PAUSES) + 1, chance) is None
    assert json.dumps([p.total_seconds() for p in pauses if p])
