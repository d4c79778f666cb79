"""The API on a private database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from tests.entrypoints.http.api import Api

if TYPE_CHECKING:
    from tests.application import Harness


@pytest.fixture
async def api(app: Harness) -> AsyncIterator[Api]:
    """The API with a tenant acme, every switch on."""
    opened = Api.over(app)
    yield opened
    for client in opened.clients:
        await client.aclose()
