"""A value of each type that queries take, for those whose rows nobody looks for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.adapters.postgres import control_rows

SAMPLES: dict[str, Any] = {
    "uuid": UUID(int=5),
    "text": "x",
    "int4": 3,
    "int8": 0,
    "timestamptz": datetime(2026, 3, 1, tzinfo=UTC),
    "bool": True,
    **control_rows.SAMPLES,
    "bytea": b"x",
    "float4": 0.5,
    "float8": 0.5,
    "json": "{}",
    "jsonb": "{}",
}
