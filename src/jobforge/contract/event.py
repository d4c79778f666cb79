"""The canonical event: something that happened in an application, for triggers to react to."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jobforge.contract.limits import FreeText, Instant, Name, UuidText
from jobforge.contract.model import WireModel
from jobforge.contract.report import ModuleId, RedactionHints

SourceApp = Literal["settler", "aias", "keys", "readylayer", "jobforge", "external"]


class EventSubject(WireModel):
    """What the event is about."""

    type: FreeText
    id: FreeText


class EventEnvelope(WireModel):
    """One event. `occurred_at` is the producer's own time, never that of its arrival."""

    schema_version: Literal["1.0.0"]
    event_version: Literal["1.0"]
    event_type: FreeText
    occurred_at: Instant
    trace_id: Name
    actor_id: FreeText | None = None
    tenant_id: UuidText
    project_id: UuidText | None = None
    source_app: SourceApp
    source_module: ModuleId | None = None
    subject: EventSubject | None = None
    payload: dict[str, Any]
    contains_pii: bool = Field(strict=True)
    redaction_hints: RedactionHints | None = None
