"""Who sees which page: generated from the pages as they are."""

from __future__ import annotations

import pytest
from tests.application import OPERATOR, Harness, change, look
from tests.entrypoints.http.console.site import PUBLIC, Site, table

from jobforge.core.actor import Role
from jobforge.core.authorization import ROLES_OF, WHOLE_TENANT
from jobforge.entrypoints.http.console.access import SESSION_COOKIE
from jobforge.entrypoints.http.console.mount import FORMS_COOKIE

NOBODY = "00000000-0000-4000-8000-000000000000"
TABLE = table()
GUARDED = [listed for listed in TABLE if listed.name not in PUBLIC]
ASKED = [listed for listed in GUARDED if listed.name != "sign_out"]


def test_every_page_asks_for_a_permission_but_the_one_that_signs_in() -> None:
    assert {listed.name for listed in TABLE if listed.command is None} == PUBLIC
    assert len(GUARDED) > 30


def test_nothing_is_changed_by_looking() -> None:
    reading = {listed.name for listed in TABLE if listed.method == "GET"}
    writing = {listed.name for listed in TABLE if listed.method != "GET"}

    assert reading.isdisjoint(writing)
    assert {listed.method for listed in TABLE} == {"GET", "POST"}


async def test_who_is_not_signed_in_is_asked_to(site: Site) -> None:
    stranger = site.stranger()

    for listed in GUARDED:
        is_read = listed.method == "GET"
        answer = await (stranger.get if is_read else stranger.post)(listed.fill(NOBODY))
        assert answer.status_code == 303, listed.name
        assert answer.headers["location"].startswith("/console/sign-in"), listed.name


async def test_each_role_sees_what_its_row_says_and_nothing_else(site: Site) -> None:
    wrong = []
    for role in Role:
        visitor = await site.as_(role, owner=role.value)
        for listed in ASKED:
            assert listed.command is not None
            if listed.method == "GET":
                answer = await visitor.get(listed.fill(NOBODY))
            else:
                answer = await visitor.post(listed.fill(NOBODY))
            is_let_in = answer.status_code != 403 or "NOT_PERMITTED" not in answer.text
            if is_let_in != (role in ROLES_OF[listed.command]):
                wrong.append((role, listed.name, answer.status_code))

    assert wrong == []


async def test_nothing_breaks_whatever_is_asked_for(site: Site) -> None:
    admin = await site.as_(Role.admin)

    for listed in ASKED:
        if listed.method == "GET":
            answer = await admin.get(listed.fill(NOBODY))
        else:
            answer = await admin.post(listed.fill(NOBODY))
        assert answer.status_code < 500, (listed.name, answer.text[-500:])


async def test_what_belongs_to_another_tenant_is_not_there(site: Site, app: Harness) -> None:
    run = await app.run(look())
    plan = await app.plan(app.bundle(change()))
    other = await app.new_tenant("other")
    stranger = await site.as_(Role.admin, owner="eve", tenant=other)
    job = run.child_runs[0].job_id
    paths = {
        f"/runs/{run.bundle_run_id}": f"/runs/{NOBODY}",
        f"/runs/{run.bundle_run_id}/live": f"/runs/{NOBODY}/live",
        f"/runs/{run.bundle_run_id}/impact": f"/runs/{NOBODY}/impact",
        f"/jobs/{job}": f"/jobs/{NOBODY}",
        f"/jobs/{job}/artifacts/0": f"/jobs/{NOBODY}/artifacts/0",
        f"/jobs/{job}/artifacts/0/raw": f"/jobs/{NOBODY}/artifacts/0/raw",
        f"/jobs/{job}/artifacts/0/download": f"/jobs/{NOBODY}/artifacts/0/download",
        f"/results/{job}": f"/results/{NOBODY}",
        f"/plans/{plan.plan_digest}": f"/plans/sha256:{'0' * 64}",
        f"/plans/{plan.plan_digest}/check": f"/plans/sha256:{'0' * 64}/check",
    }

    for path, missing in paths.items():
        answer, nothing = await stranger.get(path), await stranger.get(missing)

        assert answer.status_code == nothing.status_code == 404, path
    for path in ("/runs", "/jobs", "/inbox", "/results", "/bundles", "/"):
        text = await stranger.page(path)
        assert str(run.bundle_run_id) not in text
        assert str(job) not in text
        assert str(plan.plan_digest) not in text


async def test_who_is_confined_to_a_project_sees_no_other_projects(
    site: Site, app: Harness
) -> None:
    run = await app.run(look())
    project = await app.app.create_project("One", app.tenant, OPERATOR)
    confined = await site.as_(Role.admin, project_id=project.project_id)

    for path in (f"/runs/{run.bundle_run_id}", f"/jobs/{run.child_runs[0].job_id}"):
        assert (await confined.get(path)).status_code == 404
    assert str(run.bundle_run_id) not in await confined.page("/runs")
    for listed in ASKED:
        if listed.command in WHOLE_TENANT and listed.method == "GET":
            assert (await confined.get(listed.fill(NOBODY))).status_code == 403, listed.name


