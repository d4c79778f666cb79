"""Server-sent events: a run's progress as it happens, taken up again where it stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from tests.application import say
from tests.entrypoints.http.api import NOBODY, Api, body_of
from tests.entrypoints.http.sockets import listening

from jobforge.core.actor import Role

if TYPE_CHECKING:
    import httpx


async def events_of(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line == "" and event:
            yield event
            event = {}
        elif name in {"id", "event"}:
            event[name] = value
        elif name == "data":
            event[name] = json.loads(value)


async def test_a_run_is_watched_to_its_end(api: Api) -> None:
    async with listening(api) as client:
        executed = await client.post(
            "/v1/bundles/execute", content=api.harness.bundle(say(1), say(2))
        )
        path = f"{executed.headers['location']}/events"
        async with asyncio.timeout(30), client.stream("GET", path) as response:
            stream = events_of(response)
            first = await anext(stream)
            work = asyncio.create_task(api.harness.work())
            rest = [event async for event in stream]
            await work
        seen = await client.get(path, headers={"Last-Event-ID": rest[-1]["id"]})
        late = await client.get(path)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert (first["event"], first["data"]["done"], first["data"]["total"]) == ("progress", 0, 2)
    assert rest[-1]["event"] == "closed"
    assert rest[-1]["data"]["jobs"] == {"executed": 2}
    assert seen.status_code == 204
    assert "event: closed" in late.text


async def test_who_comes_again_gets_only_what_is_new(api: Api) -> None:
    async with listening(api) as client:
        executed = await client.post("/v1/bundles/execute", content=api.harness.bundle(say(1)))
        path = f"{executed.headers['location']}/events"
        async with asyncio.timeout(30), client.stream("GET", path) as response:
            first = await anext(events_of(response))
        headers = {"Last-Event-ID": first["id"]}
        async with asyncio.timeout(30), client.stream("GET", path, headers=headers) as response:
            stream = events_of(response)
            work = asyncio.create_task(api.harness.work())
            again = await anext(stream)
            await work

    assert again["id"] != first["id"]
    assert api.harness.app.feed.watchers == 0


async def test_the_run_of_another_tenant_is_missing(api: Api) -> None:
    owner = await api.as_(Role.operator)
    run = body_of(await owner.post("/v1/bundles/execute", content=api.harness.bundle(say())))
    other = await api.as_(Role.admin, tenant=await api.harness.new_tenant("other"))

    for run_id in (run["bundle_run_id"], NOBODY):
        assert (await other.get(f"/v1/runs/{run_id}/events")).status_code == 404
