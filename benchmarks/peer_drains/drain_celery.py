"""Celery's bare drain: `python drain_celery.py BROKER_URL JOBS`.

Redis keeps nothing on disk, there is no result backend, the pool is prefork with two processes.
Prints "ready", waits for a line, drains, prints the jobs per second as JSON: from the first job's
start to the last one's end.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
import time
from multiprocessing import Value

from celery import Celery

POOL, PROCESSES = "prefork", 2

broker, count = sys.argv[1], int(sys.argv[2])
app = Celery("bench", broker=broker)
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=64,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)
# Before the pool forks, so that its processes share them.
done = Value(ctypes.c_long, 0)
begun = Value(ctypes.c_double, 0.0)


@app.task(name="nothing")
def nothing(number: int) -> None:  # noqa: ARG001 (it does nothing but count)
    """Count."""
    with done.get_lock():
        if done.value == 0:
            begun.value = time.perf_counter()
        done.value += 1


def watch() -> None:
    """Say when all are done."""
    while done.value < count:
        time.sleep(0.005)
    sys.stdout.write(json.dumps(count / (time.perf_counter() - begun.value)) + "\n")
    sys.stdout.flush()
    app.control.shutdown()
    time.sleep(3)
    os._exit(0)


def main() -> None:
    """Fill, wait, drain."""
    with app.producer_pool.acquire(block=True) as producer:
        for number in range(count):
            nothing.apply_async((number,), producer=producer)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    threading.Thread(target=watch, daemon=True).start()
    app.Worker(
        pool=POOL,
        concurrency=PROCESSES,
        loglevel="ERROR",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    ).start()


if __name__ == "__main__":
    main()
