"""W3C Trace Context: which trace a run belongs to, whoever started it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

_PARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_CHARS = 16


def traceparent_of(candidates: Iterable[str | None], run_id: UUID) -> str:
    """The first candidate that is a `traceparent` or a trace id; else a new trace, of this run.

    Anything else is passed over, as whoever receives a header must (Source: W3C Trace Context,
    "traceparent header").
    """
    span_id = sha256(run_id.bytes).hexdigest()[:_SPAN_CHARS]
    for candidate in candidates:
        if candidate is None:
            continue
        if _PARENT.fullmatch(candidate):
            return candidate
        if _TRACE_ID.fullmatch(candidate):
            return f"00-{candidate}-{span_id}-01"
    return f"00-{run_id.hex}-{span_id}-01"
