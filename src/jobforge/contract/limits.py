"""How large things may be, and how names are spelled."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

MAX_DOCUMENT_BYTES = 8 * 1024 * 1024
MAX_PAYLOAD_BYTES = 64 * 1024
"""Of a payload written as compact JSON in UTF-8."""
MAX_DEPTH = 32
"""Arrays and objects inside each other; the document itself is the first."""
MAX_REQUESTS = 100

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def _check_instant(text: str) -> str:
    if _INSTANT.fullmatch(text) is None:
        raise ValueError("must be an RFC 3339 time with its offset, like 2026-01-31T12:00:00Z")
    datetime.fromisoformat(text)
    return text


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,255}$")]
UuidText = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    ),
]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,256}$")]
"""A name of somebody else's making: anything readable, 1 to 256 characters."""
FreeText = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Instant = Annotated[str, AfterValidator(_check_instant)]
"""A time as it was written; RFC 3339 with an offset."""
