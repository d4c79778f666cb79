"""How soon a kill switch ends what runs: from its commit to the end of the stopped job.

Again and again a job that would sleep for a minute runs in a worker of its own process; at a moment
that has nothing to do with the worker's looks, its tenant's kill switch is turned on. The last line
printed is one JSON object, in milliseconds.

    python -m benchmarks.stopping [--times 40]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from pydantic import SecretStr

from benchmarks.children import ACTOR, make_tenants, workers
from benchmarks.noop import NAP, NOOP
from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.bootstrap import Application, open_application
from jobforge.config import Settings, set_for_this_process
from jobforge.core.controls import Scope
from jobforge.core.single_request import to_bundle
from jobforge.steps.intake import Submission

if TYPE_CHECKING:
    from uuid import UUID

    from jobforge.ports.records import TenantRecord

TIMES = 40
LIMIT_SECONDS = 30.0


async def measure_one(app: Application, tenant: TenantRecord, pause: float) -> float:
    """Milliseconds from the switch to the job's end."""
    bundle = to_bundle(NAP.name, {"number": 0}, tenant=tenant.slug, key=str(app.ids.uuid()))
    submission = Submission(tenant, ACTOR, "execute")
    child = (await app.submit_bundle.translated(bundle, submission)).child_runs[0]
    assert child.job_id is not None
    await _until(app, tenant, child.job_id, "running")
    await asyncio.sleep(pause)
    scope = Scope(tenant.tenant_id)
    await app.switches.turn_on("kill", scope, "measured", ACTOR)
    (switch,) = await app.switches.of(tenant)
    await _until(app, tenant, child.job_id, "denied")
    ended = (await app.show_job(child.job_id, tenant)).finished_at
    assert ended is not None
    await app.switches.turn_off("kill", scope, "measured", ACTOR)
    return (ended - switch.since).total_seconds() * 1_000


async def _until(app: Application, tenant: TenantRecord, job_id: UUID, status: str) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while (await app.show_job(job_id, tenant)).status != status:
            await asyncio.sleep(0.02)


async def run(times: int) -> list[float]:
    """Measure on an embedded database of this run's own."""
    random = Random(0)  # noqa: S311 (moments, no secrets)
    with tempfile.TemporaryDirectory(prefix="jobforge-stop-", ignore_cleanup_errors=True) as name:
        server = EmbeddedServer(Path(name) / "home")
        async with server.client() as client:
            settings = Settings(
                home=Path(name) / "keys", database_url=SecretStr(client.access.owner_dsn)
            )
            async with open_application(settings, extra_job_types=[NOOP, NAP]) as app:
                (tenant,) = await make_tenants(app, 1)
                async with workers(settings, 1, "jobforge"):
                    measured = [
                        await measure_one(app, tenant, random.uniform(0.0, 0.8))
                        for _ in range(times)
                    ]
        await server.wait_until_stopped()
    return measured


def main() -> None:
    """Print the figures."""
    set_for_this_process(JOBFORGE_AUTOPILOT_JOBS_ENABLED="1")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES)
    measured = asyncio.run(run(parser.parse_args().times))
    report = {
        "times": len(measured),
        "p50_ms": round(statistics.median(measured), 1),
        "p95_ms": round(statistics.quantiles(measured, n=20)[18], 1),
        "longest_ms": round(max(measured), 1),
    }
    sys.stdout.write(f"{json.dumps(report)}\n")


if __name__ == "__main__":
    main()
