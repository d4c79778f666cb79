"""`autopilot.ops.apply` (action): carries out exactly what was planned, and can take it back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from jobforge.autopilots.ops.change.file_change import FileStep, pre_image_path
from jobforge.autopilots.ops.change.planning import predict_all, steps_of
from jobforge.autopilots.ops.change.request import EXAMPLES, ApplyPayload
from jobforge.autopilots.ops.change.rollout import (
    Rollout,
    confirm_all,
    look_at_all,
    roll_out,
    take_back,
    waves_of,
)
from jobforge.autopilots.ops.reports import store_json, store_text
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect, Precondition
from jobforge.core.errors import (
    ChangeUndone,
    HandlerFailed,
    NeedsPerson,
    PlanStale,
    Postponed,
)
from jobforge.core.job_type import ActionSteps, JobType
from jobforge.core.model import Model

MAX_ATTEMPTS = 10
"""A kill costs an attempt; what is half done must be finished or put back."""


class ChangeMade(Model):
    """One target after the change: what was predicted, and what is there."""

    target: str
    change: Literal["create", "update", "delete"]
    before: str | None
    predicted: str | None
    after: str | None
    is_as_predicted: bool


class RollbackPoint(Model):
    """Where the pre-images lie, and the artifact that says what was before."""

    pre_images: tuple[str, ...]
    artifacts: tuple[str, ...]


class ApplyResult(Model):
    """What was changed; `reason` says why nothing was, or how it went."""

    recommendation_id: str
    applied: bool
    reason: str
    changes_made: tuple[ChangeMade, ...]
    rollback_point: RollbackPoint | None


async def plan(payload: ApplyPayload, context: JobContext) -> tuple[PlannedEffect, ...]:
    """Predict what each target will be; nothing is written, and nothing sent but questions.

    Several changes of one file are one effect. More targets than `max_targets` are shown all the
    same, with a precondition that cannot hold.

    Raises:
        DatasetMissing: there is no such file or repository.
        ConnectionMissing: there is no such connection.
        PathDenied: a path leaves the tenant's folder.
        SourceMalformed: a file is not of its format.
        PayloadInvalid: a patch does not fit its file, or two changes have one target.
    """
    effects = await predict_all(payload.all_changes, context)
    if len(effects) > payload.max_targets:
        cap = Precondition(
            source="blast radius",
            expected=f"at most {payload.max_targets} targets, planned are {len(effects)}",
        )
        effects = [
            effect.model_copy(update={"preconditions": (*effect.preconditions, cap)})
            for effect in effects
        ]
    return tuple(effects)


async def apply(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> ApplyResult:
    """Carry the effects out, all or none; after a crash a repetition goes on where it stopped.

    Raises:
        Postponed: it is not yet time.
        PlanStale: a target is no longer as the plan saw it (old -> new); the others are put back.
        ChangeUndone: it failed for good and was taken back, or its time is over.
        NeedsPerson: nobody can tell whether a target was changed; the journal is an artifact.
        HandlerFailed: there are more targets than the cap allows.
    """
    _wait_for_its_time(payload, context.now())
    if not effects:
        await _confirm_nothing(payload, context)
        return await _report_nothing(payload, context)
    if len(effects) > payload.max_targets:
        raise HandlerFailed(
            f"{len(effects)} targets, the cap is {payload.max_targets}: nothing was changed"
        )
    rollout = _rollout(payload, effects)
    stored = await _store_before(payload, effects, context)
    try:
        await roll_out(rollout, context)
    except NeedsPerson:
        await _store_journal(context)
        raise
    result = ApplyResult(
        recommendation_id=payload.recommendation_id,
        applied=True,
        reason=_reason(payload, len(effects)),
        changes_made=tuple(_made(effects, await look_at_all(rollout, context))),
        rollback_point=_rollback_point(rollout, stored),
    )
    await store_json(context, "ops-apply", "apply_report", result)
    return result


def _wait_for_its_time(payload: ApplyPayload, now: datetime) -> None:
    schedule = payload.schedule
    if schedule is None:
        return
    if now < schedule.not_before:
        raise Postponed(schedule.not_before)
    if schedule.not_after is not None and now > schedule.not_after:
        raise ChangeUndone(
            f"nothing was changed: its time ended at {schedule.not_after.isoformat()}"
        )


def _rollout(payload: ApplyPayload, effects: tuple[PlannedEffect, ...]) -> Rollout:
    return Rollout(
        steps=steps_of(
            payload.all_changes,
            effects,
            recommendation_id=payload.recommendation_id,
            keeps_pre_images=payload.rollback_plan.enabled,
        ),
        is_gradual=payload.apply_strategy == "gradual",
        can_be_undone=payload.rollback_plan.enabled,
        error_budget=payload.error_budget,
    )


async def _store_before(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> tuple[str, ...]:
    """Keep what was before: checksums and diffs whose secrets are masked, never the content."""
    if not payload.rollback_plan.backup_state:
        return ()
    text = json.dumps([effect.model_dump(mode="json") for effect in effects], indent=2)
    output = await store_text(context, "ops-apply-before", "apply_before", text, suffix="json")
    return (output.ref,)


async def _store_journal(context: JobContext) -> None:
    entries = [entry.model_dump(mode="json") for entry in await context.journal.entries()]
    text = json.dumps(entries, indent=2)
    await store_text(context, "ops-apply-journal", "apply_journal", text, suffix="json")


def _made(effects: Iterable[PlannedEffect], found: Iterable[str | None]) -> Iterable[ChangeMade]:
    for effect, actual in zip(effects, found, strict=True):
        yield ChangeMade(
            target=effect.target,
            change=effect.change,
            before=effect.before,
            predicted=effect.after,
            after=actual,
            is_as_predicted=actual == effect.after,
        )


def _rollback_point(rollout: Rollout, stored: tuple[str, ...]) -> RollbackPoint | None:
    kept = tuple(
        pre_image_path(step.effect)
        for step in rollout.steps
        if isinstance(step, FileStep) and step.keeps_pre_image
    )
    return RollbackPoint(pre_images=kept, artifacts=stored) if kept or stored else None


def _reason(payload: ApplyPayload, targets: int) -> str:
    if payload.apply_strategy == "gradual":
        waves = len(waves_of(tuple(range(targets)), is_gradual=True))
        return f"done as planned, in {waves} waves, each looked at again"
    return "done as planned, looked at again"


async def _report_nothing(payload: ApplyPayload, context: JobContext) -> ApplyResult:
    result = ApplyResult(
        recommendation_id=payload.recommendation_id,
        applied=False,
        reason="the targets already are as the changes want them"
        if payload.all_changes
        else "the payload names no change",
        changes_made=(),
        rollback_point=None,
    )
    await store_json(context, "ops-apply", "apply_report", result)
    return result


async def _confirm_nothing(payload: ApplyPayload, context: JobContext) -> None:
    """Look again: a plan has no effects, too, where a target was missing or could not be read."""
    if targets := ", ".join(effect.target for effect in await plan(payload, context)):
        raise PlanStale(f"the plan saw nothing to change -> now it would change {targets}")


async def verify(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Look at every target again.

    Raises:
        HandlerFailed: a target is not as planned.
    """
    if effects:
        await confirm_all(_rollout(payload, effects), context)


