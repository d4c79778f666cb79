"""`jobforge serve` as a process of its own: it answers, works, and stops when told."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from tests.application import SECRET
from tests.entrypoints.cli.bundles import RECONCILE, bundle, reconcile

from jobforge.core.actor import Role

if TYPE_CHECKING:
    from tests.entrypoints.http.api import Api

ROOT = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def serving(api: Api, *words: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A server in a process of its own, over the same database."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jobforge", "serve", "--port", str(port), *words),
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT / "src"),
            "JOBFORGE_HOME": str(api.harness.app.home),
            "JOBFORGE_DATABASE_URL": api.harness.access.owner_dsn,
            "JOBFORGE_AUTOPILOT_JOBS_ENABLED": "1",
            "JOBFORGE_POLICY_TOKEN_SECRET": SECRET,
        },
    )
    try:
        await _until_it_answers(port, process)
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_it_answers(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(90), httpx.AsyncClient() as client:
        while True:
            assert process.returncode is None
            try:
                await client.get(f"http://127.0.0.1:{port}/v1/health")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return


async def _ended(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """The one child of a run, once it has ended."""
    async with asyncio.timeout(60):
        while True:
            (child,) = (await client.get(path)).json()["child_runs"]
            if child["status"] != "queued":
                return dict(child)
            await asyncio.sleep(0.2)


async def test_it_answers_works_and_stops(api: Api) -> None:
    key = await api.key(Role.operator)
    raw = bundle(str(api.harness.tenant.tenant_id), reconcile())

    async with serving(api, "--work", "4") as (url, process):
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            stranger = await client.get("/v1/runs", headers={"Authorization": ""})
            executed = await client.post("/v1/bundles/execute", json=raw)
            path = executed.headers["location"]
            child = await _ended(client, path)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            code = await process.wait()

    assert stranger.status_code == 401
    assert (child["job_type"], child["status"]) == (RECONCILE, "executed")
    assert code in {0, -signal.SIGTERM}
