"""Plan or execute a bundle for a running job: the executor's own way in."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.contract.dialects import TranslatedBundle
from jobforge.contract.results import BundleResult
from jobforge.core.actor import Actor
from jobforge.core.errors import Missing
from jobforge.core.scopes import READ_SCOPES
from jobforge.core.starting import BundleOrder, run_started_by
from jobforge.core.stored_bundle import for_occurrence, from_document, from_text
from jobforge.ports.engine import Attempt
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.steps.intake import Submission
from jobforge.steps.read_run import read_run
from jobforge.steps.submit_translated import SubmitTranslated

_LOCAL = "local:"


@dataclass(frozen=True, slots=True)
class StartBundle:
    """Starts bundles as the actor of the job that asks. A refused bundle is an answer."""

    storage: Storage
    submit: SubmitTranslated

    async def __call__(self, order: BundleOrder, attempt: Attempt) -> BundleResult:
        """Submit it once: another attempt of the same job gets the run of the earlier one.

        Raises:
            Missing: there is no such stored bundle.
        """
        run_id = run_started_by(attempt.ref.job_id)
        async with self.storage.transaction(attempt.ref.tenant_id) as unit:
            earlier = await read_run(unit, run_id)
            digest = order.bundle_digest
            stored = None if digest is None else await unit.bundles.find(digest)
        if earlier is not None:
            return earlier
        if order.bundle is not None:
            bundle = from_document(order.bundle)
        elif stored is not None:
            bundle = from_text(stored.content)
        else:
            raise Missing(f"there is no stored bundle {order.bundle_digest}")
        return await self._submit(for_occurrence(bundle, order.occurrence), order, attempt)

    async def _submit(
        self, bundle: TranslatedBundle, order: BundleOrder, attempt: Attempt
    ) -> BundleResult:
        submission = Submission(
            tenant=TenantRecord(attempt.ref.tenant_id, attempt.tenant_slug),
            # The executor asks for every read scope, so its actor holds them; others come from
            # the grant alone.
            actor=Actor(attempt.actor, READ_SCOPES, is_local=attempt.actor.startswith(_LOCAL)),
            mode=order.mode,
            project_id=attempt.project_id,
            on_policy_failure=order.on_policy_failure,
            grant_id=order.grant_id,
            run_id=run_started_by(attempt.ref.job_id),
        )
        return await self.submit(bundle, submission)
