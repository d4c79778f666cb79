"""What callers by SQL and webhooks have in common here: rows of tenant acme, and who sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.adapters.postgres import sql_rows, webhook_rows
from tests.adapters.postgres.sql_rows import WRITTEN, split

if TYPE_CHECKING:
    from tests.application import Harness

__all__ = ["ACROSS", "FUNCTIONS", "KNOWN", "SEEN", "WRITTEN", "fill_outside", "split"]

ACROSS = sql_rows.ACROSS | webhook_rows.ACROSS
FUNCTIONS = sql_rows.FUNCTIONS | webhook_rows.ACROSS
SEEN = sql_rows.SEEN | webhook_rows.SEEN
KNOWN = sql_rows.KNOWN | webhook_rows.KNOWN


async def fill_outside(app: Harness) -> None:
    """A row in each of their tables."""
    await sql_rows.fill_sql(app)
    await webhook_rows.fill_webhooks(app)
