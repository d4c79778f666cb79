"""The client that `crawl_site` uses where none is given: JobForge's own, with its egress rules.

This package knows no adapter. What wires JobForge offers its client under an entry point of its own
distribution, as other packages offer job types; a crawl inside a job gets its client from the job's
context and never comes here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import PackageNotFoundError, distribution

from jobforge.autopilots.growth.seo.crawl_options import Fetch
from jobforge.core.context import HttpClient
from jobforge.core.errors import InvalidInput

GROUP = "jobforge.http_clients"
NAME = "default"

OpenClient = Callable[[], AbstractAsyncContextManager[HttpClient]]


@asynccontextmanager
async def default_fetch() -> AsyncIterator[Fetch]:
    """Open JobForge's HTTP client as the settings allow it, and close it afterwards.

    Raises:
        InvalidInput: JobForge is not installed, only its source is there.
    """
    async with _find_client()() as client:
        yield client.fetch


def _find_client() -> OpenClient:
    try:
        # No other package's: it would be let out without JobForge's rules.
        offered = distribution("jobforge").entry_points.select(group=GROUP, name=NAME)
    except PackageNotFoundError:
        raise InvalidInput(
            "JobForge is not installed: it has no client", hint="give fetch"
        ) from None
    if not offered:
        raise InvalidInput("this JobForge was installed before it had a client", hint="give fetch")
    found: OpenClient = offered[NAME].load()
    return found
