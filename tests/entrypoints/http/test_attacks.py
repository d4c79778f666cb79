"""What attackers try over HTTP, beside what other files of this folder have.

Tenant crossing and every role: test_route_table. Self-approval, stale plans: test_approvals. Keys:
test_keys. Smuggling, slow and oversized requests: test_load_guards, test_writes.
"""

from __future__ import annotations

import pytest
from tests.application import OPERATOR, change, say
from tests.entrypoints.http.api import Api, body_of
from tests.entrypoints.http.artifacts import part_cases

from jobforge.core.actor import Role

HOSTILE = [
    "'; DROP TABLE jobforge.jobs; --",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe",
    "%00",
    "a" * 256,
]


async def test_a_token_over_http_is_for_one_use_by_somebody_else(api: Api) -> None:
    ada = await api.as_(Role.operator, owner="ada")
    bob = await api.as_(Role.operator, Role.approver, owner="bob")
    raw = api.harness.bundle(change(1))

    issued = await bob.post("/v1/tokens", params={"actor": "ada"}, content=raw)
    headers = {"Policy-Token": body_of(issued)["token"]}
    own = body_of(await bob.post("/v1/bundles/execute", content=raw, headers=headers))
    first = body_of(await ada.post("/v1/bundles/execute", content=raw, headers=headers))
    replay = api.harness.bundle(change(1, idempotency_key="again"))
    again = body_of(await ada.post("/v1/bundles/execute", content=replay, headers=headers))

    assert issued.status_code == 201
    assert own["child_runs"][0]["code"] == "FOUR_EYES"
    assert first["summary"]["queued"] == 1
    assert again["child_runs"][0]["code"] == "POLICY_TOKEN_USED"


async def test_who_submitted_a_plan_does_not_issue_its_token(api: Api) -> None:
    ada = await api.as_(Role.operator, Role.approver, owner="ada")
    raw = api.harness.bundle(change(1))
    await ada.post("/v1/bundles/plan", content=raw)

    refused = await ada.post("/v1/tokens", params={"actor": "ada"}, content=raw)

    assert (refused.status_code, body_of(refused)["code"]) == (403, "FOUR_EYES")


@pytest.mark.parametrize("name", HOSTILE)
async def test_names_are_texts_and_nothing_else(api: Api, name: str) -> None:
    admin = await api.as_(Role.admin)

    project = await admin.post("/v1/projects", json={"name": name, "slug": "p", "aliases": [name]})
    key = await admin.post("/v1/keys", json={"owner": name, "roles": ["viewer"]})
    listed = body_of(await admin.get("/v1/projects"))["items"]

    assert (project.status_code, key.status_code) == (201, 201), project.text + key.text
    assert [item["name"] for item in listed] == [name]
    assert project.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fetc%2fpasswd",
        "sha256:..%2f..",
        "sha256:" + "0" * 64,
        "%2e%2e",
    ],
)
async def test_artifacts_are_found_by_their_content_alone(api: Api, path: str) -> None:
    client = await api.as_(Role.viewer)

    assert (await client.get(f"/v1/artifacts/{path}")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/v1/artifacts/sha256:%00", "/v1/jobs?type=%00", "/v1/types/%00", "/v1/plans/%00"]
)
async def test_what_a_database_cannot_hold_is_refused_before_it_is_asked(
    api: Api, path: str
) -> None:
    client = await api.as_(Role.viewer)

    assert (await client.get(path)).status_code == 422


@pytest.mark.parametrize(
    "file_name", ["../x.csv", "a/b.csv", ".hidden", "about.json", "", "x\x00.csv", "a" * 200]
)
async def test_an_upload_names_no_path(api: Api, file_name: str) -> None:
    client = await api.as_(Role.operator)

    begun = await client.post(
        "/v1/uploads", json={"name": "rows", "file_name": file_name, "size": 3}
    )

    assert begun.status_code == 422


async def test_a_part_of_an_artifact_is_exactly_that_part(api: Api) -> None:
    client = await api.as_(Role.operator)
    run = body_of(
        await client.post("/v1/bundles/execute", content=api.harness.bundle(say(1, "0123456789")))
    )
    await api.harness.work()
    job = body_of(await client.get(f"/v1/jobs/{run['child_runs'][0]['job_id']}"))
    path = f"/v1/artifacts/{job['artifact_ref'].removeprefix('artifact:')}"

    whole = await client.get(path)
    same = await client.get(path, headers={"If-None-Match": whole.headers["etag"]})

    assert (whole.content, whole.headers["x-content-type-options"]) == (b"0123456789", "nosniff")
    assert whole.headers["content-disposition"].startswith("attachment")
    assert same.status_code == 304
    for asked, status, content in part_cases():
        answer = await client.get(path, headers={"Range": asked})
        assert answer.status_code == status, asked
        if status != 416:
            assert answer.content == content, asked


async def test_a_project_of_another_tenant_is_no_place_to_run_in(api: Api) -> None:
    other = await api.harness.new_tenant("other")
    theirs = await api.harness.app.create_project("Shop", other, OPERATOR)
    client = await api.as_(Role.operator)

    answer = await client.post(
        "/v1/bundles/plan",
        params={"project": str(theirs.project_id)},
        content=api.harness.bundle(say()),
    )

    assert (answer.status_code, body_of(answer)["code"]) == (404, "PROJECT_UNKNOWN")