async def undo(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Put every target back; one that was never changed stays as it is.

    Raises:
        PlanStale: somebody changed a target after us; it is not overwritten, the others are put
            back.
        NeedsPerson: a call cannot be taken back, or nobody can tell whether it was.
        HandlerFailed: there is no pre-image, or it is damaged.
    """
    try:
        reason = f"undo of {payload.recommendation_id}"
        await take_back(_rollout(payload, effects), reason, context)
    except NeedsPerson:
        await _store_journal(context)
        raise


APPLY = JobType(
    name="autopilot.ops.apply",
    title="Apply a recommended change",
    domain="ops",
    payload=ApplyPayload,
    result=ApplyResult,
    scopes=frozenset({"ops:write"}),
    timeout=timedelta(minutes=10),
    action=ActionSteps(plan=plan, apply=apply, verify=verify, undo=undo),
    isolation="inline",
    max_attempts=MAX_ATTEMPTS,
    examples=EXAMPLES,
    result_examples=(
        {
            "recommendation_id": "rec-2026-014",
            "applied": True,
            "reason": "done as planned, looked at again",
            "changes_made": [
                {
                    "target": "deploy/web.yaml",
                    "change": "update",
                    "before": (
                        "sha256:99381948c89f7e6f75fc9927dbbb813e87fbfb3c331bbabde0db892f566c476c"
                    ),
                    "predicted": (
                        "sha256:80f5fe6f52086d46186b2c7641524f9c55712f270fc3770c3703e64c28cf8107"
                    ),
                    "after": (
                        "sha256:80f5fe6f52086d46186b2c7641524f9c55712f270fc3770c3703e64c28cf8107"
                    ),
                    "is_as_predicted": True,
                }
            ],
            "rollback_point": {
                "pre_images": [
                    ".jobforge/pre-images/99381948c89f7e6f75fc9927dbbb813e87fbfb3c331bbabde0db892f566c476c"
                ],
                "artifacts": [],
            },
        },
    ),
)
