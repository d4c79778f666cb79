from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.adapters.http.site import Site, a_client

from jobforge.adapters.http.client import GuardedHttpClient


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().serving() as site:
        yield site


@pytest.fixture
async def other() -> AsyncIterator[Site]:
    async with Site().serving() as site:
        yield site


@pytest.fixture
async def client() -> AsyncIterator[GuardedHttpClient]:
    async with a_client("127.0.0.0/8") as client:
        yield client
