"""Addresses of lists: their filters, and the page after the one that is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from jobforge.entrypoints.http.console.pages import ROOT
from jobforge.entrypoints.http.paging import cursor_of

Row = TypeVar("Row")

PAGE_ROWS = 50


def to_query(path: str, values: Mapping[str, Any]) -> str:
    """A page's address with these filters; those that are empty are left out."""
    given = {name: str(value) for name, value in values.items() if value not in {None, ""}}
    return f"{ROOT}{path}?{urlencode(given)}" if given else f"{ROOT}{path}"


def cut(
    rows: Sequence[Row],
    places: Sequence[tuple[datetime, UUID]],
    path: str,
    values: Mapping[str, Any],
) -> tuple[Sequence[Row], str | None]:
    """The rows of one page, and where the older ones are; `rows` has one more if there are any."""
    if len(rows) <= PAGE_ROWS:
        return rows, None
    after = cursor_of(*places[PAGE_ROWS - 1])
    return rows[:PAGE_ROWS], to_query(path, {**values, "cursor": after})
