"""Our children against the bare drains of other job systems, in turn, on one PostgreSQL.

A *child* is what `benchmarks.engine` calls one: submitted, admitted, run, and settled with result,
manifest and audit entry. The others begin with rows that are queued already, and call an empty
function; their clocks start with its first call. Each of them is installed into a folder of its own
below `.peers`, at the versions below; Celery's broker is Debian's `redis-server`, started here. The
last line printed is one JSON object.

    python -m benchmarks.peers [--rounds 5] [--jobs 2000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.children import make_tenants, measure_bare, measure_children, workers
from benchmarks.noop import NOOP
from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.bootstrap import open_application
from jobforge.config import Settings, set_for_this_process

ROUNDS = 5
JOBS = 2_000
LIMIT_SECONDS = 180.0

ROOT = Path(__file__).parents[1]
DRAINS = Path(__file__).parent / "peer_drains"
PEERS: dict[str, tuple[str, ...]] = {
    "procrastinate": ("procrastinate==3.10.0", "psycopg[binary,pool]==3.3.9"),
    "dbos": ("dbos==3.4.0", "psycopg[binary]==3.3.9"),
    "celery": ("celery[redis]==5.7.0",),
    "chancy": ("chancy==0.26.0", "psycopg[binary,pool]==3.3.9"),
}
REDIS = "redis-server"

say = Console(stderr=True).print


class CannotMeasureError(Exception):
    """Something that is needed is missing, or a drain did not come to its end."""


def check_redis() -> None:
    """Whether Celery's broker is there.

    Raises:
        CannotMeasureError: it is not installed.
    """
    if shutil.which(REDIS) is None:
        raise CannotMeasureError(
            f"{REDIS} is missing, and Celery needs a broker: as root, `apt-get install {REDIS}`"
        )


def install(name: str) -> Path:
    """The Python that has this peer; made once, and anew where other versions are asked for."""
    folder = ROOT / ".peers" / name
    python, note = folder / "bin" / "python", folder / "installed"
    wanted = " ".join(PEERS[name])
    if not note.exists() or note.read_text() != wanted:
        say(f"installing {wanted}")
        venv.create(folder, clear=True, with_pip=True)
        done = subprocess.run(  # noqa: S603 (names and versions of this file)
            [python, "-m", "pip", "install", "--quiet", *PEERS[name]],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise CannotMeasureError(f"{name} cannot be installed:\n{done.stderr[-2000:]}")
        note.write_text(wanted)
    return python


async def measure_peer(name: str, python: Path, owner_dsn: str, jobs: int) -> float:
    """Jobs per second of one bare drain, in a database of its own."""
    async with _broker() if name == "celery" else _database(owner_dsn) as url:
        with tempfile.TemporaryFile() as errors:
            process = await asyncio.create_subprocess_exec(
                str(python),
                str(DRAINS / f"drain_{name}.py"),
                url,
                str(jobs),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            try:
                async with asyncio.timeout(LIMIT_SECONDS):
                    told, _ = await process.communicate(b"go\n")
            except TimeoutError:
                raise CannotMeasureError(f"{name} took more than {LIMIT_SECONDS} s") from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            if process.returncode:
                errors.seek(0)
                raise CannotMeasureError(f"{name} failed:\n{errors.read()[-2000:].decode()}")
            return float(told.split()[-1])


@asynccontextmanager
async def _database(owner_dsn: str) -> AsyncIterator[str]:
    """The URL of a new database on the same server."""
    name = f"peer_{uuid4().hex}"
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        yield urlsplit(owner_dsn)._replace(path=f"/{name}").geturl()
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@asynccontextmanager
async def _broker() -> AsyncIterator[str]:
    """The URL of a Redis that keeps nothing on disk."""
    with tempfile.TemporaryDirectory(prefix="jobforge-redis-") as folder:
        socket = Path(folder) / "redis.sock"
        options = ("--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no")
        process = await asyncio.create_subprocess_exec(
            REDIS, *options, cwd=folder, stdout=subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(10):
                while not socket.exists():
                    await asyncio.sleep(0.05)
            yield f"redis+socket://{socket}"
        finally:
            process.terminate()
            await process.wait()


Rates = dict[str, list[float]]


async def measure(settings: Settings, owner_dsn: str, rounds: int, jobs: int) -> Rates:
    """All in turn and repeatedly, so that a noisy machine is noisy for all of them."""
    pythons = {name: await asyncio.to_thread(install, name) for name in PEERS}
    rates: Rates = {}
    async with open_application(settings, extra_job_types=[NOOP]) as app:
        tenants = await make_tenants(app, 1)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            async with workers(settings, 1, "jobforge"):
                rates.setdefault("jobforge", []).append(await measure_children(app, tenants))
            rates.setdefault("pgqueuer", []).append(await measure_bare(app, settings, 1))
            for name, python in pythons.items():
                rate = await measure_peer(name, python, owner_dsn, jobs)
                rates.setdefault(name, []).append(rate)
    return rates


async def run(rounds: int, jobs: int) -> dict[str, float]:
    """The medians, from an embedded database of this run's own."""
    check_redis()
    with tempfile.TemporaryDirectory(
        prefix="jobforge-peers-", ignore_cleanup_errors=True
    ) as folder:
        server = EmbeddedServer(Path(folder) / "home")
        async with server.client() as client:
            owner_dsn = client.access.owner_dsn
            settings = Settings(home=Path(folder) / "keys", database_url=SecretStr(owner_dsn))
            rates = await measure(settings, owner_dsn, rounds, jobs)
        await server.wait_until_stopped()
    _show(rates)
    return {name: statistics.median(measured) for name, measured in rates.items()}


def _show(rates: Rates) -> None:
    table = Table("system", "jobs a second", "lowest", "highest")
    for name, measured in rates.items():
        figures: Sequence[float] = (statistics.median(measured), min(measured), max(measured))
        table.add_row(name, *(f"{figure:,.0f}" for figure in figures))
    say(table)


def main() -> None:
    """Print a table, and as the last line one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--jobs", type=int, default=JOBS, help="of each peer")
    asked = parser.parse_args()
    set_for_this_process(JOBFORGE_AUTOPILOT_JOBS_ENABLED="1")
    try:
        medians = asyncio.run(run(asked.rounds, asked.jobs))
    except CannotMeasureError as error:
        sys.exit(f"bench-peers: {error}")
    report = {
        "children_per_second": round(medians["jobforge"], 1),
        "pgqueuer_bare_per_second": round(medians["pgqueuer"], 1),
        "peers": {name: round(medians[name], 1) for name in PEERS},
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
