"""Pages of lists: a cursor names the last row that was seen, so that nothing is counted twice."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from jobforge.entrypoints.http.problems import HttpFault
from jobforge.ports.records import Page

Item = TypeVar("Item", bound=BaseModel)

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=200, description="The `next` of the page before; opaque."),
]


class Listed(BaseModel, Generic[Item]):
    """One page; `next` is the cursor of the following one, null at the end."""

    items: list[Item]
    next: str | None = Field(description="Give it as `cursor` to read on; null at the end.")


def page_of(cursor: str | None, limit: int) -> Page:
    """The page after a cursor; one row more than wanted, to see whether there are further ones.

    Raises:
        HttpFault: the cursor is none of ours.
    """
    if cursor is None:
        return Page(limit + 1)
    place = _place(cursor)
    if place is None:
        raise HttpFault(422, "REQUEST_INVALID", "the cursor is not one of this server")
    return Page(limit + 1, *place)


def listed(
    items: Sequence[Item], places: Sequence[tuple[datetime, UUID]], limit: int
) -> Listed[Item]:
    """The page; `places` are the rows' moments and ids, one more than `limit` if there are more."""
    is_more = len(items) > limit
    return Listed(
        items=list(items[:limit]), next=cursor_of(*places[limit - 1]) if is_more else None
    )


def cursor_of(at: datetime, row_id: UUID) -> str:
    """The cursor of a row; it goes into addresses as it is."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {row_id}".encode()).decode()


def _place(cursor: str) -> tuple[datetime, UUID] | None:
    try:
        text = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
        at, _, row_id = text.partition(" ")
        moment = datetime.fromisoformat(at)
        return None if moment.tzinfo is None else (moment, UUID(row_id))
    except (ValueError, binascii.Error):
        return None
