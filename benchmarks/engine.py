"""The engine against PgQueuer's own bare drain, in one run on one database.

A *child* is one no-op job of a bundle of 100, from its submission to the end: a fenced attempt with
result, manifest and a chained audit entry, all durable. The bare drain is PgQueuer's worker with
an empty handler on rows that are queued already: it does strictly less.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil
from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgPoolDriver
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.noop import NOOP
from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.adapters.postgres.queue import queries_on, queue_settings
from jobforge.bootstrap import Application, open_application
from jobforge.config import Settings, set_for_this_process
from jobforge.contract.dialects import Hints, TranslatedBundle, TranslatedRequest
from jobforge.core.actor import Actor
from jobforge.core.admission import AdmissionFacts, Caller, CallerTenant, Switches, admit, prepare
from jobforge.core.catalog import JobCatalog
from jobforge.core.redaction import mask_secrets
from jobforge.core.scopes import READ_SCOPES
from jobforge.ports.records import TenantRecord
from jobforge.steps.intake import Submission

if TYPE_CHECKING:
    import asyncpg

BUNDLE = 100
ROUNDS = 5
BARE_JOBS = 10_000
CHILDREN = 5_000
TENANT_COUNTS = (1, 50, 1_000)
SUBMITTERS = 2
IDLE_SUBMITS = 60

ACTOR = Actor.local("bench")
say = Console(stderr=True).print


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of one whole run."""

    children: dict[int, float]
    bare: float
    submit_ms: tuple[float, float]
    start_ms: tuple[float, float]
    admission: float

    def to_json(self) -> dict[str, float]:
        """The last line of the output."""
        return {
            "children_per_second": round(self.children[1], 1),
            **{
                f"children_per_second_{count}_tenants": round(rate, 1)
                for count, rate in self.children.items()
            },
            "pgqueuer_bare_per_second": round(self.bare, 1),
            "ratio": round(self.children[1] / self.bare, 3),
            **{
                f"ratio_{count}_tenants": round(rate / self.bare, 3)
                for count, rate in self.children.items()
            },
            "submit_p50_ms": round(self.submit_ms[0], 2),
            "submit_p95_ms": round(self.submit_ms[1], 2),
            "start_p50_ms": round(self.start_ms[0], 2),
            "start_p95_ms": round(self.start_ms[1], 2),
            "admission_per_second": round(self.admission),
        }


def make_bundle(tenant: str, size: int = BUNDLE) -> TranslatedBundle:
    """A bundle of no-op requests with keys that nobody used."""
    key = uuid4().hex
    return TranslatedBundle(
        dialect="jobforge",
        bundle_id=key,
        tenant=tenant,
        project=None,
        trace_id=key,
        producer_hash="absent",
        source_module="bench",
        requests=tuple(
            TranslatedRequest(
                request_id=f"request-{number}",
                job_type=NOOP.name,
                tenant=tenant,
                project=None,
                payload={"number": number},
                idempotency_key=f"{key}-{number}",
                required_scopes=(),
                is_flagged=False,
                hints=Hints(),
                pointer=f"/requests/{number}",
            )
            for number in range(size)
        ),
        metadata={},
    )


async def make_tenants(app: Application, count: int) -> list[TenantRecord]:
    """Tenants of this run's own."""
    run = uuid4().hex[:8]
    return [await app.create_tenant(f"bench {run} {n}", ACTOR) for n in range(count)]


async def measure_children(app: Application, tenants: Sequence[TenantRecord]) -> float:
    """Children per second from the first submit to the last settle, one worker process."""
    bundles = max(CHILDREN // BUNDLE, len(tenants))
    waiting = [tenants[n % len(tenants)] for n in range(bundles)]
    started = time.perf_counter()

    async def submit() -> None:
        while waiting:
            tenant = waiting.pop()
            submission = Submission(tenant, ACTOR, "execute")
            await app.submit_bundle.translated(make_bundle(tenant.slug), submission)

    await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))
    await _all_settled(app)
    return bundles * BUNDLE / (time.perf_counter() - started)


async def _all_settled(app: Application) -> None:
    """Until no job of any tenant is left: the queue is empty and nothing waits for release."""
    while await app.database.pool.fetchval("SELECT EXISTS (SELECT FROM pgqueuer.pgqueuer)"):
        await asyncio.sleep(0.01)


