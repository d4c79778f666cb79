"""From a translated bundle to requests as they would be stored and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from jobforge.contract.canonical import digest_of
from jobforge.core.admission import prepare
from jobforge.core.catalog import JobCatalog
from jobforge.core.data_source import DataSource, NamedDataset
from jobforge.core.errors import PayloadInvalid
from jobforge.testing.admission import (
    CALLER,
    CATALOG,
    PROJECT_ID,
    READ_ONLY,
    READ_TYPE,
    LookPayload,
    make_bundle,
    make_request,
    unmasked,
)


def from_module(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """A module calls the ticket `id` and counts its depth from 0."""
    if "ticket_id" in payload:
        return payload
    return {"ticket_id": payload["id"], "depth": payload["level"] + 1}


def mask_secret(payloads: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [
        {key: "***" if value == "s3cret" else value for key, value in payload.items()}
        for payload in payloads
    ]


def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
    raise PayloadInvalid("no ticket in it", pointer="/id")


TRANSLATING = JobCatalog([replace(READ_ONLY, translate=from_module)])


def test_a_modules_payload_is_stored_and_digested_in_our_form() -> None:
    bundle = make_bundle(make_request(payload={"id": "T-1", "level": 1}))

    request = prepare(bundle, TRANSLATING, CALLER, mask=unmasked).requests[0]

    assert request.planned.payload == {"ticket_id": "T-1", "depth": 2}
    assert request.planned.payload_digest == digest_of({"ticket_id": "T-1", "depth": 2})
    assert request.parsed == LookPayload(ticket_id="T-1", depth=2)


def test_a_secret_is_masked_before_anything_is_parsed_digested_or_kept() -> None:
    bundle = make_bundle(make_request(payload={"id": "s3cret", "level": 0}))

    request = prepare(bundle, TRANSLATING, CALLER, mask=mask_secret).requests[0]

    assert request.parsed == LookPayload(ticket_id="***", depth=1)
    assert request.planned.payload_digest == digest_of({"ticket_id": "***", "depth": 1})
    assert "s3cret" not in repr(request)


def test_a_secret_is_masked_in_a_payload_of_an_unknown_type_and_in_one_that_is_refused() -> None:
    bundle = make_bundle(
        make_request(1, job_type="autopilot.x.y", payload={"note": "s3cret"}),
        make_request(2, payload={"note": "s3cret"}),
    )

    unknown, refused = prepare(bundle, CATALOG, CALLER, mask=mask_secret).requests

    assert unknown.planned.payload == refused.planned.payload == {"note": "***"}
    assert unknown.job_type is None
    assert refused.fault is not None


@pytest.mark.parametrize("payload", [{"id": "T-1"}, {"id": "T-1", "level": "deep"}, {}])
def test_a_payload_that_trips_the_translation_is_a_fault_of_that_request(
    payload: dict[str, Any],
) -> None:
    bundle = make_bundle(make_request(payload=payload))

    request = prepare(bundle, TRANSLATING, CALLER, mask=unmasked).requests[0]

    assert request.parsed is None
    assert request.fault is not None
    assert request.fault.message.startswith("cannot be translated")


def test_a_translation_may_refuse_with_a_reason_of_its_own() -> None:
    catalog = JobCatalog([replace(READ_ONLY, translate=refuse)])

    request = prepare(make_bundle(make_request()), catalog, CALLER, mask=unmasked).requests[0]

    assert request.fault is not None
    assert (request.fault.message, request.fault.pointer) == ("no ticket in it", "/id")


def test_the_sources_of_a_valid_payload_are_those_its_type_names() -> None:
    def named(payload: LookPayload) -> tuple[DataSource, ...]:
        return (NamedDataset(name=payload.ticket_id),)

    catalog = JobCatalog([replace(READ_ONLY, sources=named)])
    bundle = make_bundle(
        make_request(1), make_request(2, payload={}), make_request(3, job_type="autopilot.x.y")
    )

    requests = prepare(bundle, catalog, CALLER, mask=unmasked).requests

    assert [request.sources for request in requests] == [(NamedDataset(name="T-1"),), (), ()]


def test_a_request_inherits_the_project_of_its_bundle() -> None:
    bundle = make_bundle(make_request(1), make_request(2, project=str(PROJECT_ID)), project="web")

    prepared = prepare(bundle, CATALOG, CALLER, mask=unmasked)

    assert prepared.project_id == PROJECT_ID
    assert [r.planned.project for r in prepared.requests] == [str(PROJECT_ID)] * 2


def test_a_projects_id_is_known_in_capitals_too() -> None:
    assert CALLER.find_project(str(PROJECT_ID).upper()) == PROJECT_ID
    assert CALLER.find_project("WEB") is None


def test_the_keys_to_look_up_are_those_of_all_requests() -> None:
    bundle = make_bundle(make_request(1), make_request(2), make_request(2))

    prepared = prepare(bundle, CATALOG, CALLER, mask=unmasked)

    assert prepared.keys == {(READ_TYPE, "key-1"), (READ_TYPE, "key-2")}
