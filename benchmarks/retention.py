"""Many jobs through one database whose past is pruned as it goes: is it as fast at the end?

Slice after slice of no-op jobs is submitted, then drained by one worker, then pruned by the rules
of their tenants. Compared are the first and the last slices: the time of draining, and, since other
work of the machine disturbs it less, the worker's CPU time for it. The last line printed is one
JSON object.

    python -m benchmarks.retention [--jobs 1000000] [--slice 10000] [--tenants 20]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks.children import ACTOR, BUNDLE, make_bundle, make_tenants
from benchmarks.noop import NOOP
from jobforge.bootstrap import Application, open_application
from jobforge.config import Settings, set_for_this_process
from jobforge.ports.records import TenantRecord
from jobforge.ports.system import Clock
from jobforge.steps.intake import Submission

say = Console(stderr=True).print

COMPARED = 5
"""So many slices at the start are compared with as many at the end; the first one warms up."""


@dataclass(frozen=True)
class TwoDaysOn:
    """A clock by which everything that is there is older than a rule of one day."""

    inner: Clock

    def now(self) -> datetime:
        """The time, two days on."""
        return self.inner.now() + timedelta(days=2)


@dataclass(frozen=True)
class Slice:
    """What one slice took, in seconds for each thousand jobs, and what was left behind."""

    drain: float
    cpu: float
    megabytes: float


def cpu_seconds() -> float:
    """Of this process, which is the worker, too."""
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


async def run_slice(app: Application, tenants: Sequence[TenantRecord], size: int) -> Slice:
    """Submit, drain, prune."""
    for number in range(size // BUNDLE):
        tenant = tenants[number % len(tenants)]
        bundle = make_bundle(tenant.slug)
        await app.submit_bundle.translated(bundle, Submission(tenant, ACTOR, "execute"))
    begun, cpu = time.perf_counter(), cpu_seconds()
    await app.make_worker(400).run(drain=True)
    took, used = time.perf_counter() - begun, cpu_seconds() - cpu
    pruning = replace(app.prune_tenant, clock=TwoDaysOn(app.clock))
    for tenant in tenants:
        await pruning(tenant, ACTOR)
    async with app.database.system_transaction() as connection:
        held = await connection.fetchval("SELECT pg_database_size(current_database())")
    return Slice(took / size * 1000, used / size * 1000, held / 2**20)


async def measure(jobs: int, size: int, count: int, home: Path) -> list[Slice]:
    """All slices, in order."""
    slices: list[Slice] = []
    async with open_application(Settings(home=home), extra_job_types=[NOOP]) as app:
        tenants = await make_tenants(app, count)
        for tenant in tenants:
            for kind in ("runs", "artifacts", "audit"):
                await app.retention.set(tenant, kind, 1, ACTOR)
        for number in range(jobs // size):
            slices.append(await run_slice(app, tenants, size))
            last = slices[-1]
            say(
                f"{(number + 1) * size:>9,} jobs: {1000 / last.drain:6,.0f} a second, "
                f"{last.cpu:.3f} CPU s and {last.drain:.3f} s a thousand, {last.megabytes:,.0f} MiB"
            )
    return slices


def main() -> None:
    """Measure, and say how the end compares with the start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--slice", type=int, default=10_000)
    parser.add_argument("--tenants", type=int, default=20)
    asked = parser.parse_args()
    set_for_this_process(JOBFORGE_AUTOPILOT_JOBS_ENABLED="1")
    with tempfile.TemporaryDirectory(prefix="jobforge-retention-") as name:
        home = Path(name)
        slices = asyncio.run(measure(asked.jobs, asked.slice, asked.tenants, home))
    first, last = slices[1 : 1 + COMPARED], slices[-COMPARED:]
    report: dict[str, float] = {"jobs": asked.jobs}
    for field in asdict(slices[0]):
        start, end = (statistics.median(getattr(s, field) for s in part) for part in (first, last))
        report[f"{field}_start"], report[f"{field}_end"] = round(start, 4), round(end, 4)
    report["speed_ratio"] = round(report["drain_start"] / report["drain_end"], 3)
    report["cpu_ratio"] = round(report["cpu_end"] / report["cpu_start"], 3)
    sys.stdout.write(f"{json.dumps(report)}\n")


if __name__ == "__main__":
    main()
