"""Submit a translated bundle: take it in, decide, and write it, in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from jobforge.contract.dialects import TranslatedBundle
from jobforge.contract.errors import ContractViolation
from jobforge.contract.results import BundleResult
from jobforge.core.answer import RunFacts, to_result
from jobforge.core.errors import Unavailable
from jobforge.core.failure import to_failure
from jobforge.core.trace import traceparent_of
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock, IdSource
from jobforge.ports.telemetry import Silence, Telemetry
from jobforge.steps.admit_bundle import AdmitBundle, Raced, log_of, to_unread_run
from jobforge.steps.intake import Submission, TakeIn

_TRIES = 5

Claim = Callable[[TenantUnit], Awaitable[bool]]
"""Takes the work in the transaction of its decisions; False where somebody else did."""


class Taken(Exception):
    """Somebody else took this work."""


@dataclass(frozen=True, slots=True)
class SubmitTranslated:
    """Submits bundles that were read already, and records the refusal of those that were not.

    With `claim`, a bundle that lies somewhere is taken from there in the same transaction.
    """

    storage: Storage
    take_in: TakeIn
    admit: AdmitBundle
    clock: Clock
    ids: IdSource
    telemetry: Telemetry = field(default_factory=Silence)
    claim: Claim | None = None

    async def __call__(
        self, bundle: TranslatedBundle, submission: Submission, *, policy_token: str | None = None
    ) -> BundleResult:
        """Plan or execute a bundle that was read already.

        Raises:
            Unavailable: others kept taking the same keys meanwhile.
            Taken: somebody else claimed it.
        """
        if policy_token is None and bundle.policy_token is not None:
            policy_token = bundle.policy_token.get_secret_value()
        run_id = submission.run_id or self.ids.uuid()
        parent = traceparent_of((submission.traceparent, bundle.trace_id), run_id)
        attributes = {
            "jobforge.tenant_id": str(submission.tenant.tenant_id),
            "jobforge.trace_id": bundle.trace_id,
            "jobforge.run_id": str(run_id),
        }
        name = f"bundle.{submission.mode}"
        with self.telemetry.span(name, parent, attributes) as traceparent:
            asked = replace(submission, run_id=run_id, traceparent=traceparent or parent)
            result = await self._submit(bundle, asked, policy_token)
        self.telemetry.decided(result.child_runs)
        return result

    async def _submit(
        self, bundle: TranslatedBundle, submission: Submission, policy_token: str | None
    ) -> BundleResult:
        for _ in range(_TRIES):
            try:
                intake = await self.take_in(bundle, submission)
            except ContractViolation as violation:
                return await self.refuse(submission, violation)
            try:
                async with self.storage.transaction(submission.tenant.tenant_id) as unit:
                    await self._take(unit)
                    admitted = await self.admit(unit, intake, submission, policy_token)
                    await unit.audit.append(admitted.entries)
            except Raced:
                continue
            return admitted.result
        raise Unavailable("other submissions keep using the same keys; try again")

    async def refuse(self, submission: Submission, violation: ContractViolation) -> BundleResult:
        """Record and answer the refusal of a bundle that could not even be taken in."""
        run_id = submission.run_id or self.ids.uuid()
        facts = RunFacts(
            run_id=run_id,
            tenant_id=submission.tenant.tenant_id,
            project_id=submission.project_id,
            mode=submission.mode,
            created_at=self.clock.now(),
            error={"pointer": "", "hint": None, **to_failure(violation)},
        )
        async with self.storage.transaction(submission.tenant.tenant_id) as unit:
            await self._take(unit)
            await unit.runs.insert(to_unread_run(facts, submission))
            log = log_of(submission, run_id, facts.created_at)
            await unit.audit.append(log.refused(facts.error or {}))
        return to_result(facts, ())

    async def _take(self, unit: TenantUnit) -> None:
        if self.claim is not None and not await self.claim(unit):
            raise Taken