async def measure_bare(pool: asyncpg.Pool[asyncpg.Record]) -> float:
    """PgQueuer's own no-op drain, jobs per second."""
    driver = AsyncpgPoolDriver(pool)
    queries = queries_on(driver)
    for _ in range(BARE_JOBS // 1_000):
        await queries.enqueue(["bench.bare"] * 1_000, [b"x" * 32] * 1_000, [0] * 1_000)
    manager = QueueManager(queries, channel=queue_settings().channel)
    left = BARE_JOBS

    @manager.entrypoint("bench.bare", accepts_context=False)
    async def bare(_job: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            manager.shutdown.set()

    started = time.perf_counter()
    await manager.run(
        batch_size=200, max_concurrent_tasks=800, dequeue_timeout=timedelta(seconds=1)
    )
    return BARE_JOBS / (time.perf_counter() - started)


async def measure_idle(app: Application, tenant: TenantRecord) -> tuple[list[float], list[float]]:
    """Milliseconds to submit a bundle of 100, and from the submit's end to the first start."""
    submits, starts = [], []
    submission = Submission(tenant, ACTOR, "execute")
    for _ in range(IDLE_SUBMITS):
        bundle = make_bundle(tenant.slug)
        before = time.perf_counter()
        result = await app.submit_bundle.translated(bundle, submission)
        submits.append((time.perf_counter() - before) * 1_000)
        await _all_settled(app)
        async with app.database.transaction(tenant.tenant_id) as connection:
            waited: timedelta = await connection.fetchval(
                "SELECT min(started_at) - min(created_at) FROM jobforge.jobs WHERE run_id = $1",
                result.bundle_run_id,
            )
        starts.append(waited.total_seconds() * 1_000)
    return submits, starts


def measure_admission() -> float:
    """Requests per second through prepare and admit alone, one core."""
    catalog = JobCatalog([NOOP])
    caller = Caller(CallerTenant(uuid4(), "bench"), {}, READ_SCOPES)
    facts = AdmissionFacts(Switches(autopilot_jobs=True, action_jobs=True), "dry_run")
    bundles = [make_bundle("bench") for _ in range(50)]
    started = time.perf_counter()
    for bundle in bundles:
        prepared = prepare(bundle, catalog, caller, mask=lambda value: mask_secrets(value)[0])
        assert len(admit(prepared, facts).accepted) == BUNDLE
    return len(bundles) * BUNDLE / (time.perf_counter() - started)


@asynccontextmanager
async def _worker(settings: Settings) -> AsyncIterator[None]:
    """One worker in a process of its own."""
    assert settings.database_url is not None
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.noop",
        str(settings.home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(settings.database_url.get_secret_value().encode() + b"\n")
    await process.stdin.drain()
    await process.stdout.readline()
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def measure(settings: Settings, rounds: int) -> Figures:
    """Everything, in turn and repeatedly, so that a noisy machine is noisy for all of it."""
    bare: list[float] = []
    admission: list[float] = []
    children: dict[int, list[float]] = {count: [] for count in TENANT_COUNTS}
    async with _open(settings) as app:
        tenants = {count: await make_tenants(app, count) for count in TENANT_COUNTS}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            bare.append(await measure_bare(app.database.pool))
            admission.append(measure_admission())
            async with _worker(settings):
                for count in TENANT_COUNTS:
                    children[count].append(await measure_children(app, tenants[count]))
        async with _worker(settings):
            submits, starts = await measure_idle(app, tenants[1][0])
    return Figures(
        children={count: statistics.median(rates) for count, rates in children.items()},
        bare=statistics.median(bare),
        submit_ms=_quantiles(submits),
        start_ms=_quantiles(starts),
        admission=statistics.median(admission),
    )


def _open(settings: Settings) -> AbstractAsyncContextManager[Application]:
    return open_application(settings, extra_job_types=[NOOP])


def _quantiles(values: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values, n=20)
    return cuts[9], cuts[18]


def _show(figures: Figures) -> None:
    memory = psutil.virtual_memory().total / 2**30
    say(f"{platform.machine()}, {psutil.cpu_count()} processors, {memory:.0f} GiB")
    table = Table("figure", "measured", "goal")
    for count, rate in figures.children.items():
        table.add_row(f"children/s, {count} tenants", f"{rate:,.0f}", "")
        goal = "≥ 0.25" if count == 1 else ""
        table.add_row(
            f"  of PgQueuer's bare drain, {count} tenants", f"{rate / figures.bare:.2f}", goal
        )
    table.add_row("PgQueuer's bare drain, jobs/s", f"{figures.bare:,.0f}", "")
    p50, p95 = figures.submit_ms
    table.add_row("submit a bundle of 100, p50 / p95 ms", f"{p50:.1f} / {p95:.1f}", "p50 ≤ 10")
    p50, p95 = figures.start_ms
    table.add_row("from submit to first start, p50 / p95 ms", f"{p50:.1f} / {p95:.1f}", "p50 ≤ 15")
    table.add_row("admission alone, requests/s", f"{figures.admission:,.0f}", "≥ 15,000")
    say(table)


async def run(rounds: int) -> Figures:
    """Measure on an embedded database of this run's own."""
    with tempfile.TemporaryDirectory(
        prefix="jobforge-bench-", ignore_cleanup_errors=True
    ) as folder:
        server = EmbeddedServer(Path(folder) / "home")
        async with server.client() as client:
            settings = Settings(
                home=Path(folder) / "keys", database_url=SecretStr(client.access.owner_dsn)
            )
            figures = await measure(settings, rounds)
        await server.wait_until_stopped()
    return figures


def main() -> None:
    """Print a table, and as the last line one JSON object."""
    set_for_this_process(JOBFORGE_AUTOPILOT_JOBS_ENABLED="1")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    figures = asyncio.run(run(parser.parse_args().rounds))
    _show(figures)
    sys.stdout.write(json.dumps(figures.to_json()) + "\n")


if __name__ == "__main__":
    main()
