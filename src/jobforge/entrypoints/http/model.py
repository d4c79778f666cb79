"""The base of what this way in takes, and the kinds of values that several bodies have."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
"""Within these an instant is one in every time zone."""


class Body(BaseModel):
    """A request's body: frozen, and without members that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _check_instant(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError("it has no offset; give it like 2026-01-31T12:00:00Z")
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise ValueError(f"its year is not from {_FIRST_YEAR} to {_LAST_YEAR}")
    return instant


Instant = Annotated[datetime, AfterValidator(_check_instant)]
"""A moment with its offset."""

NamePath = Annotated[
    str, Path(min_length=1, max_length=256, pattern=_PRINTABLE, description="Its name.")
]
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=_PRINTABLE)]
Reason = Annotated[
    str,
    Field(min_length=1, max_length=256, pattern=_PRINTABLE, description="Why; it is recorded."),
]
JobTypeName = Annotated[str, Field(min_length=1, max_length=255, pattern=_PRINTABLE)]
