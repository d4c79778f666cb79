"""The API with the no-op job type, in a process of its own: `api_server.py HOME DSN PORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvicorn
from pydantic import SecretStr

from benchmarks.noop import NOOP
from jobforge.bootstrap import open_application
from jobforge.config import Settings
from jobforge.core.admission import Switches
from jobforge.entrypoints.http.app import create_app
from jobforge.entrypoints.http.server import config_for

RATE = 10_000_000
"""What is measured is not how a limit feels."""


async def serve(home: Path, dsn: str, port: int) -> None:
    """Serve until somebody ends the process."""
    settings = Settings(home=home, database_url=SecretStr(dsn), http_requests_per_minute=RATE)
    on = Switches(autopilot_jobs=True)
    async with open_application(settings, extra_job_types=[NOOP], switches=lambda: on) as app:
        await uvicorn.Server(config_for(create_app(app), "127.0.0.1", port)).serve()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
