"""What is special about the dialects of support, growth and finops."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.dialects.documents import refusal_of
from tests.contract.producers import (
    BUNDLES,
    SEALS,
    Json,
    encode,
    finops_bundle,
    finops_request,
    growth_bundle,
    growth_wrapper,
    support_bundle,
    support_job,
)

from jobforge.contract.dialects import Hints, TranslatedRequest, read_bundle


def only_job(**fields: object) -> TranslatedRequest:
    document = support_bundle([support_job({"ticket_id": "t"}, **fields)])
    return read_bundle(encode(document)).requests[0]


def only_growth(**fields: Any) -> TranslatedRequest:  # noqa: ANN401 (flag and fields)
    document = growth_bundle([growth_wrapper("autopilot.growth.seo_scan", {}, **fields)])
    return read_bundle(encode(document)).requests[0]


def only_finops(payload: Json | None = None, **fields: object) -> TranslatedRequest:
    document = finops_bundle([finops_request("reconcile", payload or {}, **fields)])
    return read_bundle(encode(document)).requests[0]


def test_support_caps_and_schedule_become_hints() -> None:
    request = only_job(priority="critical", scheduled_for="2026-04-01T08:00:00.000Z")

    assert request.hints == Hints(
        priority="critical",
        max_cost_usd=0.25,
        max_duration_seconds=60.0,
        not_before="2026-04-01T08:00:00.000Z",
    )


def test_the_support_flag_is_taken_over() -> None:
    assert only_job(requires_policy_token=True).is_flagged
    assert not only_job(requires_policy_token=False).is_flagged


def test_support_caps_that_are_no_numbers_are_no_hints() -> None:
    caps = {"finops": {"max_cost_usd": "much", "max_runtime_seconds": -1}}

    hints = only_job(metadata=caps).hints

    assert (hints.max_cost_usd, hints.max_duration_seconds) == (None, None)


@pytest.mark.parametrize("module", ["support", "growth"])
def test_modules_with_a_default_version_may_leave_it_out(module: str) -> None:
    document = BUNDLES[module]()
    del document["schema_version"]

    assert read_bundle(encode(SEALS[module](document))).producer_hash == "verified"


def test_growth_limits_become_hints_and_medium_means_normal() -> None:
    constraints = {
        "auto_execute": True,
        "require_approval": True,
        "deadline": "2026-04-01T08:00:00Z",
        "max_cost_usd": 1,
    }

    request = only_growth(priority="medium", constraints=constraints)

    assert request.hints == Hints(
        priority="normal",
        max_cost_usd=1.0,
        requires_approval=True,
        expires_at="2026-04-01T08:00:00Z",
    )
    assert request.pointer == "/requests/0/request"


def test_the_growth_flag_stands_on_the_wrapper() -> None:
    assert only_growth(flag=True).is_flagged
    assert not only_growth(flag=False).is_flagged


def test_auto_execute_grants_nothing() -> None:
    constraints = {"auto_execute": True, "require_approval": False}

    assert not only_growth(constraints=constraints).hints.requires_approval
    assert only_growth(constraints=constraints, flag=True).is_flagged


def test_canonicalization_is_part_of_the_growth_hash() -> None:
    refusal = refusal_of({**growth_bundle(), "canonicalization": "unsorted"})

    assert refusal.refusal_code == "PRODUCER_HASH_MISMATCH"


def test_finops_limits_become_hints() -> None:
    request = only_finops(max_retries=0, timeout_seconds=600, priority="low")

    assert request.hints == Hints(priority="low", max_duration_seconds=600.0, max_retries=0)


@pytest.mark.parametrize(
    ("flag", "is_flagged"),
    [(False, False), (None, False), (True, True), ("false", True), (0, True), ("yes", True)],
)
def test_any_finops_flag_but_a_plain_no_is_a_yes(flag: object, is_flagged: bool) -> None:
    assert only_finops(metadata={"requires_policy_token": flag}).is_flagged is is_flagged


def test_a_finops_request_without_a_flag_wants_none() -> None:
    assert not only_finops(metadata={}).is_flagged


@pytest.mark.parametrize("name", ["action", "action_type", "action_name"])
def test_what_finops_itself_calls_an_action_is_flagged(name: str) -> None:
    assert only_finops({name: "refund"}).is_flagged


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"requires_policy_token": "no"}, "requires_policy_token"),
        ({"job_id": "a b"}, "job_id"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"tenant_id": ""}, "tenant_id"),
        ({"tenant_id": "a\nb"}, "tenant_id"),
        ({"priority": "urgent"}, "priority"),
        ({"payload": []}, "payload"),
    ],
)
def test_a_support_field_that_does_not_fit_is_named(fields: Json, name: str) -> None:
    refusal = refusal_of(support_bundle([{**support_job({}), **fields}]))

    assert (refusal.refusal_code, refusal.pointer) == ("BUNDLE_INVALID", f"/jobs/0/{name}")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"constraints": {"require_approval": True}}, "constraints/auto_execute"),
        ({"priority": "urgent"}, "priority"),
        ({"id": "a b"}, "id"),
        ({"project_id": "x" * 257}, "project_id"),
    ],
)
def test_a_growth_field_that_does_not_fit_is_named(fields: Json, name: str) -> None:
    refusal = refusal_of(growth_bundle([growth_wrapper("a.b", {}, **fields)]))

    assert (refusal.refusal_code, refusal.pointer) == (
        "BUNDLE_INVALID",
        f"/requests/0/request/{name}",
    )


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"max_retries": -1}, "max_retries"),
        ({"timeout_seconds": "300"}, "timeout_seconds"),
        ({"metadata": []}, "metadata"),
    ],
)
def test_a_finops_field_that_does_not_fit_is_named(fields: Json, name: str) -> None:
    refusal = refusal_of(finops_bundle([finops_request("a.b", {}, **fields)]))

    assert (refusal.refusal_code, refusal.pointer) == ("BUNDLE_INVALID", f"/requests/0/{name}")
