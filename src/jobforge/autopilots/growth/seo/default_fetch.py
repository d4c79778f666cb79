"""The client that `crawl_site` uses where none is given: JobForge's own, with its egress rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from jobforge.autopilots.growth.seo.crawl_options import Fetch

_MODULE = "jobforge.bootstrap"
_FACTORY = "open_http_client"


@asynccontextmanager
async def default_fetch() -> AsyncIterator[Fetch]:
    """Open the client that `bootstrap` wires, and close it afterwards.

    Imported by name and late: analyses know no adapter, and importing this package stays light.
    """
    async with getattr(import_module(_MODULE), _FACTORY)() as client:
        yield client.fetch
