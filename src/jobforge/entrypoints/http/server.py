"""`jobforge serve`: the API on a socket, with an open application behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn
from fastapi import FastAPI

from jobforge.bootstrap import Application, harden_process, open_application
from jobforge.entrypoints.http.app import create_app
from jobforge.entrypoints.http.patience import PatientProtocol

Mount = Callable[[FastAPI, Application], None]
"""Adds further pages to the API's server, as the console does."""

KEEP_ALIVE_SECONDS: Final = 15
STOP_SECONDS: Final = 20
BACKLOG: Final = 2048


@dataclass(frozen=True, slots=True)
class Serving:
    """Where to listen, and whether to work jobs in this process, too."""

    host: str
    port: int
    places: int = 0
    """How many jobs at a time; 0 leaves the work to `jobforge worker`."""


def serve(serving: Serving, mounts: Sequence[Mount] = ()) -> None:
    """Serve until SIGTERM or Ctrl-C; what runs is finished first."""
    asyncio.run(_serve(serving, mounts))


def config_for(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """How a server of the API is set up."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PatientProtocol,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


async def _serve(serving: Serving, mounts: Sequence[Mount]) -> None:
    async with open_application() as application:
        harden_process()
        app = create_app(application)
        for mount in mounts:
            mount(app, application)
        config = config_for(app, serving.host, serving.port)
        async with _working(application, serving.places):
            await uvicorn.Server(config).serve()


@asynccontextmanager
async def _working(application: Application, places: int) -> AsyncIterator[None]:
    """Work jobs beside serving, where places were asked for."""
    if places == 0:
        yield
        return
    worker = application.make_worker(places)
    work = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await work