async def test_a_session_ends_with_its_key(site: Site, app: Harness) -> None:
    key = await site.key(Role.viewer)
    visitor = site.stranger()
    await visitor.sign_in(key)
    assert (await visitor.get("/runs")).status_code == 200

    await app.app.keys.revoke(key.split("_")[1], app.tenant, OPERATOR)

    assert (await visitor.get("/runs")).status_code == 303


async def test_signing_out_forgets_the_session(site: Site, app: Harness) -> None:
    visitor = await site.as_(Role.viewer)

    answer = await visitor.post("/sign-out")

    assert answer.status_code == 303
    assert SESSION_COOKIE not in visitor.client.cookies
    assert (await visitor.get("/runs")).status_code == 303
    assert (await app.events())[-2:] == ["session.begun", "session.ended"]


@pytest.mark.parametrize("key", ["", "x", "jfk_0123456789ab_" + "0" * 64, "jfk_\x00"])
async def test_what_is_no_key_begins_no_session(site: Site, key: str) -> None:
    stranger = site.stranger()

    answer = await stranger.sign_in(key)

    assert answer.status_code in {401, 422}
    assert SESSION_COOKIE not in stranger.client.cookies


async def test_a_session_that_somebody_made_up_is_none(site: Site) -> None:
    visitor = await site.as_(Role.viewer)
    token = visitor.client.cookies[SESSION_COOKIE]
    head, body, signature = token.split(".")

    for forged in (f"{head}.{body}.{signature[:-2]}AA", f"{head}.{body}.", "x", token + "x"):
        headers = {"Cookie": f"{SESSION_COOKIE}={forged}"}
        answer = await site.stranger().client.get("/console/runs", headers=headers)
        assert answer.status_code == 303
    headers = {"Cookie": f"{SESSION_COOKIE}={token}"}
    assert (await site.stranger().client.get("/console/runs", headers=headers)).status_code == 200


async def test_cookies_are_bound_to_this_host_and_to_tls(site: Site) -> None:
    stranger = site.stranger()
    form = (await stranger.get("/sign-in")).headers["set-cookie"]
    answer = await stranger.sign_in(await site.key(Role.viewer))

    for cookie in (form, answer.headers["set-cookie"]):
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert cookie.startswith("__Host-")
        assert {"secure", "path=/", "samesite=lax"} <= parts
        assert not any(part.startswith("domain") for part in parts)
    assert "httponly" in answer.headers["set-cookie"].lower()


async def test_a_form_that_was_not_handed_out_is_refused(site: Site, app: Harness) -> None:
    admin = await site.as_(Role.admin)
    other = site.stranger()
    wrong = await other.token()
    send = admin.client.post

    forged = [
        await send("/console/controls/stop", data={"kind": "kill", "confirm": "stop"}),
        await send("/console/controls/stop", data={"csrftoken": wrong, "kind": "kill"}),
        await send("/console/controls/stop", content=b"\xff\xfe", headers=_FORM),
        await send("/console/controls/stop", content=b"x", headers={"content-type": "text/plain"}),
        await send("/console/controls/stop", content=b"x", headers=_MULTIPART),
        await send("/console/bundles", files={"bundle": ("b.json", b"{}")}),
        await send(f"/console/bundles?csrftoken={wrong}", files={"bundle": ("b.json", b"{}")}),
    ]

    assert [answer.status_code for answer in forged] == [403] * len(forged)
    assert await app.app.switches.all() == ()


async def test_a_key_in_a_header_opens_no_page_and_passes_no_form(site: Site) -> None:
    stranger = site.stranger()
    key = await site.key(Role.admin)
    headers = {"Authorization": f"Bearer {key}"}

    read = await stranger.client.get("/console/runs", headers=headers)
    admin = await site.as_(Role.admin)
    written = await admin.client.post(
        "/console/controls/stop", data={"kind": "kill"}, headers=headers
    )

    assert read.status_code == 303
    assert written.status_code == 403


async def test_signing_in_leads_to_no_other_site(site: Site) -> None:
    key = await site.key(Role.viewer)

    for path in ("//evil.example", "https://evil.example", "/\\evil.example", "/\r\nX: y", "evil"):
        stranger = site.stranger()
        answer = await stranger.post("/sign-in", key=key, next=path)
        assert answer.headers["location"] == "/console/"
    assert FORMS_COOKIE.startswith("__Host-")


_FORM = {"content-type": "application/x-www-form-urlencoded"}
_MULTIPART = {"content-type": "multipart/form-data"}
