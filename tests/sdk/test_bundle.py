"""A builder's bundle is valid before it is sent, and says where it would not be."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import BaseModel

from jobforge.contract.dialects import read_bundle
from jobforge.contract.errors import ContractViolation
from jobforge.sdk import BundleBuilder
from jobforge.sdk.calls import to_json

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TENANT = UUID(int=1)


class Payload(BaseModel):
    at: datetime


def builder(**more: str) -> BundleBuilder:
    return BundleBuilder(TENANT, "tests", NOON, **more)


def test_what_was_built_is_what_the_server_reads() -> None:
    built = (
        builder(bundle_id="b-1")
        .add("autopilot.ops.scan", {"targets": ["https://a.example"]}, scopes=["ops:read"])
        .add("autopilot.support.triage", Payload(at=NOON), idempotency_key="mine")
        .build()
    )

    read = read_bundle(to_json(built))

    assert [request.job_type for request in read.requests] == [
        "autopilot.ops.scan",
        "autopilot.support.triage",
    ]
    assert [request.idempotency_key for request in read.requests] == ["b-1:request-1", "mine"]
    assert dict(read.requests[1].payload) == {"at": "2026-03-01T12:00:00Z"}


def test_bundles_without_ids_of_their_own_are_different_ones() -> None:
    first, second = builder(), builder()

    assert first.bundle_id != second.bundle_id


@pytest.mark.parametrize(
    ("request_id", "job_type", "pointer"),
    [
        ("a b", "x", "/requests/1/id"),
        ("r", "", "/requests/1/job_type"),
        ("request-1", "x", "/requests/1/id"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_by_its_place(
    request_id: str, job_type: str, pointer: str
) -> None:
    bundle = builder().add("x", {})

    with pytest.raises(ContractViolation) as raised:
        bundle.add(job_type, {}, request_id=request_id)

    assert raised.value.pointer == pointer
    assert len(bundle.build().requests) == 1


def test_a_bundle_is_neither_empty_nor_too_large_nor_without_an_offset() -> None:
    full = builder()
    for _ in range(101):
        full.add("x", {})
    naive = BundleBuilder(TENANT, "tests", NOON.replace(tzinfo=None)).add("x", {})

    for bundle, pointer in (
        (builder(), "/requests"),
        (full, "/requests"),
        (naive, "/triggered_at"),
    ):
        with pytest.raises(ContractViolation) as raised:
            bundle.build()
        assert str(raised.value.pointer).endswith(pointer)
