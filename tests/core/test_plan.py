"""What a plan's digests depend on, and what drift looks like."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.contract.canonical import digest_of
from jobforge.contract.dialects import Hints, TranslatedBundle, TranslatedRequest
from jobforge.core.admission import Caller, CallerTenant, prepare
from jobforge.core.effects import PlannedEffect, Precondition
from jobforge.core.plan import (
    NO_EFFECTS_DIGEST,
    Drift,
    Effects,
    Plan,
    diff_effects,
    effects_digest,
    effects_from_json,
    effects_to_json,
)
from jobforge.testing.admission import (
    CALLER,
    CATALOG,
    OTHER_PROJECT_ID,
    OTHER_TENANT_ID,
    PROJECT_ID,
    TENANT_ID,
    make_action,
    make_bundle,
    make_request,
    unmasked,
)

Change = Callable[[TranslatedRequest], TranslatedRequest]


def plan_of(bundle: TranslatedBundle, caller: Caller = CALLER) -> Plan:
    return prepare(bundle, CATALOG, caller, mask=unmasked).plan


BUNDLE = make_bundle(make_request(1), make_action(2), project="web")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
PAYLOADS = st.dictionaries(st.text(max_size=8), JSON, max_size=5)


def shuffled(value: object) -> object:
    """The same JSON value with every object's keys in the opposite order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    return value


@given(payload=PAYLOADS)
def test_the_digest_does_not_depend_on_key_order_or_whitespace(payload: dict[str, Any]) -> None:
    respelled = json.loads(json.dumps(shuffled(payload), indent=3))

    first = plan_of(make_bundle(make_request(payload=payload)))
    second = plan_of(make_bundle(make_request(payload=respelled)))

    assert list(respelled) == list(payload)[::-1]
    assert first.digest == second.digest


