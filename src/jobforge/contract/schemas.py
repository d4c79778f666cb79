"""The canonical forms as JSON Schema 2020-12, for producers in other languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobforge.contract.bundle import JobRequestBundle
from jobforge.contract.event import EventEnvelope
from jobforge.contract.manifest import RunManifest
from jobforge.contract.report import ReportEnvelope

if TYPE_CHECKING:
    from pydantic import BaseModel

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: dict[str, type[BaseModel]] = {
    "bundle": JobRequestBundle,
    "report": ReportEnvelope,
    "event": EventEnvelope,
    "manifest": RunManifest,
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """A schema by name: `bundle`, `report`, `event`, `manifest`.

    What a schema cannot say still holds: no duplicate keys, 64 KiB a payload, 32 deep.
    """
    return {
        name: {"$schema": _DIALECT, **model.model_json_schema()} for name, model in _MODELS.items()
    }
