"""The client that `crawl_site` uses where none is given: JobForge's own, with its egress rules."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec

from jobforge.autopilots.growth.seo.crawl_options import Fetch
from jobforge.core.egress import EgressPolicy


@asynccontextmanager
async def default_fetch() -> AsyncIterator[Fetch]:
    """Open JobForge's HTTP client as the settings allow it, and close it afterwards.

    Imported by name and late: this package knows no adapter, and a crawl inside a job gets its
    client from the job's context. Only who calls `crawl_site` on his own comes here.
    """
    _settle_sniffio()
    settings = import_module("jobforge.config").Settings()
    guard = import_module("jobforge.adapters.http.address_guard").AddressGuard(
        EgressPolicy.parse(settings.egress_allow)
    )
    client = import_module("jobforge.adapters.http.client").GuardedHttpClient(guard)
    async with client:
        yield client.fetch


def _settle_sniffio() -> None:
    """Say once that sniffio is absent, where it is.

    httpcore tries to import it several times a request; a failed import is not remembered, and
    searching the disk each time took 28 % of a request's processor time.
    """
    if find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment] # the documented mark of absence
