"""What breaks around a worker and passes costs time, and neither a job nor one of its attempts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from tests.application import Harness, open_harness, say

from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.adapters.engine import worker as worker_module
from jobforge.core.errors import Unavailable

if TYPE_CHECKING:
    from jobforge.contract.results import BundleResult


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker waits less after a fault than it would elsewhere."""
    monkeypatch.setattr(worker_module, "PAUSE_AFTER_FAULT", worker_module.PAUSE_AFTER_FAULT / 10)


@asynccontextmanager
async def working(app: Harness) -> AsyncIterator[None]:
    worker = app.app.make_worker(20)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


async def until_done(app: Harness, results: list[BundleResult]) -> None:
    for _ in range(600):
        # Who asks while the server dies is told so, and asks again; the promise is the worker's.
        with contextlib.suppress(Unavailable):
            if not any(show.summary.queued for show in [await app.show(r) for r in results]):
                return
        await asyncio.sleep(0.1)
    raise AssertionError("jobs are left after a minute")


async def expect_all_done_once(app: Harness, results: list[BundleResult], jobs: int) -> None:
    shown = [await app.show(result) for result in results]
    assert sum(run.summary.executed for run in shown) == jobs
    assert (await app.events()).count("job.executed") == jobs
    (verdict,) = await app.app.verify_audit(app.tenant)
    assert verdict.is_intact


_FULL = """
    CREATE FUNCTION jobforge.run_out() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full';
    END $$;
    CREATE TRIGGER run_out BEFORE INSERT ON jobforge.job_results EXECUTE FUNCTION jobforge.run_out()
"""


async def test_a_full_disk_costs_no_attempt(app: Harness) -> None:
    result = await app.execute(app.bundle(*(say(n) for n in range(30))))
    await app.alter(_FULL)

    async with working(app):
        await asyncio.sleep(2)
        during = await app.rows("SELECT status, attempt FROM jobforge.jobs")
        await app.alter("DROP FUNCTION jobforge.run_out CASCADE")
        await until_done(app, [result])

    after = await app.rows("SELECT status, attempt, attempt_errors::text FROM jobforge.jobs")
    assert "executed" not in {row["status"] for row in during}
    assert {tuple(row) for row in after} == {("executed", 1, "[]")}
    await expect_all_done_once(app, [result], 30)


_SLOW = """
    CREATE FUNCTION jobforge.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(0.02);
        RETURN new;
    END $$;
    CREATE TRIGGER dawdle AFTER INSERT ON jobforge.job_results
        FOR EACH ROW EXECUTE FUNCTION jobforge.dawdle()
"""
_CUT = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND state <> 'idle' AND wait_event = 'PgSleep'
"""


async def test_connections_cut_in_the_middle_of_settling_lose_nothing(app: Harness) -> None:
    result = await app.execute(app.bundle(*(say(n) for n in range(60))))
    await app.alter(_SLOW)
    cuts = 0

    # The owner, whose connections these are.
    admin = await asyncpg.connect(app.access.owner_dsn)
    try:
        async with working(app):
            for _ in range(40):
                cuts += await admin.fetchval(_CUT)
                await asyncio.sleep(0.05)
            await until_done(app, [result])
    finally:
        await admin.close()

    assert cuts >= 3
    await expect_all_done_once(app, [result], 60)


@contextmanager
def own_home(size: str | None = None) -> Iterator[Path]:
    """A home with a server of its own, on a disk of its own where a size is given."""
    home = Path(tempfile.mkdtemp(prefix="jobforge-recovery-", dir="/dev/shm"))
    if size is not None:
        done = subprocess.run(  # noqa: S603 (our own words)
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(home)],  # noqa: S607 (found by PATH)
            check=False,
            capture_output=True,
        )
        if done.returncode:
            shutil.rmtree(home)
            pytest.skip("a disk of its own needs the right to mount one")
    home.chmod(0o711)
    try:
        yield home
    finally:
        if size is not None:
            subprocess.run(["umount", "--lazy", str(home)], check=True)  # noqa: S603, S607 (our own)
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def own_server(home: Path) -> AsyncIterator[Harness]:
    """The application on a server of its own, which it starts again where that dies."""
    server = EmbeddedServer(home)
    async with (
        server.client() as client,
        open_harness(client.access, home, database_url=None) as harness,
    ):
        yield harness
    await server.wait_until_stopped()


def kill_server(home: Path) -> None:
    (pid_file,) = home.rglob("postmaster.pid")
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)


async def test_a_server_killed_under_load_is_waited_for(
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> None:
    with own_home() as folder:
        async with own_server(folder / "home") as app:
            results = [
                await app.execute(app.bundle(*(say(100 * b + n) for n in range(100))))
                for b in range(5)
            ]
            async with working(app):
                await asyncio.sleep(0.3)
                kill_server(folder / "home")
                await until_done(app, results)
            await expect_all_done_once(app, results, 500)


@pytest.mark.soak
async def test_a_disk_that_is_really_full_for_a_while_loses_nothing(
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> None:
    with own_home("400m") as folder:
        filler = folder / "filler"
        async with own_server(folder / "home") as app:
            results = [
                await app.execute(app.bundle(*(say(100 * b + n, "x" * 9_000) for n in range(100))))
                for b in range(5)
            ]
            async with working(app):
                await asyncio.to_thread(fill, filler)
                await asyncio.sleep(8)
                filler.unlink()
                await until_done(app, results)
            await expect_all_done_once(app, results, 500)


def fill(path: Path) -> None:
    """Take all the space there is."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65_536)
        except OSError:
            return
