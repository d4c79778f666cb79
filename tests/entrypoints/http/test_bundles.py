"""`/v1/bundles`, `/v1/runs` and `/v1/jobs`: the way of a bundle over HTTP."""

from __future__ import annotations

import pytest
from tests.application import change, look, say
from tests.entrypoints.http.api import NOBODY, Api, body_of, without

from jobforge.core.actor import Role


async def test_a_bundle_is_planned_executed_and_watched(api: Api) -> None:
    client = await api.as_(Role.operator)
    raw = api.harness.bundle(say(1), say(2))

    planned = await client.post("/v1/bundles/plan", content=raw)
    executed = await client.post("/v1/bundles/execute", content=raw)
    await api.harness.work()
    shown = await client.get(executed.headers["location"])
    jobs = body_of(await client.get("/v1/jobs", params={"run": body_of(executed)["bundle_run_id"]}))
    job = body_of(await client.get(f"/v1/jobs/{jobs['items'][0]['id']}"))

    assert (planned.status_code, body_of(planned)["summary"]["accepted"]) == (200, 2)
    assert (executed.status_code, body_of(executed)["summary"]["queued"]) == (202, 2)
    assert body_of(planned)["plan_digest"] == body_of(executed)["plan_digest"]
    assert body_of(shown)["summary"]["executed"] == 2
    assert {item["status"] for item in jobs["items"]} == {"executed"}
    assert (job["success"], job["data"]) == (True, {"text": "hello"})


async def test_the_audit_log_names_key_and_owner(api: Api) -> None:
    client = await api.as_(Role.operator, owner="ada@example.org")

    await client.post("/v1/bundles/plan", content=api.harness.bundle(say()))

    entries = await api.harness.app.read_audit.newest(api.harness.tenant, 10)
    (decided,) = [entry for entry in entries if entry.event == "bundle.decided"]
    (created,) = [entry for entry in entries if entry.event == "key.created"]
    assert decided.actor == f"key:{created.subject.removeprefix('key:')}/ada@example.org"


async def test_a_refused_bundle_is_its_result_and_a_problem_at_once(api: Api) -> None:
    client = await api.as_(Role.operator)

    refused = await client.post("/v1/bundles/execute", content=b'{"a": 1, "a": 2}')

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    body = body_of(refused)
    assert (body["code"], body["success"]) == ("DUPLICATE_JSON_KEY", False)
    assert body["summary"]["errors"] == 1
    assert body["type"] == "/v1/errors/DUPLICATE_JSON_KEY"


async def test_what_is_switched_off_is_403_and_runs_nothing(api: Api) -> None:
    client = await api.as_(Role.operator)
    api.harness.switch(autopilot_jobs=False)

    answer = await client.post("/v1/bundles/execute", content=api.harness.bundle(say()))

    assert (answer.status_code, body_of(answer)["code"]) == (403, "FEATURE_FLAG_DISABLED")
    assert await api.harness.count("jobs") == 0


async def test_an_action_without_a_token_is_denied_like_everywhere(api: Api) -> None:
    client = await api.as_(Role.operator)

    answer = await client.post("/v1/bundles/execute", content=api.harness.bundle(change()))

    assert (answer.status_code, body_of(answer)["success"]) == (200, False)
    assert body_of(answer)["child_runs"][0]["code"] == "POLICY_TOKEN_REQUIRED"


async def test_a_bundle_for_another_tenant_is_denied_whatever_it_says(api: Api) -> None:
    other = await api.harness.new_tenant("other")
    client = await api.as_(Role.operator)

    theirs = await client.post(
        "/v1/bundles/execute", content=api.harness.bundle(say(), tenant=other)
    )
    nobodys = await client.post(
        "/v1/bundles/execute",
        content=api.harness.bundle(say()).replace(
            str(api.harness.tenant.tenant_id).encode(), str(NOBODY).encode()
        ),
    )

    assert body_of(theirs)["child_runs"][0]["code"] == "TENANT_MISMATCH"
    assert body_of(nobodys)["child_runs"][0]["code"] == "TENANT_MISMATCH"
    assert await api.harness.count("jobs") == 0


