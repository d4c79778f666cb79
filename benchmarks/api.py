"""The HTTP API: bundles against the same through the use case, latency, streams, a long list.

The server runs in a process of its own, as in life; client and database share the machine with it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
from pydantic import SecretStr

from benchmarks.noop import NOOP
from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.bootstrap import Application, open_application
from jobforge.config import Settings
from jobforge.core.actor import Actor, Role
from jobforge.core.admission import Switches
from jobforge.ports.records import TenantRecord
from jobforge.steps.intake import Submission
from jobforge.use_cases.keep_keys import KeyWish

BUNDLE = 100
CONCURRENCY = 4
ACTOR = Actor.local("bench")
_MANY_RUNS = """
    INSERT INTO jobforge.bundle_runs (tenant_id, run_id, mode, status, actor, decisions,
        action_jobs_blocked, open_children, created_at, closed_at)
    SELECT $1, gen_random_uuid(), 'dry_run', 'closed', 'bench', '[]', 0, 0,
        now() - n * interval '1 second', now()
    FROM generate_series(1, $2) AS n
"""


@dataclass(frozen=True)
class Sizes:
    """How much of each thing."""

    bundles: int
    requests: int
    streams: int
    runs: int


@dataclass
class Client:
    """One connection that sends requests one after the other."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    key: str

    async def send(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Send a request; the answer's body, which must be one of success."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert answer[9] == "2", answer
        length = int(answer.partition("content-length: ")[2].partition("\r")[0])
        return await self.reader.readexactly(length)


@dataclass(frozen=True)
class Bench:
    """What is measured against."""

    app: Application
    tenant: TenantRecord
    key: str
    port: int
    process: psutil.Process

    def bundle(self) -> bytes:
        """A bundle of no-op jobs that nobody sent before."""
        tenant_id, name = str(self.tenant.tenant_id), uuid4().hex
        requests = [
            {
                "id": f"r-{n}",
                "tenant_id": tenant_id,
                "job_type": NOOP.name,
                "payload": {"number": n},
                "idempotency_key": f"{name}-{n}",
            }
            for n in range(BUNDLE)
        ]
        document = {
            "schema_version": "1.0.0",
            "bundle_id": name,
            "tenant_id": tenant_id,
            "trace_id": name,
            "requests": requests,
            "metadata": {"source": "bench", "triggered_at": "2026-03-01T08:00:00Z"},
        }
        return json.dumps(document).encode()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """A connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Client(reader, writer, self.key)
        finally:
            writer.close()

    async def rate_over_http(self, count: int) -> float:
        """Bundles a second over HTTP."""
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(self.client()) for _ in range(CONCURRENCY)]

            async def send(client: Client, raw: bytes) -> None:
                await client.send("POST", "/v1/bundles/execute", raw)

            return await _rate(count, self.bundle, [_bound(send, c) for c in clients])

    async def rate_by_use_case(self, count: int) -> float:
        """Bundles a second through the use case, in this process."""

        async def submit(raw: bytes) -> None:
            result = await self.app.submit_bundle(raw, Submission(self.tenant, ACTOR, "execute"))
            assert result.summary.queued == BUNDLE, result.summary

        return await _rate(count, self.bundle, [submit] * CONCURRENCY)

    async def latency(self, connections: int, requests: int) -> float:
        """The 99th percentile, in milliseconds, of showing a run at so many connections."""
        taken: list[float] = []
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(self.client()) for _ in range(connections)]
            run = json.loads(await clients[0].send("POST", "/v1/bundles/plan", self.bundle()))
            path = f"/v1/runs/{run['bundle_run_id']}"

            async def ask(client: Client) -> None:
                for _ in range(requests // connections):
                    started = time.perf_counter()
                    await client.send("GET", path)
                    taken.append(time.perf_counter() - started)

            await asyncio.gather(*(ask(client) for client in clients))
        return _percentile(taken, 99)

    async def stream_memory(self, count: int) -> tuple[float, float]:
        """The server's memory in MB before, and what so many open event streams add."""
        async with AsyncExitStack() as stack:
            sender = await stack.enter_async_context(self.client())
            paths = []
            for _ in range(10):
                run = json.loads(await sender.send("POST", "/v1/bundles/execute", self.bundle()))
                paths.append(f"/v1/runs/{run['bundle_run_id']}/events")
            before = self.process.memory_info().rss
            for number in range(count):
                client = await stack.enter_async_context(self.client())
                head = (
                    f"GET {paths[number % len(paths)]} HTTP/1.1\r\nHost: bench\r\n"
                    f"Authorization: Bearer {self.key}\r\n\r\n"
                )
                client.writer.write(head.encode())
                await client.reader.readuntil(b"event: progress")
            after = self.process.memory_info().rss
        return before / 1e6, (after - before) / 1e6

    async def list_latency(self, dsn: str, runs: int) -> float:
        """The 95th percentile, in milliseconds, of a page of runs at so many of them."""
        owner = await asyncpg.connect(dsn)
        try:
            await owner.execute("ALTER TABLE jobforge.bundle_runs NO FORCE ROW LEVEL SECURITY")
            await owner.execute(_MANY_RUNS, self.tenant.tenant_id, runs, timeout=600)
            await owner.execute("ALTER TABLE jobforge.bundle_runs FORCE ROW LEVEL SECURITY")
            await owner.execute("VACUUM ANALYZE jobforge.bundle_runs", timeout=600)
        finally:
            await owner.close()
        taken = []
        cursor = None
        async with self.client() as client:
            for _ in range(200):
                path = "/v1/runs?limit=50" + (f"&cursor={cursor}" if cursor else "")
                started = time.perf_counter()
                page = await client.send("GET", path)
                taken.append(time.perf_counter() - started)
                cursor = json.loads(page)["next"]
        return _percentile(taken, 95)


def _bound(send: Callable[[Client, bytes], Awaitable[None]], client: Client) -> _Send:
    async def bound(raw: bytes) -> None:
        await send(client, raw)

    return bound


_Send = Callable[[bytes], Awaitable[None]]


async def _rate(count: int, make: Callable[[], bytes], senders: Sequence[_Send]) -> float:
    """How many a second, by all the senders together."""
    waiting = [make() for _ in range(count)]

    async def work(send: _Send) -> None:
        while waiting:
            await send(waiting.pop())

    started = time.perf_counter()
    await asyncio.gather(*(work(send) for send in senders))
    return count / (time.perf_counter() - started)


def _percentile(taken: Sequence[float], percent: int) -> float:
    ordered = sorted(taken)
    return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Bench, str]]:
    """An application and a server of the same database."""
    on = Switches(autopilot_jobs=True)
    with tempfile.TemporaryDirectory(prefix="jobforge-api-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedServer(Path(folder) / "home")
        async with server.client() as database:
            dsn, home = database.access.owner_dsn, Path(folder) / "keys"
            settings = Settings(home=home, database_url=SecretStr(dsn))
            async with open_application(
                settings, extra_job_types=[NOOP], switches=lambda: on
            ) as app:
                tenant = await app.create_tenant("Bench", ACTOR, slug="bench")
                wish = KeyWish("bench", frozenset({Role.operator}), timedelta(hours=1))
                key = (await app.keys.create(wish, tenant, ACTOR)).key
                async with _server(home, dsn) as (port, process):
                    yield Bench(app, tenant, key, port, process), dsn
        await server.wait_until_stopped()


@asynccontextmanager
async def _server(home: Path, dsn: str) -> AsyncIterator[tuple[int, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    words = (sys.executable, "-m", "benchmarks.api_server", str(home), dsn, str(port))
    process = subprocess.Popen(words)  # noqa: ASYNC220, S603 (our own program)
    try:
        async with asyncio.timeout(120):
            while not await _answers(port):
                await asyncio.sleep(0.2)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def measure(sizes: Sizes) -> dict[str, float]:
    """Everything, in one run."""
    async with opened() as (bench, dsn):
        await bench.rate_over_http(CONCURRENCY)
        await bench.rate_by_use_case(CONCURRENCY)
        ratios = []
        for _ in range(3):
            by_use_case = await bench.rate_by_use_case(sizes.bundles)
            over_http = await bench.rate_over_http(sizes.bundles)
            ratios.append((over_http / by_use_case, over_http, by_use_case))
        ratio, over_http, by_use_case = sorted(ratios)[1]
        base, streams = await bench.stream_memory(sizes.streams)
        return {
            "ratio": round(ratio, 3),
            "bundles_per_second_http": round(over_http, 1),
            "bundles_per_second_use_case": round(by_use_case, 1),
            "p99_ms_at_50_connections": round(await bench.latency(50, sizes.requests), 1),
            "streams": sizes.streams,
            "server_mb_before_streams": round(base, 1),
            "streams_mb": round(streams, 1),
            "runs": sizes.runs,
            "list_runs_p95_ms": round(await bench.list_latency(dsn, sizes.runs), 2),
        }


def main() -> None:
    """Measure, and print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=int, default=60)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=1_000_000)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    sizes = Sizes(given.bundles, given.requests, given.streams, given.runs)
    sys.stdout.write(json.dumps(asyncio.run(measure(sizes))) + "\n")


if __name__ == "__main__":
    main()
