"""The canonical dialect: exact fields, two spellings, nothing hidden in a payload."""

from __future__ import annotations

import pytest
from tests.contract.dialects.documents import refusal_of
from tests.contract.producers import (
    PROJECT,
    TENANT,
    Json,
    canonical_bundle,
    canonical_request,
    encode,
    older_canonical_bundle,
)

from jobforge.contract.dialects import TranslatedRequest, read_bundle

OTHER = "550e8400-e29b-41d4-a716-4466554400ff"


def only_request(**fields: object) -> TranslatedRequest:
    request = {**canonical_request(), **fields}
    return read_bundle(encode(canonical_bundle([request]))).requests[0]


def test_every_field_arrives() -> None:
    bundle = read_bundle(encode(canonical_bundle([canonical_request(is_action_job=True)])))
    request = bundle.requests[0]

    assert (bundle.bundle_id, bundle.trace_id) == ("bundle-1", "trace-1")
    assert (bundle.tenant, bundle.project) == (TENANT, PROJECT)
    assert (bundle.producer_hash, bundle.source_module) == ("absent", "ops-autopilot")
    assert (request.request_id, request.idempotency_key) == ("req-1", "scan 1")
    assert (request.job_type, request.payload) == ("autopilot.ops.scan", {"scan_type": "health"})
    assert (request.required_scopes, request.is_flagged) == (("ops:read",), True)
    assert request.pointer == "/requests/0"


def test_other_metadata_is_kept_as_it_is() -> None:
    assert read_bundle(encode(canonical_bundle())).metadata["note"] == {"kept": True}


def test_both_spellings_give_the_same_bundle() -> None:
    assert read_bundle(encode(older_canonical_bundle())) == read_bundle(encode(canonical_bundle()))


@pytest.mark.parametrize(
    ("versions", "pointer"),
    [
        ({"schema_version": "1.0"}, "/schema_version"),
        ({"schema_version": "2.0.0"}, "/schema_version"),
        ({"schema_version": 1}, "/schema_version"),
        ({"version": "1.0.0"}, "/version"),
        ({"version": "2.0"}, "/version"),
    ],
)
def test_other_versions_are_not_supported(versions: Json, pointer: str) -> None:
    document = canonical_bundle()
    del document["schema_version"]

    refusal = refusal_of({**document, **versions})

    assert (refusal.refusal_code, refusal.pointer) == ("SCHEMA_VERSION_UNSUPPORTED", pointer)


def test_a_missing_version_is_named() -> None:
    document = canonical_bundle()
    del document["schema_version"]

    refusal = refusal_of(document)

    assert (refusal.refusal_code, refusal.pointer) == ("BUNDLE_INVALID", "/schema_version")


def test_both_spellings_at_once_are_refused() -> None:
    refusal = refusal_of(canonical_bundle(version="1.0"))

    assert (refusal.refusal_code, refusal.pointer) == ("BUNDLE_INVALID", "/version")


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (canonical_bundle(extra=1), "/extra"),
        (canonical_bundle([canonical_request(policy="none")]), "/requests/0/policy"),
    ],
)
def test_unknown_keys_are_refused_by_pointer(document: Json, pointer: str) -> None:
    refusal = refusal_of(document)

    assert (refusal.refusal_code, refusal.pointer) == ("BUNDLE_INVALID", pointer)
    assert refusal.message == "unknown key"


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (canonical_bundle([]), "/requests"),
        (canonical_bundle(bundle_id=""), "/bundle_id"),
        (canonical_bundle(bundle_id="a b"), "/bundle_id"),
        (canonical_bundle(bundle_id="a\n"), "/bundle_id"),
        (canonical_bundle(bundle_id="x" * 256), "/bundle_id"),
        (canonical_bundle(tenant_id="acme"), "/tenant_id"),
        (canonical_bundle(tenant_id=TENANT.replace("-", "")), "/tenant_id"),
        (canonical_bundle(project_id="shop"), "/project_id"),
        (canonical_bundle(trace_id=""), "/trace_id"),
        (canonical_bundle(trace_id="a\x1b[31m"), "/trace_id"),
        (canonical_bundle(metadata={"source": "x"}), "/metadata/triggered_at"),
        (canonical_bundle(metadata={"triggered_at": "2026-01-01T00:00:00Z"}), "/metadata/source"),
        (canonical_bundle([canonical_request(id="a/b")]), "/requests/0/id"),
        (canonical_bundle([canonical_request(payload=[])]), "/requests/0/payload"),
        (canonical_bundle([canonical_request(idempotency_key="")]), "/requests/0/idempotency_key"),
        (canonical_bundle([canonical_request(is_action_job="no")]), "/requests/0/is_action_job"),
        (canonical_bundle([canonical_request(is_action_job=0)]), "/requests/0/is_action_job"),
        (canonical_bundle([canonical_request(required_scopes="x")]), "/requests/0/required_scopes"),
        (canonical_bundle(requests="none"), "/requests"),
    ],
)
def test_a_field_that_does_not_fit_is_named(document: Json, pointer: str) -> None:
    refusal = refusal_of(document)

    assert (refusal.refusal_code, refusal.pointer) == ("BUNDLE_INVALID", pointer)


@pytest.mark.parametrize(
    "time",
    ["2026-01-01", "2026-01-01T00:00:00", "20260101T000000Z", "2026-02-30T00:00:00Z", "now", 5],
)
def test_a_time_without_its_offset_or_its_day_is_refused(time: object) -> None:
    document = canonical_bundle(metadata={"source": "x", "triggered_at": time})

    assert refusal_of(document).pointer == "/metadata/triggered_at"


@pytest.mark.parametrize("time", ["2026-01-01T00:00:00.123Z", "2026-01-01T01:00:00+01:00"])
def test_a_time_with_fractions_or_an_offset_is_taken(time: str) -> None:
    read_bundle(encode(canonical_bundle(metadata={"source": "x", "triggered_at": time})))


def test_a_request_without_a_project_is_in_the_bundles() -> None:
    request = canonical_request()
    del request["project_id"]

    bundle = read_bundle(encode(canonical_bundle([request])))

    assert bundle.requests[0].project == PROJECT


def test_without_any_project_there_is_none() -> None:
    request, document = canonical_request(), canonical_bundle()
    del request["project_id"], document["project_id"]

    assert read_bundle(encode({**document, "requests": [request]})).requests[0].project is None


def test_the_tenant_and_project_repeated_in_a_payload_are_taken_out() -> None:
    request = only_request(payload={"tenant_id": TENANT.upper(), "project_id": PROJECT, "x": 1})

    assert request.payload == {"x": 1}
    assert (request.tenant, request.project) == (TENANT, PROJECT)


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant_id": OTHER},
        {"payload": {"tenant_id": OTHER}},
        {"tenant_id": OTHER, "payload": {"tenant_id": TENANT}},
        {"tenant_id": TENANT, "payload": {"tenant_id": OTHER}},
    ],
)
def test_another_tenant_shows_wherever_it_is_named(fields: Json) -> None:
    assert only_request(**fields).tenant == OTHER


@pytest.mark.parametrize(
    "fields",
    [
        {"project_id": OTHER},
        {"payload": {"project_id": OTHER}},
        {"project_id": OTHER, "payload": {"project_id": PROJECT}},
    ],
)
def test_another_project_shows_wherever_it_is_named(fields: Json) -> None:
    assert only_request(**fields).project == OTHER


def test_a_tenant_in_a_payload_that_is_no_text_stays_for_the_job_type_to_refuse() -> None:
    assert only_request(payload={"tenant_id": 5}).payload == {"tenant_id": 5}
