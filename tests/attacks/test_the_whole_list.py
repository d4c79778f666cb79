"""What attackers try, one test each and all in one place; the parts have theirs beside them.

Key leak, tenant crossing, token replay, stale plan, self-approval, injection in names, formulas in
exports, path tricks in artifacts, smuggled headers, everything oversized.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from tests.application import OPERATOR, change, say
from tests.entrypoints.cli.bundles import apply, bundle
from tests.entrypoints.http.api import NOBODY, Api, body_of
from tests.entrypoints.http.conftest import api as _api
from tests.entrypoints.http.sockets import connected, serving

from jobforge.autopilots.finops.report_pages import Table, to_csv
from jobforge.core.actor import Role

if TYPE_CHECKING:
    import httpx

api = _api

WHY = {"reason": "looked at the diff"}


async def test_key_leak_no_answer_row_or_entry_has_a_key_again(api: Api) -> None:
    key = await api.key(Role.admin)
    secret = key.rpartition("_")[2]
    client = api.client(key)
    made = body_of(await client.post("/v1/keys", json={"owner": "eve", "roles": ["viewer"]}))
    await client.post(
        "/v1/webhooks", json={"name": "w", "url": f"https://hooks.example/{key}", "events": []}
    )
    await client.post("/v1/bundles/plan", content=api.harness.bundle(say(1, text=f"key {key}")))

    answers = [
        (await client.get(path)).text
        for path in ("/v1/keys", "/v1/audit", "/v1/runs", "/v1/webhooks", "/v1/audit/export")
    ]
    tables = await api.harness.rows(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'jobforge'"
    )
    rows = ""
    for table in tables:
        found = await api.harness.rows(f"SELECT t::text FROM jobforge.{table['name']} AS t")  # noqa: S608 (a name of the catalogue)
        rows += " ".join(str(row[0]) for row in found)

    for leaked in (secret, made["key"].rpartition("_")[2]):
        assert leaked not in " ".join(answers)
        assert leaked not in rows


async def test_tenant_crossing_what_is_another_tenants_answers_as_what_is_missing(
    api: Api,
) -> None:
    other = await api.harness.new_tenant("other")
    run = await api.harness.execute(api.harness.bundle(say(1)))
    job = run.child_runs[0].job_id
    intruder = await api.as_(Role.admin, tenant=other)

    for path, real in (("/v1/runs/", run.bundle_run_id), ("/v1/jobs/", job)):
        found = await intruder.get(f"{path}{real}")
        missing = await intruder.get(f"{path}{NOBODY}")
        assert found.status_code == missing.status_code == 404
        assert found.text.replace(str(real), "ID") == missing.text.replace(str(NOBODY), "ID")
    # Whoever names another tenant in his bundle is not believed.
    answer = await intruder.post("/v1/bundles/execute", content=api.harness.bundle(say(2)))
    assert body_of(answer)["child_runs"][0]["code"] == "TENANT_MISMATCH"


async def test_token_replay_is_one_use_even_of_many_at_once(api: Api) -> None:
    ada = await api.as_(Role.operator, owner="ada")
    bob = await api.as_(Role.approver, owner="bob")
    raw = api.harness.bundle(change(1))
    issued = await bob.post("/v1/tokens", params={"actor": "ada"}, content=raw)
    headers = {"Policy-Token": body_of(issued)["token"]}

    answers = await asyncio.gather(
        *(ada.post("/v1/bundles/execute", content=raw, headers=headers) for _ in range(8))
    )

    assert sum(body_of(answer)["summary"]["queued"] for answer in answers) == 1
    assert await api.harness.count("jobs") == 1


async def test_stale_plan_is_refused_with_what_changed(api: Api) -> None:
    tenant = api.harness.tenant
    ada = await api.as_(Role.operator, owner="ada")
    bob = await api.as_(Role.approver, owner="bob")
    (api.harness.folder / "settings.json").write_text('{"size": 1}')
    raw = json.dumps(bundle(str(tenant.tenant_id), apply())).encode()
    digest = body_of(await ada.post("/v1/bundles/plan", content=raw))["plan_digest"]
    approved = await bob.post(f"/v1/plans/{digest}/approvals", json=WHY)
    (api.harness.folder / "settings.json").write_text('{"size": 7}')

    answer = await ada.post(f"/v1/plans/{digest}/execute")

    assert approved.status_code == 201, approved.text
    assert (answer.status_code, body_of(answer)["code"]) == (409, "PLAN_STALE")
    assert body_of(answer)["changes"]
    assert (api.harness.folder / "settings.json").read_text() == '{"size": 7}'


async def test_self_approval_is_refused_with_every_key_role_and_friend(api: Api) -> None:
    ada = await api.as_(*Role, owner="ada")
    again = await api.as_(*Role, owner="ada")
    raw = api.harness.bundle(change(1))
    digest = body_of(await ada.post("/v1/bundles/plan", content=raw))["plan_digest"]
    made = body_of(await ada.post("/v1/keys", json={"owner": "puppet", "roles": ["approver"]}))
    puppet = api.client(made["key"])

    for who in (ada, again, puppet):
        answer = await who.post(f"/v1/plans/{digest}/approvals", json=WHY)
        assert (answer.status_code, body_of(answer)["code"]) == (403, "FOUR_EYES")
    token = await ada.post("/v1/tokens", params={"actor": "ada"}, content=raw)
    assert (token.status_code, body_of(token)["code"]) == (403, "FOUR_EYES")


@pytest.mark.parametrize(
    "name",
    ["'; DROP TABLE jobforge.jobs; --", "<script>alert(1)</script>", "../../etc/passwd", "${x}"],
)
async def test_injection_in_names_is_text_everywhere(api: Api, name: str) -> None:
    admin = await api.as_(Role.admin)
    hook = {"name": name, "url": "https://hooks.example/x"}
    once = {"starts_at": "2026-12-24T00:00:00Z", "ends_at": "2026-12-25T00:00:00Z"}
    settings = {"url": "https://ada:pw@host.example/"}

    made = [
        await admin.post("/v1/webhooks", json=hook),
        await admin.post("/v1/windows", json={"name": name, "kind": "closed", "once": once}),
        await admin.post(
            "/v1/connections", json={"name": name, "kind": "http", "settings": settings}
        ),
    ]

    assert [answer.status_code for answer in made] == [201, 201, 201]
    for path in ("/v1/webhooks", "/v1/windows", "/v1/connections"):
        answer = await admin.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert body_of(answer)["items"][0]["name"] == name
    assert await api.harness.count("jobs") == 0


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "x\r="])
def test_csv_formulas_in_exports_are_texts(start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"

    written = to_csv(Table("T", ("name",), [(text,)]))
    (_, (cell,)) = csv.reader(io.StringIO(written, newline=""))

    assert cell.startswith(("'", "x"))
    assert "cmd|' /C calc'!A0" in cell


@pytest.mark.parametrize(
    "path",
    ["..%2f..%2fetc%2fpasswd", "sha256:..%2f..", "....//etc", "%2e%2e", "sha256:" + "Z" * 64],
)
async def test_path_tricks_in_artifacts_find_nothing(api: Api, path: str) -> None:
    client = await api.as_(Role.viewer)

    answer = await client.get(f"/v1/artifacts/{path}")

    assert answer.status_code in {404, 422}
    assert "root:" not in answer.text


async def test_smuggled_headers_are_one_refusal_and_no_second_request(api: Api) -> None:
    key = await api.key(Role.admin)
    hidden = f"GET /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
    raw = (
        "POST /v1/bundles/plan HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        f"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
    )
    async with serving(api) as port, connected(port) as (reader, writer):
        writer.write(raw.encode())
        async with asyncio.timeout(15):
            answer = await reader.read()

    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"items" not in answer


async def test_oversized_everything_is_refused_and_the_server_goes_on(api: Api) -> None:
    client = await api.as_(Role.admin)
    deep = "[" * 5_000 + "]" * 5_000
    wide = json.dumps({"name": "x" * 10_000, "url": "https://hooks.example"})
    as_json = {"Content-Type": "application/json"}

    answers: list[httpx.Response] = [
        await client.post("/v1/bundles/plan", content=b" " * (10 * 1024 * 1024)),
        await client.post("/v1/bundles/plan", content=deep),
        await client.post("/v1/schedules", content=deep, headers=as_json),
        await client.post("/v1/webhooks", content=wide, headers=as_json),
        await client.post("/v1/events", content=b'{"x": "' + b"y" * 300_000 + b'"}'),
        await client.get("/v1/jobs", params={"cursor": "A" * 5_000}),
        await client.get("/v1/runs", params={"limit": 10**30}),
        await client.get(f"/v1/types/{'x' * 5_000}"),
        await client.post("/v1/switches", json={"kind": "kill", "reason": "r" * 5_000}),
    ]

    assert {answer.status_code for answer in answers} <= {400, 413, 422}
    assert (await client.get("/v1/health")).status_code == 200
    # Nothing of it was done.
    assert (await api.harness.events()).count("switch.on") == 0
    assert body_of(await client.get("/v1/webhooks"))["items"] == []
    assert OPERATOR.is_local
