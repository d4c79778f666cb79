"""A worker whose clock can be stepped: `python -m tests.chaos.worker HOME NUMBER [--hurry]`.

The database's URL comes by standard input.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from tests.chaos.job_types import job_types

from jobforge.adapters.engine import engine as engine_module
from jobforge.adapters.engine import worker as worker_module
from jobforge.adapters.system import SystemClock
from jobforge.bootstrap import open_application
from jobforge.config import Settings
from jobforge.contract.errors import JobForgeError
from jobforge.core.admission import Switches

PLACES = 200


@dataclass(frozen=True)
class SteppedClock:
    """The machine's clock, and the seconds that a file says it is wrong by."""

    file: Path

    def now(self) -> datetime:
        """The time as this process believes it."""
        with suppress(FileNotFoundError, ValueError):
            return SystemClock().now() + timedelta(seconds=float(self.file.read_text()))
        return SystemClock().now()


def clock_file(home: Path, number: int) -> Path:
    """Where a worker reads how wrong its clock is."""
    return home / f"clock-{number}"


def hurry() -> None:
    """Look for what was lost every other second, so that a short test stays short."""
    worker_module.LOST_AFTER = timedelta(seconds=3)
    worker_module.SWEEP_EVERY = timedelta(seconds=2)
    engine_module.STRANDED_AFTER = timedelta(seconds=4)


async def work(home: Path, number: int, url: str) -> None:
    """Work until SIGTERM; a database that is not there yet is waited for."""
    settings = Settings(home=home, database_url=SecretStr(url))
    on = Switches(autopilot_jobs=True, action_jobs=True)
    while True:
        try:
            async with open_application(
                settings,
                extra_job_types=job_types(home),
                switches=lambda: on,
                clock=SteppedClock(clock_file(home, number)),
            ) as app:
                worker = app.make_worker(PLACES)
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGTERM, worker.stop)
                # Whoever started it holds the other end, and is gone when this one is readable.
                loop.add_reader(sys.stdin, worker.stop)
                await worker.run()
                return
        except JobForgeError as error:
            # As whatever keeps the service running would: start it again.
            sys.stderr.write(f"cannot start: {error.message}\n")
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    if "--hurry" in sys.argv:
        hurry()
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2]), sys.stdin.readline().strip()))