async def test_runs_are_listed_page_by_page_and_none_twice(api: Api) -> None:
    client = await api.as_(Role.operator)
    for number in range(5):
        await client.post("/v1/bundles/plan", content=api.harness.bundle(look(number)))

    seen, cursor = [], None
    while True:
        params = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = body_of(await client.get("/v1/runs", params=params))
        seen += [run["id"] for run in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    whole = body_of(await client.get("/v1/runs"))
    assert len(seen) == len(set(seen)) == 5
    assert seen == [run["id"] for run in whole["items"]]


@pytest.mark.parametrize("cursor", ["x", "", "AAAA", "MjAyNi0wMS0wMSB4", "é"])
async def test_a_cursor_of_somebody_else_is_refused(api: Api, cursor: str) -> None:
    client = await api.as_(Role.viewer)

    answer = await client.get("/v1/runs", params={"cursor": cursor})

    assert (answer.status_code, body_of(answer)["code"]) == (422, "REQUEST_INVALID")


async def test_jobs_are_filtered_canceled_and_retried(api: Api) -> None:
    client = await api.as_(Role.operator)
    await client.post("/v1/bundles/execute", content=api.harness.bundle(say(1), say(2)))
    first, second = body_of(await client.get("/v1/jobs", params={"status": "queued"}))["items"]

    canceled = await client.post(f"/v1/jobs/{first['id']}/cancel")
    again = await client.post(f"/v1/jobs/{first['id']}/cancel")
    retried = await client.post(f"/v1/jobs/{first['id']}/retry")
    early = await client.post(f"/v1/jobs/{second['id']}/retry")

    assert body_of(canceled) == {"id": first["id"], "status": "canceled"}
    assert (again.status_code, body_of(again)["code"]) == (409, "CONFLICT")
    assert body_of(retried)["status"] == "queued"
    assert early.status_code == 409


async def test_what_is_another_tenants_answers_exactly_as_what_is_missing(api: Api) -> None:
    owner = await api.as_(Role.operator)
    run = body_of(await owner.post("/v1/bundles/execute", content=api.harness.bundle(say())))
    run_id, job_id = run["bundle_run_id"], run["child_runs"][0]["job_id"]
    other = await api.as_(Role.admin, tenant=await api.harness.new_tenant("other"))

    for method, path, theirs in (
        ("GET", "/v1/runs/{}", run_id),
        ("GET", "/v1/runs/{}/manifest", run_id),
        ("GET", "/v1/runs/{}/summary", run_id),
        ("GET", "/v1/jobs/{}", job_id),
        ("POST", "/v1/jobs/{}/cancel", job_id),
        ("POST", "/v1/jobs/{}/retry", job_id),
    ):
        foreign = await other.request(method, path.format(theirs))
        missing = await other.request(method, path.format(NOBODY))
        assert foreign.status_code == 404, path
        assert without(foreign, theirs) == without(missing, NOBODY), path
    assert body_of(await other.get("/v1/jobs"))["items"] == []


async def test_a_key_of_one_project_sees_and_does_nothing_outside_it(api: Api) -> None:
    harness = api.harness
    from tests.application import OPERATOR

    shop = await harness.app.create_project("Shop", harness.tenant, OPERATOR)
    whole = await api.as_(Role.admin)
    confined = await api.as_(Role.admin, project_id=shop.project_id)
    outside = body_of(await whole.post("/v1/bundles/execute", content=harness.bundle(say(1))))
    inside = body_of(await confined.post("/v1/bundles/execute", content=harness.bundle(say(2))))

    assert inside["manifest"]["project_id"] == str(shop.project_id)
    listed = body_of(await confined.get("/v1/runs"))["items"]
    assert [run["id"] for run in listed] == [inside["bundle_run_id"]]
    assert (await confined.get(f"/v1/runs/{outside['bundle_run_id']}")).status_code == 404
    job = outside["child_runs"][0]["job_id"]
    assert (await confined.post(f"/v1/jobs/{job}/cancel")).status_code == 404
    elsewhere = await confined.get("/v1/runs", params={"project": str(NOBODY)})
    assert elsewhere.status_code == 404
