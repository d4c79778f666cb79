"""What holds for every bundle, whatever is in it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jobforge.contract.dialects import TranslatedBundle, TranslatedRequest
from jobforge.core.admission import (
    Admission,
    AdmissionFacts,
    Switches,
    admit,
    prepare,
)
from jobforge.testing.admission import (
    ACTION_TYPE,
    CALLER,
    CATALOG,
    FACTS,
    READ_TYPE,
    make_action,
    make_bundle,
    make_request,
    unmasked,
)


def decide(bundle: TranslatedBundle, facts: AdmissionFacts = FACTS) -> Admission:
    return admit(prepare(bundle, CATALOG, CALLER, mask=unmasked), facts)


REQUESTS = st.lists(
    st.builds(
        lambda make, number, changes: make(number, **changes),
        st.sampled_from([make_request, make_action]),
        st.integers(1, 3),
        st.fixed_dictionaries(
            {},
            optional={
                "tenant": st.sampled_from(["acme", "globex"]),
                "project": st.sampled_from(["web", "app", None]),
                "idempotency_key": st.sampled_from(["key-1", "key-2"]),
                "required_scopes": st.sampled_from([(), ("ops:read",), ("ops:write",), ("x",)]),
                "is_flagged": st.booleans(),
                "job_type": st.sampled_from([READ_TYPE, ACTION_TYPE, "autopilot.x.y"]),
            },
        ),
    ),
    max_size=6,
)
ANY_FACTS = st.builds(
    AdmissionFacts,
    switches=st.builds(Switches, st.booleans(), st.booleans()),
    mode=st.sampled_from(["dry_run", "execute"]),
    on_policy_failure=st.sampled_from(["deny_all", "deny_actions"]),
)


@given(requests=REQUESTS, facts=ANY_FACTS)
def test_whatever_comes_no_action_runs_without_a_token_and_nothing_runs_twice(
    requests: list[TranslatedRequest], facts: AdmissionFacts
) -> None:
    admission = decide(make_bundle(*requests), facts)

    accepted = admission.accepted
    assert not any(decision.request.needs_token for decision in accepted)
    ids = [decision.request.source.request_id for decision in accepted]
    keys = [decision.request.source.idempotency_key for decision in accepted]
    assert len(set(ids)) == len(ids)
    assert len(set(keys)) == len(keys)
    assert all(decision.request.source.tenant == "acme" for decision in accepted)
    assert len(admission.decisions) == (0 if admission.refusal else len(requests))


@given(requests=REQUESTS, facts=ANY_FACTS)
def test_deny_all_never_lets_more_run_than_deny_actions(
    requests: list[TranslatedRequest], facts: AdmissionFacts
) -> None:
    bundle = make_bundle(*requests)
    strict = decide(bundle, replace(facts, on_policy_failure="deny_all"))
    lenient = decide(bundle, replace(facts, on_policy_failure="deny_actions"))

    assert {d.request.index for d in strict.accepted} <= {d.request.index for d in lenient.accepted}
    assert strict.action_jobs_blocked == lenient.action_jobs_blocked


@given(requests=REQUESTS, facts=ANY_FACTS)
def test_a_producers_flag_only_ever_makes_it_stricter(
    requests: list[TranslatedRequest], facts: AdmissionFacts
) -> None:
    flagged = [replace(request, is_flagged=True) for request in requests]

    plain = decide(make_bundle(*requests), facts)
    strict = decide(make_bundle(*flagged), facts)

    assert not strict.accepted or facts.on_policy_failure == "deny_actions"
    assert len(strict.accepted) <= len(plain.accepted)
