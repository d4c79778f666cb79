"""What the caller is told of each decision."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from jobforge.contract.codes import ChildCode
from jobforge.contract.dialects import TranslatedBundle
from jobforge.core.admission import (
    Admission,
    AdmissionFacts,
    admit,
    prepare,
)
from jobforge.core.catalog import JobCatalog
from jobforge.core.policy_token import TokenVerdict
from jobforge.testing.admission import (
    CALLER,
    CATALOG,
    FACTS,
    READ_ONLY,
    make_action,
    make_bundle,
    make_request,
    unmasked,
)


def decide(bundle: TranslatedBundle, facts: AdmissionFacts = FACTS) -> Admission:
    return admit(prepare(bundle, CATALOG, CALLER, mask=unmasked), facts)


def codes(admission: Admission) -> list[ChildCode | None]:
    return [decision.code for decision in admission.decisions]


def test_a_child_run_says_what_was_decided() -> None:
    bad = make_request(2, payload={"ticket_id": "T-2", "extra": 1})
    admission = decide(make_bundle(make_request(1), bad))
    accepted, denied = (d.to_child_run("execute", UUID(int=9)) for d in admission.decisions)
    dry = decide(make_bundle(make_request()), replace(FACTS, mode="dry_run")).decisions[0]

    assert (accepted.status, accepted.job_id, accepted.error) == ("queued", UUID(int=9), None)
    assert (denied.status, denied.code) == ("denied", "PAYLOAD_INVALID")
    assert denied.error == {
        "code": "PAYLOAD_INVALID",
        "message": "Extra inputs are not permitted",
        "pointer": "/extra",
    }
    assert dry.to_child_run("dry_run").status == "accepted"
    assert dry.reason == "Would enqueue (dry run)"


def test_an_accepted_request_says_what_happens_to_it_in_this_mode() -> None:
    assert decide(make_bundle(make_request())).decisions[0].reason == "Queued"
    assert (
        decide(make_bundle(make_request()), replace(FACTS, mode="dry_run")).decisions[0].reason
        == "Would enqueue (dry run)"
    )


def test_a_read_only_request_that_lacks_a_scope_is_no_blocked_action() -> None:
    admission = decide(make_bundle(make_request(required_scopes=("jobforge:read",))))

    assert codes(admission) == [ChildCode.SCOPE_MISSING]
    assert admission.action_jobs_blocked == 0


def test_an_action_that_lacks_a_scope_is_a_blocked_one() -> None:
    admission = decide(make_bundle(make_action(required_scopes=("jobforge:read",))))

    assert codes(admission) == [ChildCode.SCOPE_MISSING]
    assert admission.action_jobs_blocked == 1


def test_a_fault_of_the_payload_as_a_whole_says_so() -> None:
    catalog = JobCatalog([replace(READ_ONLY, translate=lambda payload: payload["missing"])])

    admission = admit(prepare(make_bundle(make_request()), catalog, CALLER, mask=unmasked), FACTS)

    assert admission.decisions[0].reason == (
        "Payload invalid at the payload: cannot be translated (KeyError)"
    )


def test_the_error_of_a_denial_says_its_reason_where_there_is_no_more_to_say() -> None:
    child = decide(make_bundle(make_request(tenant="globex"))).decisions[0].to_child_run("dry_run")

    assert child.error == {"code": "TENANT_MISMATCH", "message": child.reason}


def test_a_blocked_action_says_why_its_token_was_refused() -> None:
    verdict = TokenVerdict(None, ChildCode.POLICY_TOKEN_INVALID, "it is for another plan")

    child = (
        decide(make_bundle(make_action()), replace(FACTS, token=verdict))
        .decisions[0]
        .to_child_run("execute")
    )

    assert child.error == {"code": "POLICY_TOKEN_INVALID", "message": "it is for another plan"}
