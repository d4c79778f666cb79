"""Procrastinate's bare drain: `python drain_procrastinate.py DATABASE_URL JOBS`.

One async worker on rows that are there already. Prints "ready", waits for a line, drains, prints
the jobs per second as JSON: from the first job's start to the moment when all are marked as
succeeded.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from procrastinate import App, PsycopgConnector

CONCURRENCY = 100
BATCH = 1_000

url, count = sys.argv[1], int(sys.argv[2])
app = App(connector=PsycopgConnector(conninfo=url, max_size=20))
begun: list[float] = []


@app.task(name="nothing")
async def nothing(number: int) -> None:  # noqa: ARG001 (it does nothing)
    """Do nothing."""
    if not begun:
        begun.append(time.perf_counter())


async def main() -> None:
    """Fill, wait, drain."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for start in range(0, count, BATCH):
            await nothing.batch_defer_async(*({"number": n} for n in range(start, start + BATCH)))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        # Without `wait` it ends where nothing is left, and each job's end is written by then.
        await app.run_worker_async(wait=False, concurrency=CONCURRENCY)
        sys.stdout.write(json.dumps(count / (time.perf_counter() - begun[0])) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
