"""Plans that wait for people: n of m, four eyes, void, stale, withdrawn, and broken glass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.application import OPERATOR, change, look
from tests.entrypoints.cli.bundles import apply, bundle
from tests.entrypoints.http.api import Api, body_of

from jobforge.core.actor import Role
from jobforge.ports.records import TenantWishes

if TYPE_CHECKING:
    import httpx

WHY = {"reason": "looked at the diff"}


@dataclass(frozen=True)
class People:
    """A plan with an action, whoever submitted it, and who may approve."""

    api: Api
    ada: httpx.AsyncClient
    bob: httpx.AsyncClient
    eve: httpx.AsyncClient
    digest: str

    @property
    def path(self) -> str:
        return f"/v1/plans/{self.digest}"

    async def approve(self, who: httpx.AsyncClient, **more: Any) -> httpx.Response:  # noqa: ANN401 (any member)
        return await who.post(f"{self.path}/approvals", json=WHY | more)

    async def execute(self, who: httpx.AsyncClient | None = None) -> httpx.Response:
        return await (who or self.ada).post(f"{self.path}/execute")

    async def state(self) -> str:
        return str(body_of(await self.ada.get(self.path))["state"])


@pytest.fixture
async def people(api: Api) -> People:
    # The action of these tests cannot be undone.
    wishes = TenantWishes(True, 1, 1)
    await api.harness.app.change_tenant(wishes, "one is enough", api.harness.tenant, OPERATOR)
    ada = await api.as_(Role.operator, Role.approver, owner="ada")
    planned = await ada.post("/v1/bundles/plan", content=api.harness.bundle(change(1), look(2)))
    return People(
        api,
        ada,
        await api.as_(Role.approver, owner="bob"),
        await api.as_(Role.admin, owner="eve"),
        body_of(planned)["plan_digest"],
    )


async def test_a_second_person_approves_and_the_plan_runs_once(people: People) -> None:
    before = body_of(await people.execute())
    listed = body_of(await people.bob.get("/v1/plans"))["items"]
    approved = await people.approve(people.bob)
    state = await people.state()
    executed = await people.execute()
    await people.api.harness.work()
    run = body_of(await people.ada.get(executed.headers["location"]))
    again = body_of(await people.execute())

    assert before["child_runs"][0]["code"] == "POLICY_TOKEN_REQUIRED"
    assert [plan["digest"] for plan in listed] == [people.digest]
    assert (approved.status_code, state) == (201, "permitted")
    assert (executed.status_code, run["summary"]["executed"]) == (202, 2)
    assert (people.api.harness.folder / "file-1.txt").read_text() == "new"
    assert again["summary"]["queued"] == 0
    assert await people.state() == "closed"


async def test_nobody_approves_his_own_plan_with_any_key_or_role(people: People) -> None:
    again = await people.api.as_(Role.admin, owner="ada")

    for client in (people.ada, again):
        refused = await people.approve(client)
        assert (refused.status_code, body_of(refused)["code"]) == (403, "FOUR_EYES")
    assert await people.state() == "waiting"


async def test_a_key_that_the_submitter_made_does_not_count(people: People) -> None:
    harness = people.api.harness
    puppet = await people.api.key(Role.approver, owner="puppet")
    await harness.alter(
        "UPDATE jobforge.api_keys SET created_by = 'key:0/ada' WHERE owner = 'puppet'"
    )

    refused = await people.approve(people.api.client(puppet))

    assert body_of(refused)["code"] == "FOUR_EYES"


async def test_who_approved_does_not_execute(people: People) -> None:
    await people.approve(people.eve)

    denied = body_of(await people.execute(people.eve))

    assert {child["code"] for child in denied["child_runs"]} == {"FOUR_EYES", "DENIED_WITH_BUNDLE"}
    assert (await people.execute(people.ada)).status_code == 202


async def test_what_cannot_be_undone_takes_two_distinct_people(people: People) -> None:
    await people.api.harness.alter(
        "UPDATE jobforge.tenants SET approvals_needed = DEFAULT, "
        "approvals_needed_irreversible = DEFAULT"
    )
    planned = await people.ada.post(
        "/v1/bundles/plan", content=people.api.harness.bundle(change(7))
    )
    fresh = People(people.api, people.ada, people.bob, people.eve, body_of(planned)["plan_digest"])

    await fresh.approve(fresh.bob)
    same = await fresh.approve(await people.api.as_(Role.approver, owner="bob"))
    early = body_of(await fresh.execute())
    await fresh.approve(fresh.eve)
    late = await fresh.execute()

    assert (same.status_code, body_of(same)["code"]) == (409, "ALREADY_EXISTS")
    assert early["child_runs"][0]["code"] == "POLICY_TOKEN_REQUIRED"
    assert late.status_code == 202


async def test_a_withdrawn_approval_takes_the_permission_along(people: People) -> None:
    approval = body_of(await people.approve(people.bob))["approval_id"]
    path = f"{people.path}/approvals/{approval}"

    stranger = await (await people.api.as_(Role.approver, owner="zoe")).delete(path)
    own = await people.bob.delete(path)
    twice = await people.bob.delete(path)
    denied = body_of(await people.execute())

    assert (stranger.status_code, own.status_code, twice.status_code) == (403, 204, 409)
    assert denied["child_runs"][0]["code"] == "POLICY_TOKEN_REQUIRED"
    assert await people.state() == "waiting"
    assert (await people.approve(people.bob)).status_code == 201


async def test_a_rejected_plan_is_void(people: People) -> None:
    await people.approve(people.bob)
    await people.approve(people.eve, decision="reject")

    answers = [await people.execute(), await people.approve(people.bob)]

    assert [(a.status_code, body_of(a)["code"]) for a in answers] == 2 * [(409, "PLAN_VOID")]


async def test_a_newer_plan_for_the_same_target_voids_the_older_one(people: People) -> None:
    harness = people.api.harness
    await people.approve(people.bob)
    newer = change(1, payload={"target": "file-1.txt", "value": "newer"}, idempotency_key="n")
    other = change(5, idempotency_key="o")

    await people.ada.post("/v1/bundles/plan", content=harness.bundle(other))
    untouched = await people.state()
    await people.ada.post("/v1/bundles/plan", content=harness.bundle(newer))
    answer = await people.execute()

    assert untouched == "permitted"
    assert (answer.status_code, body_of(answer)["code"]) == (409, "PLAN_VOID")
    (grant,) = await harness.rows("SELECT revoked_at FROM jobforge.policy_grants")
    assert grant["revoked_at"] is not None


async def test_a_plan_that_is_made_again_needs_new_approvals(people: People) -> None:
    harness = people.api.harness
    await people.approve(people.bob)
    await people.approve(people.eve, decision="reject")

    await people.ada.post("/v1/bundles/plan", content=harness.bundle(change(1), look(2)))

    assert await people.state() == "waiting"
    assert body_of(await people.execute())["child_runs"][0]["code"] == "POLICY_TOKEN_REQUIRED"


async def test_a_stale_plan_is_409_with_what_changed(people: People) -> None:
    harness = people.api.harness
    settings = harness.folder / "settings.json"
    settings.write_text('{"size": 1}')
    raw = bundle(str(harness.tenant.tenant_id), apply())
    planned = body_of(await people.ada.post("/v1/bundles/plan", json=raw))
    real = People(people.api, people.ada, people.bob, people.eve, planned["plan_digest"])
    await real.approve(real.bob)
    settings.write_text('{"size": 7}')

    stale = await real.execute()

    assert (stale.status_code, body_of(stale)["code"]) == (409, "PLAN_STALE")
    changes = body_of(stale)["changes"]
    assert "precondition" in {change["kind"] for change in changes}
    assert all(change["planned"] != change["current"] for change in changes)
    assert await harness.count("jobs") == 0
    assert "plan.stale" in await harness.events()


async def test_an_approval_is_for_the_effects_that_were_looked_at(people: People) -> None:
    refused = await people.approve(people.bob, effects_digest="sha256:" + "0" * 64)

    assert (refused.status_code, body_of(refused)["code"]) == (409, "CONFLICT")
    seen = body_of(await people.bob.get(people.path))["effects_digest"]
    assert (await people.approve(people.bob, effects_digest=seen)).status_code == 201


async def test_an_expired_approval_permits_nothing(people: People) -> None:
    await people.approve(people.bob)
    await people.api.harness.alter(
        "UPDATE jobforge.pending_grants SET expires_at = now() - interval '1 second'",
    )

    denied = body_of(await people.execute())

    assert denied["child_runs"][0]["code"] == "POLICY_TOKEN_EXPIRED"


async def test_broken_glass_is_one_execution_by_an_admin_loud_in_the_log(people: People) -> None:
    harness = people.api.harness

    refused = await people.bob.post(f"{people.path}/break-glass", json=WHY)
    silent = await people.eve.post(f"{people.path}/break-glass", json={"reason": ""})
    granted = await people.eve.post(f"{people.path}/break-glass", json=WHY)
    executed = await people.execute(people.eve)

    assert (refused.status_code, silent.status_code, granted.status_code) == (403, 422, 201)
    assert executed.status_code == 202
    entries = await harness.app.read_audit.newest(harness.tenant, 100)
    (entry,) = [entry for entry in entries if entry.event == "break_glass.granted"]
    assert "looked at the diff" in entry.details
    (grant,) = await harness.rows(
        "SELECT expires_at - granted_at AS life FROM jobforge.pending_grants"
    )
    assert grant["life"].total_seconds() == 15 * 60


async def test_four_eyes_can_be_off_for_a_tenant_and_the_log_says_so(people: People) -> None:
    harness = people.api.harness
    wishes = TenantWishes(False, 1, 2)
    await harness.app.change_tenant(wishes, "a team of one", harness.tenant, OPERATOR)

    approved = await people.approve(people.ada)
    executed = await people.execute(people.ada)

    assert (approved.status_code, executed.status_code) == (201, 202)
    entries = await harness.app.read_audit.newest(harness.tenant, 100)
    details = {entry.event: entry.details for entry in reversed(entries)}
    assert "off for this tenant" in details["approval.granted"]
    assert "a team of one" in details["tenant.changed"]


async def test_a_read_only_plan_needs_nobody(api: Api) -> None:
    ada = await api.as_(Role.operator, Role.approver)
    planned = body_of(await ada.post("/v1/bundles/plan", content=api.harness.bundle(look(1))))
    path = f"/v1/plans/{planned['plan_digest']}"

    approved = await ada.post(f"{path}/approvals", json=WHY)
    executed = await ada.post(f"{path}/execute")

    assert body_of(await ada.get(path))["state"] == "free"
    assert (approved.status_code, executed.status_code) == (409, 202)


async def test_the_plan_of_another_tenant_is_missing(people: People) -> None:
    other = await people.api.as_(Role.admin, tenant=await people.api.harness.new_tenant("other"))

    for method, path, body in (
        ("GET", people.path, None),
        ("POST", f"{people.path}/approvals", WHY),
        ("POST", f"{people.path}/break-glass", WHY),
        ("POST", f"{people.path}/execute", None),
    ):
        answer = await other.request(method, path, json=body)
        assert (answer.status_code, body_of(answer)["code"]) == (404, "NOT_FOUND"), path
    assert await people.state() == "waiting"
