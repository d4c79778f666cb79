"""The one place that decides what of a bundle may run."""

from __future__ import annotations

from dataclasses import replace
from shlex import quote

from jobforge.contract.codes import BundleCode, ChildCode
from jobforge.core.admission.decision import Admission, Decision, Refusal
from jobforge.core.admission.facts import AdmissionFacts
from jobforge.core.admission.prepared import PreparedBundle, PreparedRequest
from jobforge.core.admission.rules import RULES, RULES_BEFORE_POLICY, Rule, RuleContext, accept
from jobforge.core.plan import Plan
from jobforge.core.policy_token import TokenBinding
from jobforge.core.scopes import write_scopes

DENIED_WITH_BUNDLE = "Denied due to policy token failure for action jobs in bundle"

_TOKEN_CODES = frozenset(
    {
        ChildCode.POLICY_TOKEN_REQUIRED,
        ChildCode.POLICY_TOKEN_INVALID,
        ChildCode.POLICY_TOKEN_EXPIRED,
        ChildCode.POLICY_TOKEN_USED,
        ChildCode.POLICY_TOKEN_REVOKED,
        ChildCode.PLAN_STALE,
        ChildCode.FOUR_EYES,
    }
)
_BLOCKING_CODES = _TOKEN_CODES | {ChildCode.FEATURE_FLAG_DISABLED, ChildCode.SCOPE_MISSING}


def admit(bundle: PreparedBundle, facts: AdmissionFacts) -> Admission:
    """Decide request by request; then deny all of them where an action has no valid token."""
    refusal = refuse(bundle, facts)
    if refusal is not None:
        return Admission((), refusal)
    decisions = decide_all(bundle, facts, RULES)
    blocked = sum(1 for decision in decisions if _is_blocked(decision))
    if facts.on_policy_failure == "deny_all" and any(d.code in _TOKEN_CODES for d in decisions):
        decisions = tuple(_deny_with_bundle(decision) for decision in decisions)
    return Admission(decisions, None, blocked)


def candidates(bundle: PreparedBundle, facts: AdmissionFacts) -> tuple[PreparedRequest, ...]:
    """The requests that would run if every token they need were there, in order.

    Only for these are effects predicted and tokens issued. Empty where the bundle is refused.
    """
    if refuse(bundle, facts) is not None:
        return ()
    decisions = decide_all(bundle, facts, RULES_BEFORE_POLICY)
    return tuple(decision.request for decision in decisions if decision.status == "accepted")


def binding_for(
    plan: Plan, requests: tuple[PreparedRequest, ...], facts: AdmissionFacts
) -> TokenBinding:
    """What a token for these candidates must have been signed for.

    Under `deny_all` it must cover every request that needs one. Under `deny_actions` a narrower
    token is sound, too: each request is then held against it by itself.
    """
    needing = [r for r in requests if r.needs_token and facts.on_policy_failure == "deny_all"]
    return TokenBinding(
        tenant_id=plan.tenant_id,
        project_id=plan.project_id,
        plan_digest=plan.digest,
        effects_digest=plan.effects_digest,
        job_types=frozenset(request.source.job_type for request in needing),
        scopes=write_scopes(scope for request in needing for scope in request.required_scopes),
    )


def refuse(bundle: PreparedBundle, facts: AdmissionFacts) -> Refusal | None:
    """Why the whole bundle is refused before any request is looked at, if it is."""
    if not facts.switches.autopilot_jobs:
        hint = "set JOBFORGE_AUTOPILOT_JOBS_ENABLED=1"
        return Refusal(BundleCode.FEATURE_FLAG_DISABLED, "Autopilot jobs are disabled", hint=hint)
    tenant, project = bundle.source.tenant, bundle.source.project
    if tenant in facts.unknown_tenants:
        message, hint = (
            f"There is no tenant {tenant}",
            f"jobforge tenant create NAME --alias {quote(tenant)}",
        )
        return Refusal(BundleCode.TENANT_UNKNOWN, message, "/tenant_id", hint)
    caller = bundle.caller.tenant
    if project is not None and bundle.project_id is None and caller.is_called(tenant):
        hint = f"jobforge project create NAME --tenant {caller.slug} --alias {quote(project)}"
        message = f"There is no project {project}"
        return Refusal(BundleCode.PROJECT_UNKNOWN, message, "/project_id", hint)
    return None


def decide_all(
    bundle: PreparedBundle, facts: AdmissionFacts, rules: tuple[Rule, ...]
) -> tuple[Decision, ...]:
    """Ask the rules about each request, in order; a request not denied takes its id and key."""
    context = RuleContext.of(bundle, facts)
    return tuple(_decide(request, context, rules) for request in bundle.requests)


def _decide(request: PreparedRequest, context: RuleContext, rules: tuple[Rule, ...]) -> Decision:
    for rule in rules:
        decision = rule(request, context)
        if decision is not None:
            break
    else:
        decision = accept(request, context.facts)
    if decision.status != "denied":
        context.take(request)
    return decision


def _is_blocked(decision: Decision) -> bool:
    return decision.request.needs_token and decision.code in _BLOCKING_CODES


def _deny_with_bundle(decision: Decision) -> Decision:
    if decision.status == "denied":
        return decision
    return replace(
        decision,
        status="denied",
        reason=DENIED_WITH_BUNDLE,
        code=ChildCode.DENIED_WITH_BUNDLE,
        earlier_job_id=None,
        warnings=(),
    )
