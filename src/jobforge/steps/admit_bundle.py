"""Decide a bundle that was taken in, and write it all into the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from jobforge.contract.codes import ChildCode
from jobforge.contract.dialects import TranslatedBundle
from jobforge.contract.results import BundleResult, ChildRun
from jobforge.core.admission import Admission, Decision, Refusal, admit
from jobforge.core.answer import SUMMARY_MIME_TYPE, RunFacts, summary_output, to_result
from jobforge.core.audit import AuditEntry
from jobforge.core.decision_log import DecisionLog
from jobforge.core.effects import dump_effects
from jobforge.core.plan import Plan
from jobforge.core.policy_token import TokenVerdict
from jobforge.core.run_summary import render_summary
from jobforge.core.trace import traceparent_of
from jobforge.ports.jobs import NewJob
from jobforge.ports.records import NewGrant
from jobforge.ports.runs import RunRecord
from jobforge.ports.storage import TenantUnit
from jobforge.ports.system import Clock, IdSource
from jobforge.steps.intake import Intake, Submission, read_earlier_jobs
from jobforge.steps.judge_people import judge_people
from jobforge.steps.judge_token import JudgeToken
from jobforge.steps.open_review import open_review
from jobforge.steps.store_plan import store_plan

PRIORITIES = {"low": -10, "normal": 0, "high": 10, "critical": 20}
"""A producer's wish orders the jobs of its own tenant, and nothing else."""


class Raced(Exception):
    """Another transaction took a key or the token after we looked: take in and decide again."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The answer, and the audit entries that are still to be appended.

    Appending locks the tenant's chain, so whoever opened the transaction does it last.
    """

    result: BundleResult
    entries: tuple[AuditEntry, ...]


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """Everything that was decided, before it is written."""

    run_id: UUID
    at: datetime
    submission: Submission
    bundle: TranslatedBundle
    plan: Plan
    token: TokenVerdict
    admission: Admission
    job_ids: Mapping[int, UUID]

    def to_children(self) -> tuple[ChildRun, ...]:
        """The child runs, in the bundle's order."""
        return tuple(
            decision.to_child_run(self.submission.mode, self.job_ids.get(index))
            for index, decision in enumerate(self.admission.decisions)
        )

    @property
    def facts(self) -> RunFacts:
        """What the answer says of the run."""
        refusal = self.admission.refusal
        return RunFacts(
            run_id=self.run_id,
            tenant_id=self.submission.tenant.tenant_id,
            project_id=self.plan.project_id,
            mode=self.submission.mode,
            created_at=self.at,
            dialect=self.bundle.dialect,
            trace_id=self.bundle.trace_id,
            plan_digest=self.plan.digest,
            producer_hash=self.bundle.producer_hash,
            action_jobs_blocked=self.admission.action_jobs_blocked,
            error=None if refusal is None else _to_error(refusal),
        )

    @property
    def log(self) -> DecisionLog:
        """Who writes the audit entries."""
        return log_of(self.submission, self.run_id, self.at)


@dataclass(frozen=True, slots=True)
class AdmitBundle:
    """Decides bundles and writes what was decided: run, plan, grant, jobs, release."""

    judge_token: JudgeToken
    clock: Clock
    ids: IdSource

    async def __call__(
        self, unit: TenantUnit, intake: Intake, submission: Submission, token: str | None = None
    ) -> Admitted:
        """Decide and write; nothing is decided that is not recorded, and the reverse.

        Raises:
            Raced: another transaction took a key or the token meanwhile.
        """
        verdicts = await self._decide(unit, intake, submission, token)
        return await _write(unit, verdicts)

    async def _decide(
        self, unit: TenantUnit, intake: Intake, submission: Submission, token: str | None
    ) -> _Verdicts:
        verdict = await self.judge_token(unit, intake, token, submission.grant_id)
        verdict = await judge_people(unit, submission.actor, verdict)
        if verdict.code is ChildCode.POLICY_TOKEN_USED and await _is_outdated(unit, intake):
            # Whoever used the token a moment ago submitted this very bundle: look again, so that
            # its requests are named as submitted already.
            raise Raced
        admission = admit(intake.prepared, replace(intake.facts, token=verdict))
        executes = submission.mode == "execute"
        return _Verdicts(
            run_id=submission.run_id or self.ids.uuid(),
            at=self.clock.now(),
            submission=submission,
            bundle=intake.prepared.source,
            plan=intake.plan,
            token=verdict,
            admission=admission,
            job_ids={
                index: self.ids.uuid()
                for index, decision in enumerate(admission.decisions)
                if executes and decision.status == "accepted"
            },
        )


async def _write(unit: TenantUnit, verdicts: _Verdicts) -> Admitted:
    children, facts = verdicts.to_children(), verdicts.facts
    text = render_summary(to_result(facts, children), verdicts.plan.effects).encode()
    checksum = await unit.artifacts.put(text, SUMMARY_MIME_TYPE, verdicts.at)
    output = summary_output(verdicts.run_id, checksum, len(text))
    facts = replace(facts, artifact_ref=output.ref, outputs=(output,))
    if facts.error is not None:
        await unit.runs.insert(_to_run(facts, verdicts, children))
        return Admitted(to_result(facts, children), tuple(verdicts.log.refused(facts.error)))
    actor = verdicts.submission.actor
    await store_plan(unit, verdicts.plan, verdicts.bundle, actor, verdicts.at)
    await unit.runs.insert(_to_run(facts, verdicts, children))
    if verdicts.job_ids:
        await _enqueue(unit, verdicts)
    entries = verdicts.log.decided(verdicts.bundle, verdicts.plan, verdicts.token, children)
    entries += await _review(unit, verdicts)
    return Admitted(to_result(facts, children), tuple(entries))


