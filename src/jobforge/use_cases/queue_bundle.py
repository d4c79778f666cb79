"""Queue the executor itself: the bundle is decided when a worker takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobforge.contract.dialects import TranslatedBundle, read_bundle
from jobforge.contract.results import BundleResult
from jobforge.core.single_request import to_bundle
from jobforge.core.starting import EXECUTOR, BundleOrder
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock, IdSource
from jobforge.steps.admit_bundle import AdmitBundle
from jobforge.steps.intake import Submission, TakeIn
from jobforge.steps.put_grant_aside import PutGrantAside
from jobforge.steps.store_bundle import store_bundle, to_stored


@dataclass(frozen=True, slots=True)
class QueueBundle:
    """Queues bundles. A policy token is verified now; the job carries a grant, never the token."""

    storage: Storage
    take_in: TakeIn
    admit: AdmitBundle
    put_aside: PutGrantAside
    clock: Clock
    ids: IdSource

    async def __call__(
        self, raw: bytes, submission: Submission, *, policy_token: str | None = None
    ) -> BundleResult:
        """Queue the executor with this bundle; the answer is the run of that one job.

        Raises:
            ContractViolation: the bundle is not one.
            PolicyTokenRefused: the token does not permit exactly this plan.
        """
        bundle = read_bundle(raw)
        if policy_token is None and bundle.policy_token is not None:
            policy_token = bundle.policy_token.get_secret_value()
        stored = to_stored(bundle, self.clock.now())
        key = f"queued:{self.ids.uuid()}"
        claims = None if policy_token is None else self.put_aside.claims_of(policy_token)
        inner = None if claims is None else await self.take_in(bundle, submission)
        order = BundleOrder(
            bundle_digest=stored.digest,
            mode=submission.mode,
            on_policy_failure=submission.on_policy_failure,
            grant_id=None if claims is None else claims.jti,
        )
        executes = replace(submission, mode="execute", on_policy_failure="deny_all")
        intake = await self.take_in(_to_job(order, submission, key), executes)
        async with self.storage.transaction(submission.tenant.tenant_id) as unit:
            admitted = await self.admit(unit, intake, executes)
            entries = list(admitted.entries)
            if admitted.result.summary.queued:
                await store_bundle(unit, stored)
                if inner is not None and policy_token is not None:
                    aside = await self.put_aside(unit, inner, submission, policy_token, key)
                    entries.insert(0, aside)
            await unit.audit.append(entries)
        return admitted.result


def _to_job(order: BundleOrder, submission: Submission, key: str) -> TranslatedBundle:
    payload = order.model_dump(mode="json", exclude_none=True)
    return to_bundle(EXECUTOR, payload, tenant=submission.tenant.slug, key=key)
