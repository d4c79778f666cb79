"""The rules of admission, one small function each; `RULES` is their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jobforge.contract.codes import ChildCode
from jobforge.core.admission.decision import Decision
from jobforge.core.admission.facts import AdmissionFacts, Finding
from jobforge.core.admission.prepared import PreparedBundle, PreparedRequest
from jobforge.core.scopes import missing_scopes, unknown_scopes, write_scopes

DUPLICATE_ID = "Duplicate request ID in bundle"
DUPLICATE_KEY = "Duplicate idempotency key in bundle"
ACTION_BLOCKED = "Action job blocked: policy token required but invalid/missing"
ACTIONS_DISABLED = "Action jobs are disabled"

EXECUTOR_VERB = "execute_request_bundle"
MODULE_VERB = "run_module_cli"
DENYING_FINDINGS = frozenset({ChildCode.PATH_DENIED, ChildCode.PAYLOAD_INVALID})


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule sees besides its request: the facts, and what earlier requests took.

    A denied request takes neither its id nor its key. `tenant` and `project` are the ids of the
    caller's tenant and of the project the bundle runs in, as text.
    """

    bundle: PreparedBundle
    facts: AdmissionFacts
    tenant: str
    project: str | None
    taken_ids: set[str] = field(default_factory=set)
    taken_keys: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, bundle: PreparedBundle, facts: AdmissionFacts) -> RuleContext:
        """Where nothing is taken yet."""
        project = bundle.project_id
        tenant = str(bundle.caller.tenant.id)
        return cls(bundle, facts, tenant, None if project is None else str(project))

    def take(self, request: PreparedRequest) -> None:
        """Note the id and key of a request that was not denied."""
        self.taken_ids.add(request.source.request_id)
        self.taken_keys.add(request.source.idempotency_key)


Rule = Callable[[PreparedRequest, RuleContext], Decision | None]
"""None lets the request pass on to the next rule."""


