"""The console on a private database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from tests.entrypoints.http.console.site import Site

if TYPE_CHECKING:
    from tests.application import Harness


@pytest.fixture
async def site(app: Harness) -> AsyncIterator[Site]:
    """The console with a tenant acme, every switch on."""
    opened = Site.over(app)
    yield opened
    for visitor in opened.visitors:
        await visitor.client.aclose()
