"""The dialect of ops-autopilot and of the older growth module."""

from __future__ import annotations

import copy

import pytest
from tests.contract.dialects.documents import refusal_of
from tests.contract.producers import (
    encode,
    older_growth_bundle,
    ops_bundle,
    ops_report,
    ops_request,
    seal_ops,
)

from jobforge.contract.dialects import Hints, read_bundle, read_report
from jobforge.contract.errors import ContractViolation


def test_policy_hints_and_scopes_are_taken_over() -> None:
    policy = {"requires_policy_token": False, "required_scopes": ["ops:read", "x:y"]}
    document = ops_bundle([ops_request("autopilot.ops.scan", {"a": 1}, policy=policy)])

    request = read_bundle(encode(document)).requests[0]

    assert (request.is_flagged, request.required_scopes) == (False, ("ops:read", "x:y"))
    assert request.hints == Hints(priority="high", max_cost_usd=2.0)
    assert request.metadata["policy"] == policy


def test_without_a_policy_a_token_is_wanted() -> None:
    request = ops_request("autopilot.ops.scan", {})
    del request["policy"]

    assert read_bundle(encode(ops_bundle([request]))).requests[0].is_flagged


def test_the_older_growth_module_gives_its_limits_and_its_name() -> None:
    bundle = read_bundle(encode(older_growth_bundle()))

    assert (bundle.dialect, bundle.source_module) == ("ops", "growth")
    hints = bundle.requests[0].hints
    assert (hints.max_duration_seconds, hints.expires_at) == (1.5, "2026-03-08T08:00:00.000Z")
    assert hints.requires_approval


def test_two_requests_of_one_type_keep_their_own_keys() -> None:
    document = ops_bundle([ops_request("a.b", {"n": 1}), ops_request("a.b", {"n": 2})])

    keys = [request.idempotency_key for request in read_bundle(encode(document)).requests]

    assert len(set(keys)) == 2
    assert keys == [entry["idempotency_key"] for entry in reversed(document["idempotency_keys"])]


@pytest.mark.parametrize("change", ["dropped", "doubled", "renamed"])
def test_a_list_of_keys_that_does_not_match_the_requests_is_refused(change: str) -> None:
    document = ops_bundle()
    listed = document["idempotency_keys"]
    if change == "dropped":
        listed.pop()
    elif change == "doubled":
        listed.append(copy.copy(listed[0]))
    else:
        listed[0]["job_type"] = "autopilot.ops.scan"

    refusal = refusal_of(seal_ops(document, rekey=False))

    assert refusal.refusal_code == "PRODUCER_HASH_MISMATCH"
    assert refusal.pointer == "/idempotency_keys"


def test_the_policy_is_part_of_the_key() -> None:
    document = ops_bundle()
    document["requests"][0]["policy"]["requires_policy_token"] = False

    refusal = refusal_of(seal_ops(document, rekey=False))

    assert refusal.pointer == "/requests/0/metadata/idempotency_key"


def test_a_report_counts_its_evidence_and_names_its_requests() -> None:
    report = read_report(encode(ops_report()))

    assert (report.findings, report.recommendations) == (1, 1)
    assert report.requested_job_types == (
        "autopilot.ops.alert_correlate",
        "autopilot.ops.reliability_report",
    )
    assert report.content["report"]["report_type"] == report.report_type


def test_a_report_whose_requests_were_changed_under_a_new_hash_is_refused() -> None:
    document = ops_report()
    document["report"]["job_requests"][0]["payload"]["confidence"] = 1

    with pytest.raises(ContractViolation) as caught:
        read_report(encode(seal_ops(document)))

    assert caught.value.pointer == "/idempotency_keys"


def test_a_report_may_repeat_its_requests_before_they_had_keys() -> None:
    document = ops_report()
    for request in document["report"]["job_requests"]:
        del request["metadata"]["idempotency_key"]

    assert read_report(encode(seal_ops(document))).producer_hash == "verified"
