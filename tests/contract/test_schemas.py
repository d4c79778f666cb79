"""The JSON Schemas say what the models say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError
from tests.contract.producers import PROJECT, TENANT, Json, canonical_bundle, canonical_report

from jobforge.contract.bundle import JobRequestBundle
from jobforge.contract.event import EventEnvelope
from jobforge.contract.report import ReportEnvelope
from jobforge.contract.schemas import json_schemas

EVENT: Json = {
    "schema_version": "1.0.0",
    "event_version": "1.0",
    "event_type": "invoice.paid",
    "occurred_at": "2026-03-01T08:00:00Z",
    "trace_id": "trace-1",
    "actor_id": "ada",
    "tenant_id": TENANT,
    "project_id": PROJECT,
    "source_app": "settler",
    "source_module": "finops",
    "subject": {"type": "invoice", "id": "i-1"},
    "payload": {"amount": "9.00"},
    "contains_pii": False,
    "redaction_hints": {"redact_fields": ["email"]},
}


def test_there_is_a_schema_for_each_form_and_it_is_json() -> None:
    schemas = json_schemas()

    assert list(schemas) == ["bundle", "report", "event", "manifest"]
    assert json.loads(json.dumps(schemas)) == schemas
    assert all(s["$schema"].endswith("2020-12/schema") for s in schemas.values())


@pytest.mark.parametrize(
    ("name", "document"),
    [("bundle", canonical_bundle()), ("report", canonical_report()), ("event", EVENT)],
)
def test_a_schema_knows_every_field_and_no_other(name: str, document: Json) -> None:
    schema: Any = json_schemas()[name]

    assert schema["additionalProperties"] is False
    assert set(document) <= set(schema["properties"])
    assert set(schema["required"]) <= set(document)


def test_the_schema_of_a_bundle_holds_its_limits() -> None:
    schema = json_schemas()["bundle"]

    requests = schema["properties"]["requests"]
    assert (requests["minItems"], requests["maxItems"]) == (1, 100)
    assert schema["$defs"]["BundleMetadata"]["additionalProperties"] is True


def test_an_event_is_taken_whole() -> None:
    event = EventEnvelope.model_validate(EVENT)

    assert event.model_dump(mode="json", exclude_none=True) == {
        **EVENT,
        "redaction_hints": {"redact_fields": ["email"]},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"event_version": "2.0"},
        {"source_app": "other"},
        {"contains_pii": "no"},
        {"occurred_at": "2026-03-01 08:00"},
        {"subject": {"type": "invoice"}},
        {"extra": 1},
        {"payload": None},
    ],
)
def test_an_event_that_does_not_fit_is_refused(changes: Json) -> None:
    with pytest.raises(ValidationError):
        EventEnvelope.model_validate({**EVENT, **changes})


def test_the_canonical_models_can_be_built_and_written_again() -> None:
    bundle = JobRequestBundle.model_validate(canonical_bundle())
    report = ReportEnvelope.model_validate(canonical_report())

    assert bundle.model_dump(mode="json", exclude_none=True) == canonical_bundle()
    assert report.model_dump(mode="json", exclude_none=True) == canonical_report()
