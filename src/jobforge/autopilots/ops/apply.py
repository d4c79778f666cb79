"""`autopilot.ops.apply` (action): writes exactly what was planned, and can take it back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Literal

from pydantic import Field

from jobforge.autopilots.ops.change.file_change import FileChange, new_content, predict
from jobforge.contract.canonical import checksum_of
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import DatasetMissing, HandlerFailed, PlanStale
from jobforge.core.job_type import ActionSteps, JobType
from jobforge.core.model import Model

PRE_IMAGES = ".jobforge/pre-images"
"""Folder of the workspace where undo finds what a file was before."""


class RollbackPlan(Model):
    """Whether the change can be taken back."""

    enabled: bool = Field(default=True, description="Keep the pre-image where undo finds it.")
    backup_state: bool = Field(default=True, description="Keep the pre-image as an artifact, too.")


class ApplyPayload(Model):
    """What to change; without `change` there is nothing to do, and the result says so."""

    recommendation_id: str = Field(min_length=1, max_length=256)
    apply_strategy: Literal["immediate", "gradual", "scheduled"] = "immediate"
    rollback_plan: RollbackPlan = RollbackPlan()
    change: FileChange | None = None
    policy_token: str | None = Field(
        default=None, min_length=1, repr=False, description="Taken out before anything is stored."
    )


class ChangeMade(Model):
    """One target after the change."""

    target: str
    change: Literal["create", "update", "delete"]
    before: str | None
    after: str | None
    is_as_predicted: bool


class RollbackPoint(Model):
    """Where the pre-images lie."""

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
    """Predict the file's new bytes; nothing is written.

    Raises:
        DatasetMissing: there is no such file.
        PathDenied: the path leaves the tenant's folder.
        SourceMalformed: the file is not of its format.
        PayloadInvalid: the patch does not fit the file.
    """
    if payload.change is None:
        return ()
    before = await context.workspace.read(payload.change.path)
    after = new_content(payload.change, before)
    return (predict(payload.change, before, after),) if after != before else ()


async def apply(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> ApplyResult:
    """Write the planned bytes; a repetition after a crash finds them written and goes on.

    Raises:
        PlanStale: the file is no longer the one the plan saw; the message says old -> new.
    """
    if payload.change is None or not effects:
        return await _report_nothing(payload, context)
    (effect,) = effects
    current = await context.workspace.read(effect.target)
    if checksum_of(current) == effect.after:
        stored: tuple[str, ...] = ()
    else:
        stored = await _write(payload, effect, current, context)
    written = checksum_of(await context.workspace.read(effect.target))
    made = ChangeMade(
        target=effect.target,
        change=effect.change,
        before=effect.before,
        after=written,
        is_as_predicted=written == effect.after,
    )
    kept = (pre_image_path(effect),) if payload.rollback_plan.enabled else ()
    result = ApplyResult(
        recommendation_id=payload.recommendation_id,
        applied=True,
        reason=_reason(payload),
        changes_made=(made,),
        rollback_point=RollbackPoint(pre_images=kept, artifacts=stored) if kept or stored else None,
    )
    await _store(result, context)
    return result


async def _write(
    payload: ApplyPayload, effect: PlannedEffect, current: bytes, context: JobContext
) -> tuple[str, ...]:
    found = checksum_of(current)
    if found != effect.before:
        raise PlanStale(f"{effect.target} changed since the plan: {effect.before} -> {found}")
    assert payload.change is not None  # noqa: S101 (effects come from a change)
    content = new_content(payload.change, current)
    if checksum_of(content) != effect.after:
        raise PlanStale(
            f"{effect.target} would become {checksum_of(content)}, planned was {effect.after}"
        )
    stored = await _keep_pre_image(payload, effect, current, context)
    await context.workspace.replace(effect.target, content, expected_checksum=effect.before)
    return stored


async def _keep_pre_image(
    payload: ApplyPayload, effect: PlannedEffect, content: bytes, context: JobContext
) -> tuple[str, ...]:
    if payload.rollback_plan.enabled:
        path = pre_image_path(effect)
        try:
            await context.workspace.read(path)
        except DatasetMissing:
            await context.workspace.replace(path, content, expected_checksum=None)
    if not payload.rollback_plan.backup_state:
        return ()
    name = f"ops-apply-{context.job.job_id}-pre-image"
    output = await context.artifacts.put(
        name, content, kind="pre_image", mime_type="application/octet-stream"
    )
    return (output.ref,)


def pre_image_path(effect: PlannedEffect) -> str:
    """Where the pre-image of an update lies, by its content."""
    return f"{PRE_IMAGES}/{(effect.before or '').removeprefix('sha256:')}"


def _reason(payload: ApplyPayload) -> str:
    if payload.apply_strategy == "immediate":
        return "written as planned, read again"
    return f"written as planned, read again; one target, so {payload.apply_strategy} is one step"


async def _report_nothing(payload: ApplyPayload, context: JobContext) -> ApplyResult:
    result = ApplyResult(
        recommendation_id=payload.recommendation_id,
        applied=False,
        reason="the payload names no change"
        if payload.change is None
        else "the file already is as the change wants it",
        changes_made=(),
        rollback_point=None,
    )
    await _store(result, context)
    return result


async def _store(result: ApplyResult, context: JobContext) -> None:
    await context.artifacts.put(
        f"ops-apply-{context.job.job_id}.json",
        json.dumps(result.model_dump(mode="json"), indent=2, ensure_ascii=False).encode(),
        kind="apply_report",
        mime_type="application/json",
    )


async def verify(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Read every target again.

    Raises:
        HandlerFailed: a target is not as planned.
    """
    for effect in effects:
        found = checksum_of(await context.workspace.read(effect.target))
        if found != effect.after:
            raise HandlerFailed(
                f"{effect.target} is {found}, planned was {effect.after} "
                f"({payload.recommendation_id})"
            )


async def undo(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Put every target back, byte for byte; one that was never written stays as it is.

    Raises:
        PlanStale: somebody changed the target after us; it is not overwritten.
        HandlerFailed: there is no pre-image, or it is damaged.
    """
    for effect in effects:
        found = checksum_of(await context.workspace.read(effect.target))
        if found == effect.before:
            continue
        if found != effect.after:
            raise PlanStale(f"{effect.target} changed since: {effect.after} -> {found}")
        content = await _read_pre_image(payload, effect, context)
        await context.workspace.replace(effect.target, content, expected_checksum=found)


async def _read_pre_image(
    payload: ApplyPayload, effect: PlannedEffect, context: JobContext
) -> bytes:
    try:
        content = await context.workspace.read(pre_image_path(effect))
    except DatasetMissing:
        raise HandlerFailed(
            f"no pre-image of {effect.target} was kept ({payload.recommendation_id})"
        ) from None
    if checksum_of(content) != effect.before:
        raise HandlerFailed(f"the pre-image of {effect.target} is damaged")
    return content


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
    examples=(
        {
            "recommendation_id": "rec-2026-014",
            "change": {
                "adapter": "file",
                "path": "deploy/web.yaml",
                "patch": [{"op": "replace", "path": "/spec/replicas", "value": 3}],
            },
        },
    ),
)
