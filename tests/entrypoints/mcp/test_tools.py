"""The tools for agents, called with the SDK's own client."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from tests.application import OPERATOR, Harness, change, say

from jobforge.core.actor import Role
from jobforge.core.api_key import DEFAULT_LIFETIME
from jobforge.core.authorization import ROLES_OF, Command
from jobforge.entrypoints.mcp.tools import make_server
from jobforge.ports.records import TenantRecord
from jobforge.use_cases.keep_keys import KeyWish

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = {
    "list_job_types": Command.TYPE_READ,
    "show_job_type": Command.TYPE_READ,
    "plan_bundle": Command.BUNDLE_PLAN,
    "execute_bundle": Command.BUNDLE_PLAN,
    "list_runs": Command.RUN_READ,
    "show_run": Command.RUN_READ,
    "read_artifact": Command.ARTIFACT_READ,
    "list_audit": Command.AUDIT_READ,
}
NOTHING = "00000000-0000-4000-8000-000000000000"


async def key_of(app: Harness, *roles: Role, tenant: TenantRecord | None = None) -> str:
    wish = KeyWish("agent", frozenset(roles), DEFAULT_LIFETIME)
    return (await app.app.keys.create(wish, tenant or app.tenant, OPERATOR)).key


@asynccontextmanager
async def agent(app: Harness, key: str | None) -> AsyncIterator[Client]:
    async with Client(make_server(app.app, key)) as client:
        yield client


def arguments(app: Harness, tool: str) -> dict[str, Any]:
    bundle = app.bundle(say(1)).decode()
    given: dict[str, dict[str, Any]] = {
        "show_job_type": {"name": "none"},
        "plan_bundle": {"bundle": bundle},
        "execute_bundle": {"bundle": bundle},
        "show_run": {"run_id": NOTHING},
        "read_artifact": {"checksum": "sha256:" + "0" * 64},
    }
    return given.get(tool, {})


async def said(client: Client, tool: str, **given: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
    answer = await client.call_tool(tool, given)
    assert not answer.is_error, answer
    assert answer.structured_content is not None
    return dict(answer.structured_content)


async def refusal(client: Client, tool: str, given: dict[str, Any]) -> str:
    answer = await client.call_tool(tool, given)
    return str(answer.content) if answer.is_error else ""


async def test_there_are_these_tools_and_none_of_them_permits(app: Harness) -> None:
    async with agent(app, await key_of(app, Role.admin)) as client:
        tools = (await client.list_tools()).tools

    assert {tool.name for tool in tools} == TOOLS.keys()
    for tool in tools:
        assert tool.description
        assert (
            not {"tenant", "tenant_id", "actor", "policy_token"}
            & tool.input_schema["properties"].keys()
        )


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_may_exactly_what_the_matrix_says(app: Harness, role: Role) -> None:
    async with agent(app, await key_of(app, role)) as client:
        for tool, command in TOOLS.items():
            message = await refusal(client, tool, arguments(app, tool))
            assert ("NOT_PERMITTED" in message) == (role not in ROLES_OF[command]), (tool, message)
        given = {**arguments(app, "execute_bundle"), "dry_run": False}
        message = await refusal(client, "execute_bundle", given)
        assert ("NOT_PERMITTED" in message) == (role not in ROLES_OF[Command.BUNDLE_EXECUTE])


@pytest.mark.parametrize("key", [None, "nonsense", "jfk_000000000000_" + "0" * 64])
async def test_without_a_valid_key_nothing_is_told(app: Harness, key: str | None) -> None:
    async with agent(app, key) as client:
        for tool in TOOLS:
            assert "UNAUTHENTICATED" in await refusal(client, tool, arguments(app, tool))


async def test_an_agent_plans_unless_it_is_told_to_execute(app: Harness) -> None:
    async with agent(app, await key_of(app, Role.operator)) as client:
        bundle = app.bundle(say(1)).decode()
        planned = await said(client, "execute_bundle", bundle=bundle)
        queued = await said(client, "execute_bundle", bundle=bundle, dry_run=False)
        await app.work()
        run = await said(client, "show_run", run_id=queued["bundle_run_id"])
        runs = await said(client, "list_runs")
        job = await app.job_of(
            (await app.app.show_run(UUID(run["bundle_run_id"]), app.tenant)).child_runs[0]
        )
        checksum = str(job.artifact_ref).removeprefix("artifact:")
        artifact = await said(client, "read_artifact", checksum=checksum)

    assert (planned["dry_run"], queued["summary"]["queued"]) == (True, 1)
    assert run["child_runs"][0]["status"] == "executed"
    assert runs["items"][0]["id"] == queued["bundle_run_id"]
    assert (artifact["text"], artifact["size"]) == ("hello", 5)


async def test_an_agents_action_waits_for_people(app: Harness) -> None:
    async with agent(app, await key_of(app, *Role)) as client:
        bundle = app.bundle(change(1)).decode()
        await said(client, "plan_bundle", bundle=bundle)
        result = await said(client, "execute_bundle", bundle=bundle, dry_run=False)

    assert result["child_runs"][0]["code"] == "POLICY_TOKEN_REQUIRED"
    assert len(await app.app.show_plan.waiting(app.tenant, None, 10)) == 1
    assert await app.count("jobs") == 0


async def test_a_bundle_of_another_tenant_is_denied(app: Harness) -> None:
    other = await app.new_tenant("other")
    theirs = await app.execute(app.bundle(say(1)))
    async with agent(app, await key_of(app, Role.admin, tenant=other)) as client:
        result = await said(
            client, "execute_bundle", bundle=app.bundle(say(2)).decode(), dry_run=False
        )
        message = await refusal(client, "show_run", {"run_id": str(theirs.bundle_run_id)})
        missing = await refusal(client, "show_run", {"run_id": NOTHING})
        audit = await said(client, "list_audit")

    assert result["child_runs"][0]["code"] == "TENANT_MISMATCH"
    assert message.replace(str(theirs.bundle_run_id), NOTHING) == missing
    assert str(app.tenant.tenant_id) not in str(audit)


async def test_a_bundle_is_read_as_strictly_as_anywhere(app: Harness) -> None:
    twice = app.bundle(say(1)).decode().replace('"bundle_id"', '"bundle_id": "a", "bundle_id"', 1)
    async with agent(app, await key_of(app, Role.operator)) as client:
        result = await said(client, "plan_bundle", bundle=twice)

    assert result["manifest"]["error"]["code"] == "DUPLICATE_JSON_KEY"


async def test_over_http_each_request_is_its_own_keys(app: Harness) -> None:
    other = await app.new_tenant("other")
    await app.execute(app.bundle(say(1)))
    served = make_server(app.app).streamable_http_app(stateless_http=True)
    config = uvicorn.Config(served, host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn tells it by a flag alone)
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    counts = []
    try:
        for tenant in (app.tenant, other):
            headers = {"Authorization": f"Bearer {await key_of(app, Role.viewer, tenant=tenant)}"}
            async with httpx2.AsyncClient(headers=headers) as http:
                transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http)
                async with Client(transport) as client:
                    counts.append(len((await said(client, "list_runs"))["items"]))
        async with Client(f"http://127.0.0.1:{port}/mcp") as stranger:
            assert "UNAUTHENTICATED" in await refusal(stranger, "list_runs", {})
    finally:
        server.should_exit = True
        await serving

    assert counts == [1, 0]


async def test_over_standard_input_it_acts_for_the_key_of_the_process(
    app: Harness, tmp_path: Path
) -> None:
    await app.execute(app.bundle(say(1)))
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "jobforge", "mcp"],
        env={
            "JOBFORGE_HOME": str(tmp_path),
            "JOBFORGE_DATABASE_URL": app.access.owner_dsn,
            "JOBFORGE_MCP_KEY": await key_of(app, Role.viewer),
        },
    )

    async with Client(started) as client:
        runs = await said(client, "list_runs")
        message = await refusal(client, "plan_bundle", arguments(app, "plan_bundle"))

    assert len(runs["items"]) == 1
    assert "NOT_PERMITTED" in message
