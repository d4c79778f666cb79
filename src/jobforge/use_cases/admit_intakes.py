"""Admit the bundles that came by SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobforge.contract.dialects import read_bundle
from jobforge.contract.errors import ContractViolation
from jobforge.core.actor import Actor, Role
from jobforge.core.authorization import Command, Target, authorize
from jobforge.core.errors import Unavailable
from jobforge.core.failure import to_failure
from jobforge.core.scopes import READ_SCOPES
from jobforge.ports.records import TenantRecord
from jobforge.ports.sql_way_in import IntakeRecord, NewIntake
from jobforge.ports.storage import StarterStorage, TenantUnit
from jobforge.steps.intake import Submission
from jobforge.steps.submit_translated import SubmitTranslated, Taken

AT_A_TIME = 100

_COMMANDS = {"dry_run": Command.BUNDLE_PLAN, "execute": Command.BUNDLE_EXECUTE}


@dataclass(frozen=True, slots=True)
class AdmitIntakes:
    """Admits each bundle once, whoever else looks, through the same gates as any other one.

    Taking it off the queue is in the transaction of its decisions, so that a process that dies in
    between leaves it to the next one.
    """

    storage: StarterStorage
    submit: SubmitTranslated

    async def __call__(self) -> int:
        """Admit what waits now; how many that were.

        Raises:
            Unavailable: the database does not answer.
        """
        count = 0
        for ref in await self.storage.find_new_intakes(AT_A_TIME):
            count += await self.admit(ref)
        return count

    async def admit(self, ref: NewIntake) -> bool:
        """Admit one; False where somebody else did.

        Raises:
            Unavailable: the database does not answer.
        """
        tenant = await self.storage.find_tenant(str(ref.tenant_id))
        async with self.storage.transaction(ref.tenant_id) as unit:
            intake = await unit.intake.find(ref.intake_id)
        if tenant is None or intake is None:
            return False
        submission = _to_submission(intake, tenant)

        async def claim(unit: TenantUnit) -> bool:
            return await unit.intake.claim(ref.intake_id)

        submit = replace(self.submit, claim=claim)
        try:
            await self._decide(intake.bundle, submission, submit)
        except Taken:
            return False
        return True

    async def _decide(self, text: str, submission: Submission, submit: SubmitTranslated) -> None:
        try:
            authorize(
                submission.actor,
                _COMMANDS[submission.mode],
                Target(submission.tenant.tenant_id),
            )
            # A permission is not taken this way: it would have lain in a row.
            bundle = replace(read_bundle(text.encode()), policy_token=None)
            await submit(bundle, submission)
        except ContractViolation as violation:
            await submit.refuse(submission, violation)
        except (Unavailable, Taken):
            raise
        except Exception as error:  # noqa: BLE001 (one bundle's fault must not stop the others)
            failure = to_failure(error)
            await submit.refuse(submission, ContractViolation(failure["code"], failure["message"]))


def _to_submission(intake: IntakeRecord, tenant: TenantRecord) -> Submission:
    actor = Actor(
        name=f"sql:{intake.role_name}",
        scopes=READ_SCOPES,
        is_local=False,
        roles=frozenset({Role.operator}),
        tenant_id=tenant.tenant_id,
        project_id=intake.project_id,
    )
    return Submission(tenant, actor, intake.mode, intake.project_id, run_id=intake.intake_id)
