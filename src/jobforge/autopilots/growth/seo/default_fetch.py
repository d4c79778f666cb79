"""The client that `crawl_site` uses where none is given: JobForge's own, with its egress rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from jobforge.autopilots.growth.seo.crawl_options import Fetch
from jobforge.core.egress import EgressPolicy


@asynccontextmanager
async def default_fetch() -> AsyncIterator[Fetch]:
    """Open JobForge's HTTP client as the settings allow it, and close it afterwards.

    Imported by name and late: this package knows no adapter, and a crawl inside a job gets its
    client from the job's context. Only who calls `crawl_site` on his own comes here.
    """
    settings = import_module("jobforge.config").Settings()
    guard = import_module("jobforge.adapters.http.address_guard").AddressGuard(
        EgressPolicy.parse(settings.egress_allow)
    )
    client = import_module("jobforge.adapters.http.client").GuardedHttpClient(guard)
    async with client:
        yield client.fetch
