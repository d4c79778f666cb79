"""`jobforge worker` as a process of its own: told to stop, and killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.application import SECRET, Harness, Text, make_type, open_harness, say

if TYPE_CHECKING:
    from jobforge.adapters.postgres.access import DatabaseAccess
    from jobforge.core.context import JobContext

SCRIPT = Path(__file__).with_name("slow_worker.py")
ROOT = Path(__file__).parents[3]


async def at_once(payload: Text, _: JobContext) -> Text:
    return payload


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    types = [make_type("linger", at_once)]
    async with open_harness(
        database_access, tmp_path, job_types=types, egress_allow="127.0.0.1"
    ) as harness:
        yield harness


@asynccontextmanager
async def worker(app: Harness) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        SCRIPT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.defpath,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
            "JOBFORGE_HOME": str(app.app.home),
            "JOBFORGE_DATABASE_URL": app.access.owner_dsn,
            "JOBFORGE_AUTOPILOT_JOBS_ENABLED": "1",
            "JOBFORGE_EGRESS_ALLOW": "127.0.0.1",
            "JOBFORGE_POLICY_TOKEN_SECRET": SECRET,
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return (await process.stdout.readline()).decode().strip()


def linger(number: int, seconds: str) -> dict[str, object]:
    return say(number, seconds, job_type="autopilot.ops.linger")


async def test_a_worker_that_gets_sigterm_finishes_what_runs_and_ends_well(app: Harness) -> None:
    result = await app.execute(app.bundle(linger(1, "1.0")))

    async with worker(app) as process:
        assert await line_of(process) == "begun 1"
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            code = await process.wait()

    assert code == 0
    assert (await app.show(result)).summary.executed == 1
    assert (await app.events())[-1] == "job.executed"


async def test_a_worker_that_gets_sigterm_while_it_starts_ends_well(tmp_path: Path) -> None:
    is_starting = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_starting.set()
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jobforge", "worker"),
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT / "src"),
            "JOBFORGE_HOME": str(tmp_path),
            "JOBFORGE_DATABASE_URL": f"postgresql://nobody:none@127.0.0.1:{port}/none",
        },
    )
    async with asyncio.timeout(60), silent:
        await is_starting.wait()
        process.send_signal(signal.SIGTERM)

        assert await process.wait() == 0


class SlowSite:
    """Forty pages that link to each other, a tenth of a second each; `far` after 25 requests."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.far = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = "".join(f"<a href=/{n}>{n}</a>" for n in range(40)).encode()
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
                self.asked.append(path.strip("/"))
                if len(self.asked) == 25:
                    self.far.set()
                await asyncio.sleep(0.1)
                is_page = path == "/" or path.strip("/").isdigit()
                head = f"HTTP/1.1 {'200 OK' if is_page else '404 Not Found'}\r\n"
                length = f"Content-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write((head + length).encode() + body)
        writer.close()


async def test_the_crawl_of_a_killed_worker_is_gone_on_with_by_the_next(app: Harness) -> None:
    site = SlowSite()
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    payload = {"target_url": url, "scan_depth": "crawl", "options": {"delay_seconds": 0.1}}
    request = say(1, job_type="autopilot.growth.seo_scan", payload=payload)
    result = await app.execute(app.bundle(request))

    async with server:
        async with worker(app) as process:
            async with asyncio.timeout(120):
                await site.far.wait()
            process.kill()
            await process.wait()
        before = len(site.asked)
        await app.alter("UPDATE pgqueuer.pgqueuer SET heartbeat = heartbeat - interval '1 minute'")
        await app.work()

    job = await app.job_of(result.child_runs[0])
    first, again = (set(filter(str.isdigit, part)) for part in (
        site.asked[:before], site.asked[before:]))  # fmt: skip
    assert (job.status, job.attempt) == ("executed", 2)
    assert json.loads(job.result or "{}")["pages_scanned"] == 41
    assert len(first & again) <= 10  # what the last second before the kill had fetched
    assert len(again) < 35


async def test_the_job_of_a_killed_worker_is_run_again_and_executed_exactly_once(
    app: Harness,
) -> None:
    result = await app.execute(app.bundle(linger(1, "60")))
    async with worker(app) as process:
        assert await line_of(process) == "begun 1"
        process.kill()
        await process.wait()
    killed = await app.job_of(result.child_runs[0])

    await app.alter("UPDATE pgqueuer.pgqueuer SET heartbeat = heartbeat - interval '1 minute'")
    await app.work()

    job = await app.job_of(result.child_runs[0])
    assert (killed.status, killed.attempt) == ("running", 1)
    assert (job.status, job.attempt) == ("executed", 2)
    assert (await app.events()).count("job.executed") == 1
    assert await app.rows("SELECT FROM pgqueuer.pgqueuer") == []
    (verdict,) = await app.app.verify_audit(app.tenant)
    assert verdict.is_intact


async def test_the_late_end_of_a_frozen_worker_is_refused(app: Harness) -> None:
    result = await app.execute(app.bundle(linger(1, "1.0")))
    async with worker(app) as process:
        assert await line_of(process) == "begun 1"
        process.send_signal(signal.SIGSTOP)
        await app.alter("UPDATE pgqueuer.pgqueuer SET heartbeat = heartbeat - interval '1 minute'")
        await app.work()
        meanwhile = await app.job_of(result.child_runs[0])

        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(2)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0

    job = await app.job_of(result.child_runs[0])
    assert (meanwhile.status, meanwhile.attempt) == ("executed", 2)
    assert (job.status, job.attempt, job.finished_at) == ("executed", 2, meanwhile.finished_at)
    assert (await app.events()).count("job.executed") == 1
    (verdict,) = await app.app.verify_audit(app.tenant)
    assert verdict.is_intact
