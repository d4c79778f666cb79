"""What a schedule or a trigger rule starts: one job, checked when it is set up, run much later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jobforge.contract.codes import ChildCode
from jobforge.contract.dialects import TranslatedBundle, read_bundle
from jobforge.contract.results import Mode
from jobforge.core.admission import OnPolicyFailure, Switches, admit
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import Denied, InvalidInput
from jobforge.core.policy_token import TokenClaims
from jobforge.core.single_request import to_bundle
from jobforge.core.starting import EXECUTOR, MODULE_RUNNER, BundleOrder
from jobforge.core.triggers import has_places
from jobforge.ports.starting import StoredBundle
from jobforge.ports.storage import TenantUnit
from jobforge.ports.system import Clock
from jobforge.steps.intake import Intake, Submission, TakeIn
from jobforge.steps.put_grant_aside import PutGrantAside
from jobforge.steps.store_bundle import store_bundle, to_stored

_ALL_ON = Switches(autopilot_jobs=True, action_jobs=True)
_ISSUE = "jobforge token issue --bundle FILE --tenant T --actor A"


@dataclass(frozen=True, slots=True)
class WorkWish:
    """What shall start: a bundle, a module command, or one job. Exactly one of the three.

    `mode` is what is done with a bundle, the given one or the module's.
    """

    bundle: bytes | None = None
    module: str | None = None
    job_type: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = "execute"
    on_policy_failure: OnPolicyFailure = "deny_all"
    policy_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PreparedWork:
    """One job as it will be started; `payload` is JSON text, `claims` those of a token given."""

    job_type: str
    payload: str
    stored: StoredBundle | None = None
    inner: Intake | None = field(default=None, repr=False)
    claims: TokenClaims | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PrepareWork:
    """Checks wishes, so that what can never run is said at once and not at its first firing."""

    take_in: TakeIn
    put_aside: PutGrantAside
    clock: Clock

    async def __call__(
        self, wish: WorkWish, submission: Submission, *, recurs: bool
    ) -> PreparedWork:
        """The one job of a wish.

        Raises:
            ContractViolation: the bundle is not one.
            InvalidInput: the wish is none, or would be refused each time.
            Denied: the actor does not hold what the work needs.
            PolicyTokenRefused: the token is not one of ours.
        """
        if sum(part is not None for part in (wish.bundle, wish.module, wish.job_type)) != 1:
            raise InvalidInput("give exactly one of a bundle, a module and a job type")
        if wish.bundle is not None:
            return await self._bundle(wish, wish.bundle, submission, recurs=recurs)
        if wish.policy_token is not None:
            raise InvalidInput("a policy token is for a bundle")
        if wish.module is not None:
            payload = {**wish.payload, "command": wish.module, "mode": wish.mode}
            return PreparedWork(
                MODULE_RUNNER, await self._checked(MODULE_RUNNER, payload, submission)
            )
        return await self._job(wish, submission)

    async def write(
        self, unit: TenantUnit, work: PreparedWork, submission: Submission, granted_for: str
    ) -> list[AuditEntry]:
        """Keep the bundle and put the grant aside; the entries are to be appended last.

        Raises:
            PolicyTokenRefused: the token is not one for exactly this plan, or was used.
        """
        if work.stored is not None:
            await store_bundle(unit, work.stored)
        if work.inner is None or work.token is None:
            return []
        return [await self.put_aside(unit, work.inner, submission, work.token, granted_for)]

    async def _bundle(
        self, wish: WorkWish, raw: bytes, submission: Submission, *, recurs: bool
    ) -> PreparedWork:
        bundle = read_bundle(raw)
        token = wish.policy_token
        if token is None and bundle.policy_token is not None:
            token = bundle.policy_token.get_secret_value()
        claims = None if token is None else self.put_aside.claims_of(token)
        inner = await self._look(bundle, wish, submission)
        _check_permission(wish, inner, recurs=recurs, has_token=claims is not None)
        stored = to_stored(bundle, self.clock.now())
        order = BundleOrder(
            bundle_digest=stored.digest,
            mode=wish.mode,
            on_policy_failure=wish.on_policy_failure,
            grant_id=None if claims is None else claims.jti,
        )
        payload = order.model_dump(mode="json", exclude_none=True)
        text = await self._checked(EXECUTOR, payload, submission)
        return PreparedWork(EXECUTOR, text, stored, inner, claims, token)

    async def _look(
        self, bundle: TranslatedBundle, wish: WorkWish, submission: Submission
    ) -> Intake:
        """Take the bundle in; one that would be refused as a whole is refused now."""
        planned = replace(submission, mode=wish.mode, on_policy_failure=wish.on_policy_failure)
        intake = await self.take_in(bundle, planned)
        admission = admit(intake.prepared, replace(intake.facts, switches=_ALL_ON))
        if admission.refusal is not None:
            refusal = admission.refusal
            raise InvalidInput(refusal.message, pointer=refusal.pointer, hint=refusal.hint)
        return intake

    async def _job(self, wish: WorkWish, submission: Submission) -> PreparedWork:
        job_type = wish.job_type or ""
        if job_type in {EXECUTOR, MODULE_RUNNER}:
            raise InvalidInput(f"{job_type} is started with a bundle or a module, not as a job")
        if wish.mode == "dry_run":
            raise InvalidInput("a dry run is for a bundle or a module")
        if has_places(wish.payload):
            self._check_type(job_type)
            return PreparedWork(job_type, json.dumps(wish.payload))
        return PreparedWork(job_type, await self._checked(job_type, wish.payload, submission))

    def _check_type(self, job_type: str) -> None:
        """All that can be said while the payload waits for an event."""
        found = self.take_in.catalog.find(job_type)
        if found is None:
            raise InvalidInput(f"Unknown job type: {job_type}", hint="jobforge types list")
        if found.is_action:
            raise InvalidInput(f"{job_type} changes the world: it cannot be started by an event")

    async def _checked(
        self, job_type: str, payload: Mapping[str, Any], submission: Submission
    ) -> str:
        """The payload as it is stored, if a job of it would be accepted now."""
        job = to_bundle(job_type, payload, tenant=submission.tenant.slug, key="check")
        intake = await self.take_in(job, replace(submission, mode="execute"))
        admission = admit(intake.prepared, replace(intake.facts, switches=_ALL_ON))
        (decision,) = admission.decisions
        if decision.code is ChildCode.POLICY_TOKEN_REQUIRED:
            raise InvalidInput(
                f"{job_type} changes the world: it is started as a bundle, with a policy token",
                hint=_ISSUE,
            )
        if decision.code is ChildCode.SCOPE_MISSING:
            raise Denied(decision.reason)
        if decision.status == "denied":
            raise InvalidInput(decision.reason, pointer=decision.pointer, hint=decision.hint)
        return json.dumps(json.loads(decision.request.planned.payload_text))


def _check_permission(wish: WorkWish, inner: Intake, *, recurs: bool, has_token: bool) -> None:
    """What needs a permission gets one that can still be used; what recurs cannot."""
    if recurs and has_token:
        raise InvalidInput(
            "a policy token permits one plan, once: it cannot be for work that comes again",
            hint="schedule it for one instant",
        )
    needing = [request for request in inner.prepared.requests if request.needs_token]
    if not needing or has_token or wish.mode == "dry_run":
        return
    if wish.on_policy_failure == "deny_actions":
        return
    name = needing[0].source.request_id
    way = "a policy token permits one execution" if recurs else "no policy token was given"
    raise InvalidInput(
        f"{name} would be denied each time, and the whole bundle with it: {way}",
        hint=_ISSUE if not recurs else "--dry-run, or --on-policy-failure deny_actions",
    )
