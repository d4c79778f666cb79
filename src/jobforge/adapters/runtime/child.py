"""A handler's own process: takes jobs over an inherited socket, one at a time, until it closes.

It starts with an empty environment but for a few harmless names, with bounded memory, and with
nothing open but that socket. The catalogue comes from the function whose name it is given.
"""

from __future__ import annotations

import asyncio
import importlib
import socket
import sys
from contextlib import suppress
from typing import Any

from jobforge.adapters.runtime.calling import call_handler
from jobforge.adapters.runtime.remote_context import Line, RemoteContext
from jobforge.adapters.runtime.wire import Channel, decode, encode_error
from jobforge.adapters.telemetry.tracing import Tracing
from jobforge.core.catalog import JobCatalog
from jobforge.core.effects import parse_effects
from jobforge.core.errors import HandlerFailed


async def serve(connection: socket.socket, catalog: JobCatalog) -> None:
    """Run jobs until the worker hangs up."""
    channel = Channel(*await asyncio.open_connection(sock=connection))
    line = Line(channel)
    running: asyncio.Task[None] | None = None
    await channel.send({"ready": True})
    while (message := await channel.receive()) is not None:
        if "answer" in message:
            line.settle(message)
        else:
            running = asyncio.create_task(_run(message["job"], catalog, channel, line))
    if running is not None:
        running.cancel()


async def _run(job: dict[str, Any], catalog: JobCatalog, channel: Channel, line: Line) -> None:
    try:
        answer: dict[str, Any] = {"result": await _call(job, catalog, line)}
    except Exception as error:  # noqa: BLE001 (whatever a handler raises is how it ended)
        answer = {"error": encode_error(error)}
    with suppress(ConnectionError):
        await channel.send(answer)


async def _call(job: dict[str, Any], catalog: JobCatalog, line: Line) -> str:
    job_type = catalog.find(job["type"])
    if job_type is None:
        raise HandlerFailed(f"the handler's process has no job type {job['type']}")
    context = RemoteContext(job=decode(job["identity"]), seed=job["seed"], line=line)
    payload = job_type.parse_payload_text(job["payload"])
    with Tracing().span("job.handle", job.get("traceparent"), {}):
        result = await call_handler(job_type, payload, parse_effects(job["effects"]), context)
    return result.model_dump_json()


def _limit_memory(megabytes: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    limit = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Arguments: the socket's descriptor, the catalogue's function, the memory limit in MiB."""
    descriptor, catalog_name, megabytes = sys.argv[1:4]
    _limit_memory(int(megabytes))
    module, _, function = catalog_name.partition(":")
    catalog: JobCatalog = getattr(importlib.import_module(module), function)()
    connection = socket.socket(fileno=int(descriptor))
    connection.setblocking(False)
    asyncio.run(serve(connection, catalog))


if __name__ == "__main__":
    main()
