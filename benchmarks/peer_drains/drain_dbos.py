"""DBOS's bare drain: `python drain_dbos.py DATABASE_URL JOBS`.

Async workflows without steps from one queue, in one process. Prints "ready", waits for a line,
drains, prints the jobs per second as JSON: from the first one's start to the moment when all are
successful.
"""

from __future__ import annotations

import json
import os
import sys
import time

import sqlalchemy as sa
from dbos import DBOS, DBOSClient

QUEUE = "bench"
_LEFT = sa.text("SELECT EXISTS (SELECT FROM dbos.workflow_status WHERE status <> 'SUCCESS')")

url, count = sys.argv[1].replace("postgresql://", "postgresql+psycopg://"), int(sys.argv[2])
begun: list[float] = []

DBOS(
    config={
        "name": "bench",
        "system_database_url": url,
        "log_level": "ERROR",
        "application_version": "1",
        "run_admin_server": False,
    }
)


@DBOS.workflow(name="nothing")
async def nothing(number: int) -> None:  # noqa: ARG001 (it does nothing)
    """Do nothing."""
    if not begun:
        begun.append(time.perf_counter())


def fill(engine: sa.Engine) -> None:
    """Queue them all."""
    client = DBOSClient(system_database_url=url)
    with engine.begin() as connection:
        for number in range(count):
            client.enqueue_in_transaction(
                connection,
                {"queue_name": QUEUE, "workflow_name": "nothing", "app_version": "1"},
                number,
            )
    client.destroy()


def main() -> None:
    """Fill, wait, drain."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    DBOS.launch()
    fill(sa.create_engine(url))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    # From here on it is looked at; before, nobody listens to the queue.
    DBOS.register_queue(QUEUE, polling_interval_sec=0.05)
    with engine.connect() as connection:
        while connection.execute(_LEFT).scalar_one():
            time.sleep(0.02)
    sys.stdout.write(json.dumps(count / (time.perf_counter() - begun[0])) + "\n")
    sys.stdout.flush()
    # Its threads would take long to leave, and there is nothing to be kept.
    os._exit(0)


if __name__ == "__main__":
    main()
