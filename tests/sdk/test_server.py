"""The clients against a real server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tests.entrypoints.cli.bundles import RECONCILE, reconcile
from tests.entrypoints.http.api import Api  # noqa: TC002 (asked for by fixtures)
from tests.entrypoints.http.conftest import api as _api
from tests.entrypoints.http.test_server import serving

from jobforge.core.actor import Role
from jobforge.sdk import (
    AsyncClient,
    BundleBuilder,
    Client,
    NotFound,
    Progress,
    StillOpen,
    Unauthenticated,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
api = _api


def bundle_for(api: Api) -> BundleBuilder:
    payload = reconcile()["payload"]
    return BundleBuilder(api.harness.tenant.tenant_id, "tests", NOON).add(RECONCILE, payload)


async def test_a_program_submits_a_bundle_and_waits_for_it(api: Api) -> None:
    key = await api.key(Role.operator)
    built = bundle_for(api).build()
    seen: list[Progress] = []

    def program(url: str) -> None:
        with Client(url, key) as client:
            planned = client.bundles.plan(built)
            assert planned.result.child_runs[0].status == "accepted"
            run = client.bundles.execute(built)
            result = run.wait(seen.append, timeout=timedelta(seconds=60))
            assert result.summary.executed == 1
            assert run.id is not None
            assert client.runs.get(run.id).result == result
            assert client.runs.manifest(run.id) == result.manifest
            assert "reconcile" in client.runs.summary(run.id)
            assert run.id in {item.id for item in client.runs.list(mode="execute")}
            (job,) = client.jobs.list(run=run.id)
            assert client.jobs.show(job.id).success

    async with serving(api, "--work", "4") as (url, _):
        await asyncio.to_thread(program, url)

    assert (seen[-1].done, seen[-1].total) == (1, 1)


async def test_an_asynchronous_program_does_the_same(api: Api) -> None:
    key = await api.key(Role.operator)
    transport = httpx.ASGITransport(app=api.app)

    async with AsyncClient("http://api", key, transport=transport) as client:
        run = await client.bundles.execute(bundle_for(api).build())
        with pytest.raises(StillOpen):
            await run.wait(timeout=timedelta(seconds=0.2))
        await api.harness.work()
        result = await run.wait(timeout=timedelta(seconds=30))
        jobs = [job async for job in client.jobs.list(status="executed")]
        with pytest.raises(NotFound):
            await client.jobs.cancel(api.harness.tenant.tenant_id)
    async with AsyncClient("http://api", "jf_none", transport=transport) as stranger:
        with pytest.raises(Unauthenticated):
            await stranger.runs.show(jobs[0].run_id)

    assert result.summary.executed == 1
    assert [job.id for job in jobs] == [result.child_runs[0].job_id]
