"""The canonical bundle: what a producer sends that speaks JobForge's own form.

Two spellings are taken: `schema_version: "1.0.0"`, and the older `version: "1.0"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from jobforge.contract.limits import (
    MAX_REQUESTS,
    FreeText,
    Identifier,
    Instant,
    Name,
    UuidText,
)
from jobforge.contract.model import WireModel

SCHEMA_VERSION = "1.0.0"
OLDER_VERSION = "1.0"


class JobRequest(WireModel):
    """One job that the bundle asks for. `is_action_job` can only make the decision stricter."""

    id: Identifier
    job_type: FreeText
    tenant_id: UuidText
    project_id: UuidText | None = None
    payload: dict[str, Any]
    idempotency_key: FreeText
    required_scopes: tuple[FreeText, ...] = ()
    is_action_job: bool = Field(default=False, strict=True)


class BundleMetadata(WireModel):
    """Where a bundle comes from. Other keys are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)

    source: Name
    triggered_at: Instant
    correlation_id: str | None = None


class JobRequestBundle(WireModel):
    """What travels in: 1 to 100 requests of one tenant, decided and run together."""

    schema_version: Literal["1.0.0"]
    bundle_id: Identifier
    tenant_id: UuidText
    project_id: UuidText | None = None
    trace_id: Name
    requests: tuple[JobRequest, ...] = Field(min_length=1, max_length=MAX_REQUESTS)
    metadata: BundleMetadata

    @model_validator(mode="before")
    @classmethod
    def _read_older_spelling(cls, document: object) -> object:
        return to_current_spelling(document) if isinstance(document, Mapping) else document


def to_current_spelling(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document with `schema_version`, where it has the older `version` instead."""
    if document.get("version") != OLDER_VERSION or "schema_version" in document:
        return document
    rest = {key: value for key, value in document.items() if key != "version"}
    return {"schema_version": SCHEMA_VERSION, **rest}
