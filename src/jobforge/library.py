"""Wires what analyses need that are called from Python, outside any job.

Apart from `bootstrap`, because whoever crawls a site from a script should not load the engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.http.client import GuardedHttpClient
from jobforge.config import Settings
from jobforge.core.context import HttpClient
from jobforge.core.egress import EgressPolicy


@asynccontextmanager
async def open_http_client() -> AsyncIterator[HttpClient]:
    """The way out as the settings allow it.

    Raises:
        SettingInvalid: a setting cannot be used.
    """
    guard = AddressGuard(EgressPolicy.parse(Settings().egress_allow))
    async with GuardedHttpClient(guard) as client:
        yield client
