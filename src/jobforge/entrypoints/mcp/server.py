"""`jobforge mcp`: the tools over standard input and output, or over HTTP."""

from __future__ import annotations

import asyncio

from jobforge.bootstrap import harden_process, open_application
from jobforge.config import Settings
from jobforge.core.errors import SettingInvalid
from jobforge.entrypoints.mcp.tools import make_server


def serve(host: str | None, port: int) -> None:
    """Serve until whoever asks is gone, or SIGTERM; over standard input where there is no host.

    Raises:
        SettingInvalid: over standard input there is no key to act for.
    """
    asyncio.run(_serve(host, port))


async def _serve(host: str | None, port: int) -> None:
    settings = Settings()
    if host is None and settings.mcp_key is None:
        raise SettingInvalid(
            "JOBFORGE_MCP_KEY is not set", hint="jobforge key create makes a key for the agent"
        )
    async with open_application(settings) as application:
        harden_process()
        if host is not None:
            # One request is one caller: nothing of a session outlives the key that it came with.
            server = make_server(application)
            await server.run_streamable_http_async(host=host, port=port, stateless_http=True)
            return
        key = None if settings.mcp_key is None else settings.mcp_key.get_secret_value()
        await make_server(application, key).run_stdio_async()
