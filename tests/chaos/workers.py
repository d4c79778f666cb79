"""The worker processes: killed, frozen, and started again as a service would start them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.chaos.worker import clock_file

ROOT = Path(__file__).parents[2]


class Workers:
    """A fixed number of places, each with a worker process; `fallen` ended by themselves."""

    def __init__(self, home: Path, url: str, count: int, *, hurry: bool) -> None:
        self._home = home
        self._url = url
        self._hurry = ["--hurry"] if hurry else []
        self._processes: list[asyncio.subprocess.Process | None] = [None] * count
        self._is_closing = False
        self.fallen = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep them running while the block runs."""
        keepers = [asyncio.create_task(self._keep(place)) for place in range(len(self._processes))]
        try:
            yield
        finally:
            self._is_closing = True
            for process in self._processes:
                _signal(process, signal.SIGCONT)
                _signal(process, signal.SIGTERM)
            done, late = await asyncio.wait(keepers, timeout=20)
            for process in self._processes:
                _signal(process, signal.SIGKILL)
            await asyncio.gather(*done, *late)

    async def kill(self, which: float) -> None:
        """Kill one; its place gets another."""
        _signal(self._chosen(which), signal.SIGKILL)

    async def freeze(self, which: float, seconds: float) -> None:
        """Stop one for a while."""
        process = self._chosen(which)
        _signal(process, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        _signal(process, signal.SIGCONT)

    def step_clock(self, which: float, seconds: float) -> None:
        """From now on the clock of this place is wrong by so much."""
        number = int(which * len(self._processes))
        clock_file(self._home, number).write_text(f"{seconds:.3f}")

    def set_clocks_right(self) -> None:
        """No clock is wrong any more."""
        for number in range(len(self._processes)):
            clock_file(self._home, number).unlink(missing_ok=True)

    def _chosen(self, which: float) -> asyncio.subprocess.Process | None:
        return self._processes[int(which * len(self._processes))]

    async def _keep(self, place: int) -> None:
        while not self._is_closing:
            with (self._home / f"worker-{place}.log").open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "tests.chaos.worker", str(self._home), str(place), *self._hurry),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=ROOT,
                    env={"PATH": os.defpath, "PYTHONPATH": str(ROOT / "src")},
                )
            assert process.stdin is not None
            with suppress(OSError):
                process.stdin.write(f"{self._url}\n".encode())
                await process.stdin.drain()
            self._processes[place] = process
            code = await process.wait()
            self.fallen += code != -signal.SIGKILL and not self._is_closing


def _signal(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is not None and process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(number)
