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
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.children import (
    BUNDLE,
    make_bundle,
    make_tenants,
    measure_bare,
    measure_children,
    measure_idle,
    workers,
)
from benchmarks.noop import NOOP
from benchmarks.waiting import Depth, Fairness, measure_depth, measure_fairness
from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.bootstrap import Application, open_application
from jobforge.config import Settings, set_for_this_process
from jobforge.core.admission import AdmissionFacts, Caller, CallerTenant, Switches, admit, prepare
from jobforge.core.catalog import JobCatalog
from jobforge.core.redaction import mask_secrets
from jobforge.core.scopes import READ_SCOPES
from jobforge.ports.records import TenantRecord

ROUNDS = 5
BACKLOG = 1_000_000
TENANT_COUNTS = (1, 50, 1_000)
WORKER_COUNTS = (1, 2)
AT_A_TIME = 50
"""Of more tenants than these, so many submit in a round, and others in the next one."""

say = Console(stderr=True).print

Rates = dict[tuple[int, int], float]
"""By worker processes and tenants."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of one whole run."""

    children: Rates
    bare: dict[int, float]
    submit_ms: tuple[float, float]
    start_ms: tuple[float, float]
    admission: float
    depth: Depth
    fairness: Fairness

    def ratio(self, workers: int, tenants: int) -> float:
        """Children in shares of what as many bare processes drain."""
        return self.children[workers, tenants] / self.bare[workers]

    def to_json(self) -> dict[str, float]:
        """The last line of the output."""
        return {
            "children_per_second": round(self.children[1, 1], 1),
            "pgqueuer_bare_per_second": round(self.bare[1], 1),
            "ratio": round(self.ratio(1, 1), 3),
            "submit_p50_ms": round(self.submit_ms[0], 2),
            "submit_p95_ms": round(self.submit_ms[1], 2),
            "start_p50_ms": round(self.start_ms[0], 2),
            "start_p95_ms": round(self.start_ms[1], 2),
            "admission_per_second": round(self.admission),
            "ratio_1_worker": round(self.ratio(1, 1), 3),
            "ratio_2_workers": round(self.ratio(2, 1), 3),
            **{
                f"ratio_{count}_workers_{tenants}_tenants": round(self.ratio(count, tenants), 3)
                for count, tenants in self.children
            },
            **{
                f"children_per_second_{count}_workers_{tenants}_tenants": round(rate, 1)
                for (count, tenants), rate in self.children.items()
            },
            "pgqueuer_bare_per_second_2_workers": round(self.bare[2], 1),
            "deep_queue_ratio": round(self.depth.deep / self.depth.shallow, 3),
            "deep_queue_worker_mib_before": round(self.depth.memory_before, 1),
            "deep_queue_worker_mib_after": round(self.depth.memory_after, 1),
            "p95_wait_ratio_small_tenants": round(
                self.fairness.p95_beside / self.fairness.p95_alone, 3
            ),
            "jain_index": round(self.fairness.jain, 4),
        }


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


async def measure(settings: Settings, rounds: int, backlog: int) -> Figures:
    """Everything, in turn and repeatedly, so that a noisy machine is noisy for all of it."""
    bare: dict[int, list[float]] = {count: [] for count in WORKER_COUNTS}
    children: dict[tuple[int, int], list[float]] = {}
    admission: list[float] = []
    async with _open(settings) as app:
        tenants = {count: await make_tenants(app, count) for count in TENANT_COUNTS}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            admission.append(measure_admission())
            for count in WORKER_COUNTS:
                bare[count].append(await measure_bare(app, settings, count))
                async with workers(settings, count, "jobforge"):
                    for many in TENANT_COUNTS:
                        rate = await measure_children(app, _turn(tenants[many], number))
                        children.setdefault((count, many), []).append(rate)
        async with workers(settings, 1, "jobforge"):
            submits, starts = await measure_idle(app, tenants[1][0])
        say(f"{backlog:,} children waiting")
        fairness = await measure_fairness(app, settings)
        depth = await measure_depth(app, settings, backlog)
    return Figures(
        children={key: statistics.median(rates) for key, rates in children.items()},
        bare={count: statistics.median(rates) for count, rates in bare.items()},
        submit_ms=_quantiles(submits),
        start_ms=_quantiles(starts),
        admission=statistics.median(admission),
        depth=depth,
        fairness=fairness,
    )


def _open(settings: Settings) -> AbstractAsyncContextManager[Application]:
    return open_application(settings, extra_job_types=[NOOP])


def _turn(tenants: Sequence[TenantRecord], number: int) -> Sequence[TenantRecord]:
    start = number * AT_A_TIME % len(tenants)
    return tenants[start : start + AT_A_TIME]


def _quantiles(values: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values, n=20)
    return cuts[9], cuts[18]


def _show(figures: Figures) -> None:
    memory = psutil.virtual_memory().total / 2**30
    say(f"{platform.machine()}, {psutil.cpu_count()} processors, {memory:.0f} GiB")
    table = Table("figure", "measured", "goal")
    for (count, tenants), rate in figures.children.items():
        share = f"{figures.ratio(count, tenants):.2f} of the bare drain"
        name = f"children/s, {count} workers, {tenants} tenants"
        table.add_row(name, f"{rate:,.0f} ({share})", "≥ 0.4")
    for count, rate in figures.bare.items():
        table.add_row(f"PgQueuer's bare drain, {count} workers, jobs/s", f"{rate:,.0f}", "")
    p50, p95 = figures.submit_ms
    table.add_row("submit a bundle of 100, p50 / p95 ms", f"{p50:.1f} / {p95:.1f}", "p50 ≤ 10")
    p50, p95 = figures.start_ms
    table.add_row("from submit to first start, p50 / p95 ms", f"{p50:.1f} / {p95:.1f}", "p50 ≤ 15")
    table.add_row("admission alone, requests/s", f"{figures.admission:,.0f}", "≥ 15,000")
    depth, fairness = figures.depth, figures.fairness
    rates = f"{depth.deep:,.0f} against {depth.shallow:,.0f}"
    table.add_row("children/s, a million waiting against 1,000", rates, "≥ 0.8")
    grown = f"{depth.memory_before:.0f} → {depth.memory_after:.0f} MiB"
    table.add_row("the worker's memory meanwhile", grown, "flat")
    waited = f"{fairness.p95_beside * 1_000:.0f} against {fairness.p95_alone * 1_000:.0f} ms"
    table.add_row("p95 wait of small tenants, beside 100,000 against alone", waited, "≤ 2")
    table.add_row("Jain's index over the small tenants", f"{fairness.jain:.3f}", "")
    say(table)


async def run(rounds: int, backlog: int) -> Figures:
    """Measure on an embedded database of this run's own."""
    with tempfile.TemporaryDirectory(
        prefix="jobforge-bench-", ignore_cleanup_errors=True
    ) as folder:
        server = EmbeddedServer(Path(folder) / "home")
        async with server.client() as client:
            settings = Settings(
                home=Path(folder) / "keys", database_url=SecretStr(client.access.owner_dsn)
            )
            figures = await measure(settings, rounds, backlog)
        await server.wait_until_stopped()
    return figures


def main() -> None:
    """Print a table, and as the last line one JSON object."""
    set_for_this_process(JOBFORGE_AUTOPILOT_JOBS_ENABLED="1")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--backlog", type=int, default=BACKLOG)
    asked = parser.parse_args()
    figures = asyncio.run(run(asked.rounds, asked.backlog))
    _show(figures)
    sys.stdout.write(json.dumps(figures.to_json()) + "\n")


if __name__ == "__main__":
    main()