def has_own_id(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """No earlier request of this bundle has its id."""
    if request.source.request_id not in context.taken_ids:
        return None
    return Decision(request, "skipped", DUPLICATE_ID, ChildCode.DUPLICATE_REQUEST_ID)


def has_own_key(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """No earlier request of this bundle has its idempotency key."""
    if request.source.idempotency_key not in context.taken_keys:
        return None
    return Decision(request, "skipped", DUPLICATE_KEY, ChildCode.DUPLICATE_IDEMPOTENCY_KEY)


def is_of_tenant(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """Bundle and request name the caller's tenant."""
    expected = context.tenant
    got = request.planned.tenant
    if got == expected:
        return None
    return _deny(
        request, f"Tenant mismatch: expected {expected}, got {got}", ChildCode.TENANT_MISMATCH
    )


def is_of_project(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """The request is in the bundle's project, or in the one the caller chose."""
    expected = context.project
    if request.planned.project == expected:
        return None
    got = request.source.project or context.bundle.source.project
    reason = f"Project mismatch: expected {expected or 'none'}, got {got}"
    return _deny(request, reason, ChildCode.PROJECT_MISMATCH)


def is_known_type(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """The catalogue has the job type, and it does not start what could start it again."""
    name = request.source.job_type
    verb, origin = name.rpartition(".")[2], context.bundle.source.origin
    if verb == EXECUTOR_VERB and origin != "single_job":
        reason = "A bundle may not contain the bundle executor"
        return _deny(request, reason, ChildCode.EXECUTOR_NESTED)
    if verb == MODULE_VERB and origin == "module_run":
        reason = "What a module asks for may not run a module"
        return _deny(request, reason, ChildCode.EXECUTOR_NESTED)
    if request.job_type is None:
        return _deny(request, f"Unknown job type: {name}", ChildCode.UNKNOWN_JOB_TYPE)
    return None


def is_valid_payload(request: PreparedRequest, _: RuleContext) -> Decision | None:
    """The job type takes the payload."""
    fault = request.fault
    if fault is None:
        return None
    where = fault.pointer or "the payload"
    return Decision(
        request,
        "denied",
        f"Payload invalid at {where}: {fault.message}",
        ChildCode.PAYLOAD_INVALID,
        detail=fault.message,
        pointer=fault.pointer,
    )


def is_harmless(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """No path leaves the tenant's folder, and an action's payload holds no secret."""
    for finding in context.facts.findings.get(request.index, ()):
        if finding.code in DENYING_FINDINGS:
            return Decision(
                request,
                "denied",
                finding.message,
                finding.code,
                pointer=finding.pointer,
                hint=finding.hint,
            )
    return None


def has_scopes(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """Actor and token together hold every required scope.

    Where a token is needed, write scopes are left to `has_grant`: what is wrong then is the
    token, and that concerns the whole bundle.
    """
    required, held = request.required_scopes, context.bundle.caller.scopes
    unknown = unknown_scopes(required)
    if unknown:
        return _deny(request, f"Unknown scope: {', '.join(unknown)}", ChildCode.SCOPE_MISSING)
    claims = context.facts.token.claims
    from_token: frozenset[str] = frozenset(claims.scopes) if claims is not None else frozenset()
    if request.needs_token:
        from_token |= write_scopes(required)
    missing = missing_scopes(required, held | from_token)
    if not missing:
        return None
    return _deny(request, f"Missing scope: {', '.join(missing)}", ChildCode.SCOPE_MISSING)


def is_new(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """No earlier bundle used the key for this job type."""
    name, key = request.source.job_type, request.source.idempotency_key
    earlier = context.facts.earlier_jobs.get((name, key))
    if earlier is None:
        return None
    if earlier.payload_digest != request.planned.payload_digest:
        reason = f"Idempotency key was used with a different payload by job {earlier.job_id}"
        return _deny(request, reason, ChildCode.IDEMPOTENCY_CONFLICT)
    return Decision(
        request,
        "skipped",
        f"Already submitted as job {earlier.job_id}",
        ChildCode.ALREADY_SUBMITTED,
        earlier_job_id=earlier.job_id,
    )


def has_grant(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """An action, or what its producer flagged, has a valid token that covers it; actions are on."""
    if not request.needs_token:
        return None
    token = context.facts.token
    if token.claims is None:
        code = token.code or ChildCode.POLICY_TOKEN_REQUIRED
        reason = token.reason if code in _TOLD else ACTION_BLOCKED
        return _deny(request, reason, code, detail=token.reason)
    name, scopes = request.source.job_type, write_scopes(request.required_scopes)
    if not token.claims.covers(name, scopes):
        detail = f"the policy token does not cover {name} with its write scopes"
        return _deny(request, ACTION_BLOCKED, ChildCode.POLICY_TOKEN_INVALID, detail=detail)
    if request.is_action and not context.facts.switches.action_jobs:
        return _deny(request, ACTIONS_DISABLED, ChildCode.FEATURE_FLAG_DISABLED)
    return None


_TOLD = frozenset({ChildCode.PLAN_STALE, ChildCode.FOUR_EYES})
"""What is said in words of its own: it is no fault of the token's."""


def is_not_stopped(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """No kill switch is on for it. A plan only warns."""
    warning = _stopped(request, context.facts)
    if warning is None or context.facts.mode == "dry_run":
        return None
    return _deny(request, warning.message, warning.code)


def is_within_caps(request: PreparedRequest, context: RuleContext) -> Decision | None:
    """An action changes no more targets than one action may. A plan only warns."""
    warning = _too_wide(request, context.facts)
    if warning is None or context.facts.mode == "dry_run":
        return None
    return _deny(request, warning.message, warning.code)


def _stopped(request: PreparedRequest, facts: AdmissionFacts) -> Finding | None:
    switches = facts.kill_switches
    reason = switches.get(request.source.job_type, switches.get("*"))
    if reason is None:
        return None
    hint = "jobforge switch list"
    return Finding(ChildCode.KILL_SWITCH_ON, f"A kill switch is on: {reason}", hint)


def _too_wide(request: PreparedRequest, facts: AdmissionFacts) -> Finding | None:
    count, most = facts.target_counts.get(request.index, 0), facts.targets_per_action
    if most is None or count <= most:
        return None
    message = f"It would change {count} targets; one action may change {most} at most"
    hint = "jobforge limits show --tenant T"
    return Finding(ChildCode.BLAST_RADIUS_EXCEEDED, message, hint)


RULES_BEFORE_POLICY: tuple[Rule, ...] = (
    has_own_id,
    has_own_key,
    is_of_tenant,
    is_of_project,
    is_known_type,
    is_valid_payload,
    is_harmless,
    has_scopes,
    is_new,
)
RULES: tuple[Rule, ...] = (*RULES_BEFORE_POLICY, has_grant, is_not_stopped, is_within_caps)
"""The first rule that objects decides. Source: the order settled in the contract."""


def accept(request: PreparedRequest, facts: AdmissionFacts) -> Decision:
    """What a request becomes that no rule objects to; findings are warnings on it."""
    reason = "Would enqueue (dry run)" if facts.mode == "dry_run" else "Queued"
    operators = (_stopped(request, facts), _too_wide(request, facts))
    found = (*facts.findings.get(request.index, ()), *filter(None, operators))
    warnings = tuple(map(_to_warning, found))
    return Decision(request, "accepted", reason, warnings=warnings)


def _to_warning(finding: Finding) -> dict[str, str]:
    warning = {"code": finding.code.value, "message": finding.message}
    return warning if finding.hint is None else {**warning, "hint": finding.hint}


def _deny(
    request: PreparedRequest, reason: str, code: ChildCode, *, detail: str | None = None
) -> Decision:
    return Decision(request, "denied", reason, code, detail=detail)
