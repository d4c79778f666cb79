"""Chancy's bare drain: `python drain_chancy.py DATABASE_URL JOBS`.

One worker whose executor is asyncio, without plugins. It writes ends once a second, many at once,
which is left as it is. Prints "ready", waits for a line, drains, prints the jobs per second as
JSON: from the first job's start to the moment when all are marked as succeeded.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time

from chancy import Chancy, Queue, Worker, job

CONCURRENCY = 1_000
_LEFT = "SELECT count(*) FROM chancy_jobs WHERE state <> 'succeeded'"

url, count = sys.argv[1], int(sys.argv[2])
begun: list[float] = []


@job(queue="bench")
async def nothing() -> None:
    """Do nothing."""
    if not begun:
        begun.append(time.perf_counter())


async def main() -> None:
    """Fill, wait, drain."""
    quiet = logging.getLogger("quiet")
    quiet.setLevel(logging.ERROR)
    async with Chancy(url, log=quiet, no_default_plugins=True) as chancy:
        await chancy.migrate()
        await chancy.declare(
            Queue(
                "bench",
                concurrency=CONCURRENCY,
                executor=Chancy.Executor.Async,
                polling_interval=1,
                eager_polling=True,
            )
        )
        async for _ in chancy.push_many([nothing.job] * count):
            pass
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        async with Worker(chancy):
            async with chancy.pool.connection() as connection:
                await connection.set_autocommit(True)
                while (await (await connection.execute(_LEFT)).fetchone() or (1,))[0]:
                    await asyncio.sleep(0.02)
                ended = time.perf_counter()
                await connection.set_autocommit(False)
            sys.stdout.write(json.dumps(count / (ended - begun[0])) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