async def _review(unit: TenantUnit, verdicts: _Verdicts) -> list[AuditEntry]:
    """A plan that needs a permission waits for it; one that was executed waits no more."""
    plan, decisions = verdicts.plan, verdicts.admission.decisions
    if verdicts.submission.mode == "dry_run":
        by = verdicts.submission.actor.name
        return await open_review(unit, plan, decisions, by, verdicts.at)
    if verdicts.token.is_accepted and verdicts.job_ids:
        at = verdicts.at
        await unit.reviews.close(plan.digest, plan.effects_digest, "executed", at)
    return []


async def _is_outdated(unit: TenantUnit, intake: Intake) -> bool:
    """Whether keys of the bundle were used since it was taken in."""
    return await read_earlier_jobs(unit, intake.prepared) != intake.facts.earlier_jobs


async def _enqueue(unit: TenantUnit, verdicts: _Verdicts) -> None:
    """Use up the grant, insert the jobs, release what the cap allows."""
    accepted = {i: verdicts.admission.decisions[i] for i in verdicts.job_ids}
    jti = None
    if any(decision.request.needs_token for decision in accepted.values()):
        grant = _to_grant(verdicts)
        if not await unit.grants.consume(grant):
            raise Raced
        jti = grant.jti
    jobs = [_to_job(decision, index, verdicts, jti) for index, decision in accepted.items()]
    if await unit.jobs.insert_with_keys(jobs):
        raise Raced
    await unit.jobs.release(verdicts.at)


def _to_grant(verdicts: _Verdicts) -> NewGrant:
    claims = verdicts.token.claims
    assert claims is not None  # noqa: S101 (admission accepts nothing that needs a token without)
    return NewGrant(
        jti=str(claims.jti),
        token_hash=verdicts.token.token_hash or "",
        actor=claims.sub,
        plan_digest=claims.plan,
        effects_digest=claims.effects,
        scopes=claims.scopes,
        job_types=claims.job_types,
        expires_at=claims.expires_at,
        consumed_at=verdicts.at,
        consumed_by=verdicts.run_id,
    )


def _to_job(decision: Decision, index: int, verdicts: _Verdicts, jti: str | None) -> NewJob:
    request = decision.request
    planned = request.planned
    return NewJob(
        job_id=verdicts.job_ids[index],
        project_id=verdicts.plan.project_id,
        run_id=verdicts.run_id,
        request_id=planned.request_id,
        job_type=planned.job_type,
        payload=planned.payload_text,
        payload_digest=planned.payload_digest,
        idempotency_key=planned.idempotency_key,
        effects=dump_effects(verdicts.plan.effects.get(planned.request_id, ())),
        trace_id=verdicts.bundle.trace_id,
        actor=verdicts.submission.actor.name,
        grant_jti=jti if request.needs_token else None,
        priority=PRIORITIES[request.source.hints.priority or "normal"],
        lane=request.job_type.isolation if request.job_type else "inline",
        max_attempts=request.job_type.max_attempts if request.job_type else 1,
        created_at=verdicts.at,
    )


_CHILDREN = TypeAdapter(tuple[ChildRun, ...])


def _to_run(facts: RunFacts, verdicts: _Verdicts, children: Sequence[ChildRun]) -> RunRecord:
    unread = to_unread_run(facts, verdicts.submission)
    is_open = bool(verdicts.job_ids)
    return replace(
        unread,
        status=unread.status if facts.error is not None else "open" if is_open else "closed",
        dialect=facts.dialect,
        bundle_id=verdicts.bundle.bundle_id,
        trace_id=facts.trace_id,
        traceparent=traceparent_of(
            (verdicts.submission.traceparent, facts.trace_id), verdicts.run_id
        ),
        producer_hash=facts.producer_hash,
        plan_digest=facts.plan_digest,
        effects_digest=verdicts.plan.effects_digest,
        decisions=_CHILDREN.dump_json(tuple(children)).decode(),
        action_jobs_blocked=facts.action_jobs_blocked,
        open_children=len(verdicts.job_ids),
        artifact_ref=facts.artifact_ref,
        closed_at=None if is_open else facts.created_at,
    )


def to_unread_run(facts: RunFacts, submission: Submission) -> RunRecord:
    """The row of a run of which nothing is known but that it was asked for."""
    return RunRecord(
        run_id=_known(facts.run_id),
        project_id=facts.project_id,
        mode=submission.mode,
        status="refused",
        dialect=None,
        bundle_id=None,
        trace_id=None,
        producer_hash=None,
        plan_digest=None,
        effects_digest=None,
        actor=submission.actor.name,
        decisions="[]",
        action_jobs_blocked=0,
        open_children=0,
        artifact_ref=None,
        error=None if facts.error is None else json.dumps(facts.error),
        created_at=facts.created_at,
        closed_at=facts.created_at,
    )


def log_of(submission: Submission, run_id: UUID, at: datetime) -> DecisionLog:
    """Who writes the audit entries of a run."""
    return DecisionLog(
        tenant_id=submission.tenant.tenant_id,
        run_id=run_id,
        actor=submission.actor.name,
        mode=submission.mode,
        at=at,
    )


def _known(run_id: UUID | None) -> UUID:
    assert run_id is not None  # noqa: S101 (only answers that were never recorded have none)
    return run_id


def _to_error(refusal: Refusal) -> dict[str, Any]:
    return {
        "code": str(refusal.code),
        "message": refusal.message,
        "pointer": refusal.pointer,
        "hint": refusal.hint,
    }
