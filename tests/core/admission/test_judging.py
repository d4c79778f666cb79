"""A bundle as a whole: who takes ids and keys, what denies all, what refuses it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from jobforge.contract.codes import BundleCode, ChildCode
from jobforge.contract.dialects import TranslatedBundle
from jobforge.core.admission import (
    Admission,
    AdmissionFacts,
    EarlierJob,
    PreparedBundle,
    Switches,
    admit,
    binding_for,
    candidates,
    prepare,
)
from jobforge.core.policy_token import (
    TokenVerdict,
    claims_for,
    sign_token,
    verify_token,
    with_history,
)
from jobforge.core.signing import Keyring
from jobforge.testing.admission import (
    ACTION_TYPE,
    CALLER,
    CATALOG,
    FACTS,
    OTHER_PROJECT_ID,
    READ_TYPE,
    TENANT_ID,
    make_action,
    make_bundle,
    make_request,
    unmasked,
)

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
KEYRING = Keyring.of(b"s" * 32)
DENY_ACTIONS = replace(FACTS, on_policy_failure="deny_actions")


def ready(bundle: TranslatedBundle) -> PreparedBundle:
    return prepare(bundle, CATALOG, CALLER, mask=unmasked)


def decide(bundle: TranslatedBundle, facts: AdmissionFacts = FACTS) -> Admission:
    return admit(ready(bundle), facts)


def codes(admission: Admission) -> list[ChildCode | None]:
    return [decision.code for decision in admission.decisions]


def granted(bundle: TranslatedBundle, facts: AdmissionFacts = FACTS) -> TokenVerdict:
    """The verdict on a token issued for exactly this bundle."""
    prepared = ready(bundle)
    binding = binding_for(prepared.plan, candidates(prepared, facts), facts)
    claims = claims_for(
        binding, actor="ada", jti=UUID(int=1), now=NOW, lifetime=timedelta(minutes=15)
    )
    token = sign_token(claims, keyring=KEYRING)
    return verify_token(token, keyring=KEYRING, now=NOW, binding=binding)


def test_a_denied_request_takes_neither_its_id_nor_its_key() -> None:
    foreign = make_request(1, tenant="globex")

    admission = decide(make_bundle(foreign, make_request(1)))

    assert codes(admission) == [ChildCode.TENANT_MISMATCH, None]


def test_an_action_denied_by_policy_takes_neither_its_id_nor_its_key() -> None:
    admission = decide(make_bundle(make_action(1), make_request(1)), DENY_ACTIONS)

    assert codes(admission) == [ChildCode.POLICY_TOKEN_REQUIRED, None]


def test_a_skipped_request_takes_its_id() -> None:
    first = ready(make_bundle(make_request(1))).requests[0].planned.payload_digest
    facts = replace(FACTS, earlier_jobs={(READ_TYPE, "key-1"): EarlierJob(UUID(int=5), first)})

    admission = decide(make_bundle(make_request(1), make_request(2, request_id="request-1")), facts)

    assert codes(admission) == [ChildCode.ALREADY_SUBMITTED, ChildCode.DUPLICATE_REQUEST_ID]


def test_an_action_without_a_token_denies_the_whole_bundle_by_default() -> None:
    duplicate = make_request(3, request_id="request-1")

    admission = decide(make_bundle(make_request(1), make_action(2), duplicate))

    assert [decision.status for decision in admission.decisions] == ["denied"] * 3
    assert codes(admission) == [
        ChildCode.DENIED_WITH_BUNDLE,
        ChildCode.POLICY_TOKEN_REQUIRED,
        ChildCode.DENIED_WITH_BUNDLE,
    ]
    assert admission.decisions[0].reason == (
        "Denied due to policy token failure for action jobs in bundle"
    )
    assert admission.action_jobs_blocked == 1


def test_a_request_keeps_its_own_denial_when_all_are_denied() -> None:
    admission = decide(make_bundle(make_request(1, tenant="globex"), make_action(2)))

    assert codes(admission) == [ChildCode.TENANT_MISMATCH, ChildCode.POLICY_TOKEN_REQUIRED]


def test_deny_actions_lets_the_read_only_requests_run() -> None:
    admission = decide(make_bundle(make_request(1), make_action(2)), DENY_ACTIONS)

    assert codes(admission) == [None, ChildCode.POLICY_TOKEN_REQUIRED]
    assert [d.request.source.request_id for d in admission.accepted] == ["request-1"]
    assert admission.action_jobs_blocked == 1


def test_a_flagged_read_only_request_denies_all_and_counts_as_blocked() -> None:
    admission = decide(make_bundle(make_request(1, is_flagged=True), make_request(2)))

    assert codes(admission) == [ChildCode.POLICY_TOKEN_REQUIRED, ChildCode.DENIED_WITH_BUNDLE]
    assert admission.action_jobs_blocked == 1


def test_an_action_that_calls_itself_read_only_is_an_action_all_the_same() -> None:
    admission = decide(make_bundle(make_action(is_flagged=False)))

    assert codes(admission) == [ChildCode.POLICY_TOKEN_REQUIRED]


def test_an_unknown_type_does_not_deny_the_rest_even_if_flagged() -> None:
    unknown = make_request(1, job_type="autopilot.ops.correlate", is_flagged=True)

    admission = decide(make_bundle(unknown, make_request(2)))

    assert codes(admission) == [ChildCode.UNKNOWN_JOB_TYPE, None]
    assert admission.action_jobs_blocked == 0


def test_a_valid_token_lets_everything_run() -> None:
    bundle = make_bundle(make_request(1), make_action(2), make_request(3, is_flagged=True))

    admission = decide(bundle, replace(FACTS, token=granted(bundle)))

    assert codes(admission) == [None, None, None]
    assert admission.action_jobs_blocked == 0


def test_a_token_for_a_bundle_is_worth_nothing_for_a_changed_one() -> None:
    bundle = make_bundle(make_action(1))
    changed = make_bundle(make_action(1, payload={"target": "file-1", "value": "worse"}))
    binding = binding_for(ready(changed).plan, candidates(ready(changed), FACTS), FACTS)
    claims = granted(bundle).claims
    assert claims is not None

    verdict = verify_token(
        sign_token(claims, keyring=KEYRING), keyring=KEYRING, now=NOW, binding=binding
    )

    assert codes(decide(changed, replace(FACTS, token=verdict))) == [ChildCode.POLICY_TOKEN_INVALID]


@pytest.mark.parametrize(
    ("is_used", "is_revoked", "code"),
    [
        (True, False, ChildCode.POLICY_TOKEN_USED),
        (False, True, ChildCode.POLICY_TOKEN_REVOKED),
        (True, True, ChildCode.POLICY_TOKEN_REVOKED),
    ],
)
def test_a_token_with_a_past_blocks_the_action(
    is_used: bool, is_revoked: bool, code: ChildCode
) -> None:
    bundle = make_bundle(make_action())
    verdict = with_history(granted(bundle), is_used=is_used, is_revoked=is_revoked)

    assert codes(decide(bundle, replace(FACTS, token=verdict))) == [code]


def test_a_used_token_with_new_keys_is_told_that_it_was_used() -> None:
    renewed = make_bundle(make_action(1, idempotency_key="another"))
    old = granted(make_bundle(make_action(1))).claims
    assert old is not None
    binding = binding_for(ready(renewed).plan, candidates(ready(renewed), FACTS), FACTS)
    token = sign_token(old, keyring=KEYRING)
    verdict = verify_token(token, keyring=KEYRING, now=NOW, binding=binding)

    used = with_history(verdict, is_used=True, is_revoked=False)

    assert codes(decide(renewed, replace(FACTS, token=verdict))) == [ChildCode.POLICY_TOKEN_INVALID]
    assert codes(decide(renewed, replace(FACTS, token=used))) == [ChildCode.POLICY_TOKEN_USED]


def test_a_stale_plan_denies_the_bundle_and_says_what_changed() -> None:
    drift = "the world changed since the plan: file-2: absent -> sha256:aa"
    stale = TokenVerdict(None, ChildCode.PLAN_STALE, drift, UUID(int=1))

    admission = decide(make_bundle(make_request(1), make_action(2)), replace(FACTS, token=stale))

    assert codes(admission) == [ChildCode.DENIED_WITH_BUNDLE, ChildCode.PLAN_STALE]
    assert admission.decisions[1].reason == drift
    assert admission.action_jobs_blocked == 1


def test_the_same_bundle_again_is_skipped_although_its_token_is_used() -> None:
    bundle = make_bundle(make_action())
    digest = ready(bundle).requests[0].planned.payload_digest
    facts = replace(
        FACTS,
        token=with_history(granted(bundle), is_used=True, is_revoked=False),
        earlier_jobs={(ACTION_TYPE, "key-1"): EarlierJob(UUID(int=5), digest)},
    )

    decision = decide(bundle, facts).decisions[0]

    assert (decision.status, decision.code) == ("skipped", ChildCode.ALREADY_SUBMITTED)
    assert decision.to_child_run("execute").job_id == UUID(int=5)


def test_actions_off_denies_the_action_alone_and_leaves_flagged_reading_alone() -> None:
    bundle = make_bundle(make_request(1), make_action(2), make_request(3, is_flagged=True))
    off = replace(FACTS, switches=Switches(autopilot_jobs=True), token=granted(bundle))

    admission = decide(bundle, off)

    assert codes(admission) == [None, ChildCode.FEATURE_FLAG_DISABLED, None]
    assert admission.action_jobs_blocked == 1


@pytest.mark.parametrize("action_jobs", [True, False])
def test_with_the_first_switch_off_the_bundle_is_refused(action_jobs: bool) -> None:
    off = replace(FACTS, switches=Switches(autopilot_jobs=False, action_jobs=action_jobs))

    admission = decide(make_bundle(make_request()), off)

    assert admission.decisions == ()
    assert admission.refusal is not None
    assert admission.refusal.code is BundleCode.FEATURE_FLAG_DISABLED


def test_nothing_is_on_unless_it_is_switched_on() -> None:
    assert Switches() == Switches(autopilot_jobs=False, action_jobs=False)


def test_a_local_operator_is_told_how_to_register_an_unknown_tenant() -> None:
    facts = replace(FACTS, unknown_tenants=frozenset({"acme; rm -r x"}))

    refusal = decide(make_bundle(make_request(), tenant="acme; rm -r x"), facts).refusal

    assert refusal is not None
    assert refusal.code is BundleCode.TENANT_UNKNOWN
    assert refusal.hint == "jobforge tenant create NAME --alias 'acme; rm -r x'"


def test_anyone_else_gets_the_same_answer_for_an_unknown_and_a_foreign_tenant() -> None:
    for name in ("nobody", "globex"):
        assert codes(decide(make_bundle(make_request(), tenant=name))) == [
            ChildCode.TENANT_MISMATCH
        ]


def test_an_unknown_project_of_ones_own_bundle_refuses_it() -> None:
    refusal = decide(make_bundle(make_request(), project="new")).refusal

    assert refusal is not None
    assert refusal.code is BundleCode.PROJECT_UNKNOWN
    assert refusal.hint == "jobforge project create NAME --tenant acme --alias new"


def test_another_tenants_bundle_is_denied_and_not_asked_for_its_project() -> None:
    admission = decide(make_bundle(make_request(), tenant="globex", project="new"))

    assert codes(admission) == [ChildCode.TENANT_MISMATCH]


def test_a_chosen_project_must_be_the_bundles_own() -> None:
    chosen = replace(CALLER, chosen_project=OTHER_PROJECT_ID)
    ours = make_bundle(make_request(1), make_request(2, project="app"))
    theirs = make_bundle(make_request(), project="web")

    accepted = admit(prepare(ours, CATALOG, chosen, mask=unmasked), FACTS)
    denied = admit(prepare(theirs, CATALOG, chosen, mask=unmasked), FACTS)

    assert codes(accepted) == [None, None]
    assert codes(denied) == [ChildCode.PROJECT_MISMATCH]
    assert denied.decisions[0].reason == (f"Project mismatch: expected {OTHER_PROJECT_ID}, got web")


@pytest.mark.parametrize("name", ["acme", "Acme Ltd", str(TENANT_ID), str(TENANT_ID).upper()])
def test_a_tenant_goes_by_its_slug_its_aliases_and_its_id(name: str) -> None:
    assert codes(decide(make_bundle(make_request(tenant=name), tenant=name))) == [None]


def test_an_empty_bundle_has_nothing_to_decide() -> None:
    admission = decide(make_bundle())

    assert admission == Admission((), None, 0)


def test_candidates_are_what_only_a_token_could_stop() -> None:
    bundle = make_bundle(
        make_action(1),
        make_action(1),
        make_request(2),
        make_request(3, tenant="globex"),
        make_action(4, payload={"target": 1}),
    )

    found = candidates(ready(bundle), FACTS)

    assert [request.index for request in found] == [0, 2]
    assert candidates(ready(bundle), replace(FACTS, switches=Switches())) == ()


def test_a_binding_asks_for_every_type_and_write_scope_unless_each_is_held_alone() -> None:
    prepared = ready(make_bundle(make_request(1), make_action(2)))
    found = candidates(prepared, FACTS)

    strict = binding_for(prepared.plan, found, FACTS)
    lenient = binding_for(prepared.plan, found, DENY_ACTIONS)

    assert (strict.job_types, strict.scopes) == (
        frozenset({ACTION_TYPE}),
        frozenset({"ops:write"}),
    )
    assert (lenient.job_types, lenient.scopes) == (frozenset(), frozenset())
    assert strict.plan_digest == lenient.plan_digest == prepared.plan.digest


def test_under_deny_actions_a_token_for_one_action_does_not_serve_another() -> None:
    bundle = make_bundle(make_action(1), make_request(2, is_flagged=True))
    prepared = ready(bundle)
    full = binding_for(prepared.plan, candidates(prepared, FACTS), FACTS)
    claims = claims_for(
        replace(full, job_types=frozenset({READ_TYPE}), scopes=frozenset()),
        actor="ada",
        jti=UUID(int=1),
        now=NOW,
        lifetime=timedelta(minutes=15),
    )
    lenient = binding_for(prepared.plan, candidates(prepared, DENY_ACTIONS), DENY_ACTIONS)
    token = sign_token(claims, keyring=KEYRING)
    verdict = verify_token(token, keyring=KEYRING, now=NOW, binding=lenient)

    admission = admit(prepared, replace(DENY_ACTIONS, token=verdict))

    assert codes(admission) == [ChildCode.POLICY_TOKEN_INVALID, None]


def test_a_write_scope_that_a_read_only_request_asks_for_comes_from_the_token_alone() -> None:
    asking = make_request(1, required_scopes=("ops:write",))
    bundle = make_bundle(asking, make_action(2))

    without = decide(bundle, DENY_ACTIONS)
    with_token = decide(bundle, replace(FACTS, token=granted(bundle)))

    assert codes(without)[0] is ChildCode.SCOPE_MISSING
    assert codes(with_token) == [None, None]