@given(one=PAYLOADS, other=PAYLOADS)
def test_two_payloads_have_the_same_digest_only_if_they_are_equal(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    first = plan_of(make_bundle(make_request(payload=one)))
    second = plan_of(make_bundle(make_request(payload=other)))

    is_same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (first.digest == second.digest) == is_same


CHANGES: dict[str, Change] = {
    "id": lambda request: replace(request, request_id="another"),
    "job type": lambda request: replace(request, job_type="autopilot.ops.other"),
    "payload": lambda request: replace(request, payload={"ticket_id": "T-9"}),
    "key": lambda request: replace(request, idempotency_key="another"),
    "tenant": lambda request: replace(request, tenant="globex"),
    "project": lambda request: replace(request, project="app"),
    "scopes": lambda request: replace(request, required_scopes=("ops:read",)),
    "flag": lambda request: replace(request, is_flagged=True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("index", [0, 1])
def test_the_digest_changes_with_whatever_would_change_what_runs(
    change: Change, index: int
) -> None:
    requests = list(BUNDLE.requests)
    requests[index] = change(requests[index])

    assert plan_of(replace(BUNDLE, requests=tuple(requests))).digest != plan_of(BUNDLE).digest


def test_the_digest_changes_with_tenant_project_order_and_number_of_requests() -> None:
    elsewhere = replace(CALLER, tenant=CallerTenant(OTHER_TENANT_ID, "acme"))
    chosen = replace(CALLER, chosen_project=OTHER_PROJECT_ID)
    plans = [
        plan_of(BUNDLE),
        plan_of(BUNDLE, elsewhere),
        plan_of(BUNDLE, chosen),
        plan_of(replace(BUNDLE, project=None)),
        plan_of(replace(BUNDLE, tenant="globex")),
        plan_of(replace(BUNDLE, requests=BUNDLE.requests[::-1])),
        plan_of(replace(BUNDLE, requests=BUNDLE.requests[:1])),
        plan_of(replace(BUNDLE, requests=BUNDLE.requests * 2)),
    ]

    assert len({plan.digest for plan in plans}) == len(plans)


def test_two_foreign_names_make_two_plans() -> None:
    tenants = {plan_of(make_bundle(make_request(tenant=name))).digest for name in ("x", "y")}
    projects = {plan_of(make_bundle(make_request(project=name))).digest for name in ("x", "y")}

    assert len(tenants) == len(projects) == 2


def test_the_digest_leaves_out_what_only_describes_the_bundle() -> None:
    hinted = tuple(replace(r, hints=Hints(priority="high"), pointer="/x") for r in BUNDLE.requests)
    described = replace(
        BUNDLE,
        bundle_id="another",
        trace_id="another",
        source_module="another",
        producer_hash="verified",
        metadata={"note": 1},
        requests=hinted,
    )

    assert plan_of(described).digest == plan_of(BUNDLE).digest


def test_the_digest_is_the_same_whatever_names_tenant_and_project_go_by() -> None:
    renamed = tuple(replace(request, tenant="Acme Ltd") for request in BUNDLE.requests)
    other_names = replace(BUNDLE, tenant=str(TENANT_ID), requests=renamed)

    assert plan_of(other_names).digest == plan_of(BUNDLE).digest


def test_the_digest_does_not_depend_on_the_order_of_scopes() -> None:
    one = make_bundle(make_request(required_scopes=("ops:read", "growth:read")))
    other = make_bundle(make_request(required_scopes=("growth:read", "ops:read")))

    assert plan_of(one).digest == plan_of(other).digest


EFFECT = PlannedEffect(
    target="config.json",
    change="update",
    before="sha256:aa",
    after="sha256:bb",
    diff="-1\n+2\n",
    preconditions=(Precondition(source="file:config.json", expected="sha256:aa"),),
)


def test_a_request_is_stored_with_everything_that_its_digest_covers() -> None:
    stored = json.loads(plan_of(BUNDLE).requests[1].to_text())

    assert stored["payload"] == {"target": "file-2", "value": "new"}
    assert stored == {
        "request_id": "request-2",
        "job_type": "autopilot.ops.change",
        "tenant": str(TENANT_ID),
        "project": str(PROJECT_ID),
        "payload": {"target": "file-2", "value": "new"},
        "payload_digest": digest_of({"target": "file-2", "value": "new"}),
        "idempotency_key": "key-2",
        "required_scopes": [],
        "is_flagged": False,
    }


def test_effects_have_a_digest_of_their_own() -> None:
    plan = plan_of(BUNDLE)
    predicted = plan.with_effects({"request-2": (EFFECT,)})

    assert plan.effects_digest == NO_EFFECTS_DIGEST
    assert predicted.digest == plan.digest
    assert predicted.effects_digest == effects_digest(predicted.effects) != NO_EFFECTS_DIGEST


def test_a_request_without_effects_counts_like_none() -> None:
    assert effects_digest({"request-1": ()}) == NO_EFFECTS_DIGEST


def test_drift_names_each_precondition_and_target_with_old_and_new() -> None:
    moved = EFFECT.model_copy(
        update={
            "before": "sha256:cc",
            "preconditions": (Precondition(source="file:config.json", expected="sha256:cc"),),
        }
    )

    condition, target = diff_effects({"r": (EFFECT,)}, {"r": (moved,)})

    assert condition == Drift("r", "precondition", "file:config.json", "sha256:aa", "sha256:cc")
    assert (target.kind, target.subject) == ("target", "config.json")
    assert target.planned is not None
    assert target.current is not None
    assert target.planned.startswith("update sha256:aa -> sha256:bb")
    assert target.current.startswith("update sha256:cc -> sha256:bb")


def test_drift_tells_what_came_and_what_went() -> None:
    gone = diff_effects({"r": (EFFECT,)}, {})
    came = diff_effects({}, {"r": (EFFECT,)})

    assert [drift.current for drift in gone] == [None, None]
    assert [drift.planned for drift in came] == [None, None]


def test_effects_in_another_order_are_drift() -> None:
    other = EFFECT.model_copy(update={"target": "z.json", "preconditions": ()})

    drifts = diff_effects({"r": (EFFECT, other)}, {"r": (other, EFFECT)})

    assert drifts == (Drift("r", "order", "effects", "config.json, z.json", "z.json, config.json"),)


SMALL = st.sampled_from(["a", "b"])
EFFECTS = st.dictionaries(
    SMALL,
    st.lists(
        st.builds(
            PlannedEffect,
            target=SMALL,
            change=st.sampled_from(["create", "update", "delete"]),
            before=st.none() | SMALL,
            after=st.none() | SMALL,
            diff=SMALL,
            preconditions=st.lists(
                st.builds(Precondition, source=SMALL, expected=SMALL), max_size=2
            ).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    max_size=2,
)


@given(planned=EFFECTS, current=EFFECTS)
def test_there_is_drift_exactly_where_the_digests_differ(
    planned: Effects, current: Effects
) -> None:
    is_same = effects_digest(planned) == effects_digest(current)

    assert (not diff_effects(planned, current)) == is_same


@given(effects=EFFECTS)
def test_effects_survive_being_stored(effects: Effects) -> None:
    stored = json.loads(json.dumps(effects_to_json(effects)))

    assert effects_from_json(stored) == {key: value for key, value in effects.items() if value}
