"""Each rule, what it objects to, and that nothing else would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from jobforge.contract.codes import ChildCode
from jobforge.contract.dialects import TranslatedBundle
from jobforge.core.admission import (
    Admission,
    AdmissionFacts,
    EarlierJob,
    Finding,
    Switches,
    admit,
    prepare,
    rules,
)
from jobforge.core.admission.judging import decide_all
from jobforge.core.admission.rules import RULES, Rule
from jobforge.core.policy_token import NO_TOKEN, TokenBinding, TokenVerdict, claims_for
from jobforge.testing.admission import (
    ACTION_TYPE,
    CALLER,
    CATALOG,
    FACTS,
    OTHER_TENANT_ID,
    PROJECT_ID,
    READ_TYPE,
    TENANT_ID,
    make_action,
    make_bundle,
    make_request,
    unmasked,
)

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
JOB_ID = UUID(int=7)


def decide(bundle: TranslatedBundle, facts: AdmissionFacts) -> Admission:
    return admit(prepare(bundle, CATALOG, CALLER, mask=unmasked), facts)


def digest_of_payload(bundle: TranslatedBundle) -> str:
    return prepare(bundle, CATALOG, CALLER, mask=unmasked).requests[0].planned.payload_digest


def accepted_token(*job_types: str, scopes: frozenset[str] = frozenset()) -> TokenVerdict:
    binding = TokenBinding(
        tenant_id=TENANT_ID,
        project_id=None,
        plan_digest="sha256:" + "0" * 64,
        effects_digest="sha256:" + "0" * 64,
        job_types=frozenset(job_types),
        scopes=scopes,
    )
    claims = claims_for(
        binding, actor="ada", jti=UUID(int=1), now=NOW, lifetime=timedelta(minutes=15)
    )
    return TokenVerdict(claims, None, "accepted")


GRANT = accepted_token(ACTION_TYPE, READ_TYPE, scopes=frozenset({"ops:write"}))


@dataclass(frozen=True)
class Case:
    """A bundle whose last request `rule` objects to, and the facts it is judged by."""

    rule: Rule
    bundle: TranslatedBundle
    status: str
    code: ChildCode
    reason: str
    facts: AdmissionFacts = FACTS


LOOK = make_bundle(make_request())
CHANGE = make_bundle(make_action())
EARLIER = EarlierJob(JOB_ID, digest_of_payload(LOOK))

CASES = {
    "duplicate id": Case(
        rules.has_own_id,
        make_bundle(make_request(1), make_request(2, request_id="request-1")),
        "skipped",
        ChildCode.DUPLICATE_REQUEST_ID,
        "Duplicate request ID in bundle",
    ),
    "duplicate key": Case(
        rules.has_own_key,
        make_bundle(make_request(1), make_request(2, idempotency_key="key-1")),
        "skipped",
        ChildCode.DUPLICATE_IDEMPOTENCY_KEY,
        "Duplicate idempotency key in bundle",
    ),
    "request of another tenant": Case(
        rules.is_of_tenant,
        make_bundle(make_request(tenant="globex")),
        "denied",
        ChildCode.TENANT_MISMATCH,
        f"Tenant mismatch: expected {TENANT_ID}, got globex",
    ),
    "bundle of another tenant": Case(
        rules.is_of_tenant,
        make_bundle(make_request(), tenant=str(OTHER_TENANT_ID)),
        "denied",
        ChildCode.TENANT_MISMATCH,
        f"Tenant mismatch: expected {TENANT_ID}, got {OTHER_TENANT_ID}",
    ),
    "another project": Case(
        rules.is_of_project,
        make_bundle(make_request(project="app"), project="web"),
        "denied",
        ChildCode.PROJECT_MISMATCH,
        f"Project mismatch: expected {PROJECT_ID}, got app",
    ),
    "a project in a bundle without one": Case(
        rules.is_of_project,
        make_bundle(make_request(project="app")),
        "denied",
        ChildCode.PROJECT_MISMATCH,
        "Project mismatch: expected none, got app",
    ),
    "an unknown project": Case(
        rules.is_of_project,
        make_bundle(make_request(project="nowhere"), project="web"),
        "denied",
        ChildCode.PROJECT_MISMATCH,
        f"Project mismatch: expected {PROJECT_ID}, got nowhere",
    ),
    "unknown job type": Case(
        rules.is_known_type,
        make_bundle(make_request(job_type="autopilot.support.nothing")),
        "denied",
        ChildCode.UNKNOWN_JOB_TYPE,
        "Unknown job type: autopilot.support.nothing",
    ),
    "the executor itself": Case(
        rules.is_known_type,
        make_bundle(make_request(job_type="jobforge.autopilot.execute_request_bundle")),
        "denied",
        ChildCode.EXECUTOR_NESTED,
        "A bundle may not contain the bundle executor",
    ),
    "invalid payload": Case(
        rules.is_valid_payload,
        make_bundle(make_request(payload={"ticket_id": "T-1", "depth": "deep"})),
        "denied",
        ChildCode.PAYLOAD_INVALID,
        "Payload invalid at /depth: Input should be a valid integer",
    ),
    "path that leaves the folder": Case(
        rules.is_harmless,
        LOOK,
        "denied",
        ChildCode.PATH_DENIED,
        "../x leaves the tenant's folder",
        replace(
            FACTS,
            findings={0: (Finding(ChildCode.PATH_DENIED, "../x leaves the tenant's folder"),)},
        ),
    ),
    "unknown scope": Case(
        rules.has_scopes,
        make_bundle(make_request(required_scopes=("support:admin",))),
        "denied",
        ChildCode.SCOPE_MISSING,
        "Unknown scope: support:admin",
    ),
    "scope the actor lacks": Case(
        rules.has_scopes,
        make_bundle(make_request(required_scopes=("jobforge:read", "growth:write"))),
        "denied",
        ChildCode.SCOPE_MISSING,
        "Missing scope: growth:write, jobforge:read",
    ),
    "scope that neither actor nor token has": Case(
        rules.has_scopes,
        make_bundle(make_action(required_scopes=("jobforge:read",))),
        "denied",
        ChildCode.SCOPE_MISSING,
        "Missing scope: jobforge:read",
        replace(FACTS, token=GRANT),
    ),
    "key of an earlier bundle": Case(
        rules.is_new,
        LOOK,
        "skipped",
        ChildCode.ALREADY_SUBMITTED,
        f"Already submitted as job {JOB_ID}",
        replace(FACTS, earlier_jobs={(READ_TYPE, "key-1"): EARLIER}),
    ),
    "key of an earlier bundle, other payload": Case(
        rules.is_new,
        make_bundle(make_request(payload={"ticket_id": "T-2"})),
        "denied",
        ChildCode.IDEMPOTENCY_CONFLICT,
        f"Idempotency key was used with a different payload by job {JOB_ID}",
        replace(FACTS, earlier_jobs={(READ_TYPE, "key-1"): EARLIER}),
    ),
    "action without a token": Case(
        rules.has_grant,
        CHANGE,
        "denied",
        ChildCode.POLICY_TOKEN_REQUIRED,
        "Action job blocked: policy token required but invalid/missing",
    ),
    "flagged request without a token": Case(
        rules.has_grant,
        make_bundle(make_request(is_flagged=True)),
        "denied",
        ChildCode.POLICY_TOKEN_REQUIRED,
        "Action job blocked: policy token required but invalid/missing",
    ),
    "action with an expired token": Case(
        rules.has_grant,
        CHANGE,
        "denied",
        ChildCode.POLICY_TOKEN_EXPIRED,
        "Action job blocked: policy token required but invalid/missing",
        replace(FACTS, token=TokenVerdict(None, ChildCode.POLICY_TOKEN_EXPIRED, "expired")),
    ),
    "action the token does not cover": Case(
        rules.has_grant,
        CHANGE,
        "denied",
        ChildCode.POLICY_TOKEN_INVALID,
        "Action job blocked: policy token required but invalid/missing",
        replace(FACTS, token=accepted_token(READ_TYPE, scopes=frozenset({"ops:write"}))),
    ),
    "action while actions are off": Case(
        rules.has_grant,
        CHANGE,
        "denied",
        ChildCode.FEATURE_FLAG_DISABLED,
        "Action jobs are disabled",
        replace(FACTS, token=GRANT, switches=Switches(autopilot_jobs=True)),
    ),
    "job type that a kill switch is on for": Case(
        rules.is_not_stopped,
        make_bundle(make_request()),
        "denied",
        ChildCode.KILL_SWITCH_ON,
        "A kill switch is on: fire",
        replace(FACTS, kill_switches={READ_TYPE: "fire", "other.type": "flood"}),
    ),
    "anything while a kill switch is on for all": Case(
        rules.is_not_stopped,
        make_bundle(make_request()),
        "denied",
        ChildCode.KILL_SWITCH_ON,
        "A kill switch is on: fire",
        replace(FACTS, kill_switches={"*": "fire"}),
    ),
    "action that would change too much": Case(
        rules.is_within_caps,
        CHANGE,
        "denied",
        ChildCode.BLAST_RADIUS_EXCEEDED,
        "It would change 3 targets; one action may change 2 at most",
        replace(FACTS, token=GRANT, target_counts={0: 3}, targets_per_action=2),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_rule_answers_with_its_status_code_and_literal_reason(case: Case) -> None:
    decision = decide(case.bundle, case.facts).decisions[-1]

    assert (decision.status, decision.code, decision.reason) == (
        case.status,
        case.code,
        case.reason,
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_without_its_rule_the_request_would_pass(case: Case) -> None:
    rest = tuple(rule for rule in RULES if rule is not case.rule)
    prepared = prepare(case.bundle, CATALOG, CALLER, mask=unmasked)

    assert decide_all(prepared, case.facts, rest)[-1].status == "accepted"


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES.values()} == set(RULES)


def test_the_rules_stand_in_the_order_of_the_contract() -> None:
    assert [rule.__name__ for rule in RULES] == [
        "has_own_id",
        "has_own_key",
        "is_of_tenant",
        "is_of_project",
        "is_known_type",
        "is_valid_payload",
        "is_harmless",
        "has_scopes",
        "is_new",
        "has_grant",
        "is_not_stopped",
        "is_within_caps",
    ]


BREACHES: tuple[tuple[Callable[[TranslatedBundle], TranslatedBundle], ChildCode], ...] = (
    (lambda b: replace(b, tenant="globex"), ChildCode.TENANT_MISMATCH),
    (lambda b: with_last(b, project="app"), ChildCode.PROJECT_MISMATCH),
    (lambda b: with_last(b, job_type="autopilot.ops.nothing"), ChildCode.UNKNOWN_JOB_TYPE),
    (lambda b: with_last(b, payload={"ticket_id": 1}), ChildCode.PAYLOAD_INVALID),
    (lambda b: with_last(b, required_scopes=("ops:everything",)), ChildCode.SCOPE_MISSING),
    (lambda b: with_last(b, is_flagged=True), ChildCode.POLICY_TOKEN_REQUIRED),
)


def with_last(bundle: TranslatedBundle, **changes: object) -> TranslatedBundle:
    *others, last = bundle.requests
    changed = replace(last, **changes)  # type: ignore[arg-type]  # each case names a field of it
    return replace(bundle, requests=(*others, changed))


@pytest.mark.parametrize("first", range(len(BREACHES)))
def test_the_earlier_of_two_broken_rules_answers(first: int) -> None:
    bundle = make_bundle(make_request())
    for breach, _ in reversed(BREACHES[first:]):
        bundle = breach(bundle)

    assert decide(bundle, FACTS).decisions[-1].code is BREACHES[first][1]


def test_a_finding_that_is_no_escape_is_a_warning() -> None:
    finding = Finding(ChildCode.DATASET_MISSING, "no dataset bills", "jobforge data add bills PATH")

    decision = decide(LOOK, replace(FACTS, findings={0: (finding,)})).decisions[0]

    assert decision.status == "accepted"
    assert decision.warnings == (
        {
            "code": "DATASET_MISSING",
            "message": "no dataset bills",
            "hint": "jobforge data add bills PATH",
        },
    )


def test_a_finding_without_a_hint_is_a_warning_without_one() -> None:
    finding = Finding(ChildCode.CONNECTION_MISSING, "no connection main")

    decision = decide(LOOK, replace(FACTS, findings={0: (finding,)})).decisions[0]

    assert decision.warnings == ({"code": "CONNECTION_MISSING", "message": "no connection main"},)


def test_no_token_means_the_code_for_a_missing_one() -> None:
    assert NO_TOKEN.code is ChildCode.POLICY_TOKEN_REQUIRED
    assert not NO_TOKEN.is_accepted
