"""One run: servers, workers, load and faults together, and the reckoning."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr
from tests.chaos.faults import Fault, Injector, draw_faults
from tests.chaos.job_types import job_types
from tests.chaos.load import OPERATOR, Load
from tests.chaos.proxy import FaultProxy
from tests.chaos.reckoning import Reckoning, Report
from tests.chaos.workers import Workers

from jobforge.adapters.embedded.names import PORT
from jobforge.adapters.embedded.server import EmbeddedClient, EmbeddedServer
from jobforge.bootstrap import Application, open_application
from jobforge.config import Settings
from jobforge.contract.errors import JobForgeError
from jobforge.core.admission import Switches
from jobforge.ports.records import TenantRecord

WORKERS = 2
SUBMITTERS = 4


@dataclass(frozen=True)
class Size:
    """How much, and how fast."""

    faults: int = 200
    jobs: int = 20_000
    tenants: int = 20
    bundle: int = 100
    pause_seconds: float = 1.2
    longest_freeze_seconds: float = 20.0
    patience_seconds: float = 270.0
    is_hurried: bool = False


SHORT = Size(
    faults=14,
    jobs=600,
    tenants=4,
    bundle=20,
    pause_seconds=0.4,
    longest_freeze_seconds=5.0,
    patience_seconds=120.0,
    is_hurried=True,
)


@dataclass
class Chaos:
    """What a run is made of."""

    size: Size
    seed: int
    home: Path
    app: Application
    injector: Injector
    load: Load

    async def run(self) -> Report:
        """Strike while the load is submitted; wait for what is left; count."""
        begun = time.monotonic()
        faults = draw_faults(self.size.faults, Random(self.seed))
        async with asyncio.TaskGroup() as together:
            together.create_task(self._submit())
            together.create_task(self._strike(faults))
        await self.injector.relent()
        self.injector.workers.set_clocks_right()
        reckoning = Reckoning(self.app, self.load.accepted, self.home)
        await self._wait(reckoning)
        return await self._report(reckoning, time.monotonic() - begun)

    async def _submit(self) -> None:
        """Bundle after bundle, spread over the time in which faults strike."""
        count = self.size.jobs // self.size.bundle
        pause = self.size.pause_seconds * self.size.faults / count
        places = asyncio.Semaphore(SUBMITTERS)

        async def submit(number: int) -> None:
            async with places:
                await self.load.submit(number, self.size.bundle)

        async with asyncio.TaskGroup() as submitted:
            for number in range(count):
                submitted.create_task(submit(number))
                await asyncio.sleep(pause)

    async def _strike(self, faults: tuple[Fault, ...]) -> None:
        for fault in faults:
            await asyncio.sleep(self.size.pause_seconds)
            await self.injector.strike(fault)

    async def _wait(self, reckoning: Reckoning) -> None:
        deadline = time.monotonic() + self.size.patience_seconds
        while await reckoning.count_open() != 0 and time.monotonic() < deadline:
            await asyncio.sleep(1)

    async def _report(self, reckoning: Reckoning, seconds: float) -> Report:
        jobs = await reckoning.jobs()
        verdicts = await self.app.verify_audit()
        statuses = [job.status for job in jobs.values()]
        return Report(
            seed=self.seed,
            faults=self.size.faults,
            jobs=len(self.load.accepted),
            lost=reckoning.lost(jobs),
            applied_twice=reckoning.applied_twice(jobs),
            nonterminal=sum(status in ("queued", "running") for status in statuses),
            chains_ok=all(verdict.is_intact for verdict in verdicts),
            artifacts_ok=await reckoning.are_artifacts_there(jobs),
            executed=statuses.count("executed"),
            errors=statuses.count("error"),
            denied=statuses.count("denied"),
            submissions_repeated=self.load.repeated,
            workers_fallen=self.injector.workers.fallen,
            seconds=round(seconds, 1),
            kinds=dict(sorted(self.injector.done.items())),
        )


@asynccontextmanager
async def opened(size: Size, seed: int, home: Path) -> AsyncIterator[Chaos]:
    """A server of its own, a proxy before it, workers and tenants."""
    # Processes die here, but no machine: what they wrote is in the system's cache.
    server = EmbeddedServer(home / "server", settings={"fsync": "off"})
    async with server.client() as client:
        owner = urlsplit(client.access.owner_dsn)
        folder = Path(parse_qs(owner.query)["host"][0])
        proxy = FaultProxy(folder / f".s.PGSQL.{PORT}")
        async with proxy.serve():
            credentials = owner.netloc.partition("@")[0]
            url = f"postgresql://{credentials}@127.0.0.1:{proxy.port}{owner.path}"
            async with _application(home, url) as app:
                workers = Workers(home, url, WORKERS, hurry=size.is_hurried)
                (pid_file,) = (home / "server").rglob("postmaster.pid")
                injector = Injector(
                    client.access.owner_dsn,
                    pid_file,
                    proxy,
                    workers,
                    Random(seed),
                    size.longest_freeze_seconds,
                )
                await injector.prepare()
                tenants = [await _tenant(app, number) for number in range(size.tenants)]
                async with workers.running(), _kept_up(client):
                    yield Chaos(size, seed, home, app, injector, Load(app, tenants))
    await server.wait_until_stopped()


@asynccontextmanager
async def _kept_up(client: EmbeddedClient) -> AsyncIterator[None]:
    """Start the server again whenever it is down, as whatever keeps a service running would."""

    async def keep() -> None:
        while True:
            with suppress(JobForgeError):
                await client.ensure_running()
            await asyncio.sleep(0.5)

    keeper = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.wait([keeper])


def _application(home: Path, url: str) -> AbstractAsyncContextManager[Application]:
    settings = Settings(
        home=home, database_url=SecretStr(url), policy_token_secret=SecretStr("c" * 64)
    )
    on = Switches(autopilot_jobs=True, action_jobs=True)
    return open_application(settings, extra_job_types=job_types(home), switches=lambda: on)


async def _tenant(app: Application, number: int) -> TenantRecord:
    slug = f"tenant-{number}"
    (app.data_root / slug).mkdir(parents=True)
    tenant = await app.create_tenant(slug, OPERATOR, slug=slug)
    # More than a tenant's actions may change in a day unless somebody lets them.
    await app.limits.change(tenant, {"targets_per_day": None}, "chaos", OPERATOR)
    return tenant
