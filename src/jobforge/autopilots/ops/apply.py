"""`autopilot.ops.apply` (action): writes exactly what was planned, and can take it back."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from jobforge.autopilots.ops.change.file_change import FileChange, new_content, predict
from jobforge.autopilots.ops.change.rollout import (
    Rollout,
    pre_image_path,
    restore,
    waves_of,
    write_all,
)
from jobforge.autopilots.ops.reports import store_json
from jobforge.contract.canonical import checksum_of
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect, Precondition
from jobforge.core.errors import HandlerFailed, PlanStale
from jobforge.core.job_type import ActionSteps, JobType
from jobforge.core.model import Model

MAX_CHANGES = 1000
DEFAULT_MAX_TARGETS = 20

Strategy = Literal["immediate", "gradual", "scheduled"]


class RollbackPlan(Model):
    """Whether the change can be taken back."""

    enabled: bool = Field(default=True, description="Keep the pre-image where undo finds it.")
    backup_state: bool = Field(default=True, description="Keep the pre-image as an artifact, too.")


class ApplyPayload(Model):
    """What to change; without a change there is nothing to do, and the result says so."""

    recommendation_id: str = Field(min_length=1, max_length=256)
    apply_strategy: Strategy = Field(
        default="immediate",
        description="gradual: one target first, then twice as many each time, verified in between.",
    )
    rollback_plan: RollbackPlan = RollbackPlan()
    change: FileChange | None = None
    changes: tuple[FileChange, ...] = Field(
        default=(), max_length=MAX_CHANGES, description="Further changes; all or none are applied."
    )
    max_targets: int = Field(
        default=DEFAULT_MAX_TARGETS, ge=1, le=MAX_CHANGES,
        description="A plan with more targets is shown and never applied.",
    )  # fmt: skip
    policy_token: str | None = Field(
        default=None, min_length=1, repr=False, description="Taken out before anything is stored."
    )

    @model_validator(mode="after")
    def _can_be_taken_back_if_many(self) -> ApplyPayload:
        if not self.rollback_plan.enabled and len(self.all_changes) > 1:
            raise ValueError("several changes need rollback_plan.enabled: all or none are applied")
        return self

    @property
    def all_changes(self) -> tuple[FileChange, ...]:
        """The change and the further ones, in order."""
        return (*([self.change] if self.change is not None else []), *self.changes)


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
    """Predict each file's new bytes; nothing is written.

    Several changes of one file are one effect. More targets than `max_targets` are shown all the
    same, with a precondition that cannot hold.

    Raises:
        DatasetMissing: there is no such file.
        PathDenied: a path leaves the tenant's folder.
        SourceMalformed: a file is not of its format.
        PayloadInvalid: a patch does not fit its file.
    """
    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}
    for change in payload.all_changes:
        if change.path not in before:
            before[change.path] = after[change.path] = await context.workspace.read(change.path)
        after[change.path] = new_content(change, after[change.path])
    effects = [
        predict(path, content, after[path])
        for path, content in before.items()
        if after[path] != content
    ]
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
    """Write the planned bytes, all or none; after a crash a repetition goes on where it stopped.

    Raises:
        PlanStale: a file is no longer the one the plan saw (old -> new); the others are put back.
        HandlerFailed: there are more targets than the cap allows.
    """
    if not effects:
        await _confirm_nothing(payload, context)
        return await _report_nothing(payload, context)
    if len(effects) > payload.max_targets:
        raise HandlerFailed(
            f"{len(effects)} targets, the cap is {payload.max_targets}: nothing was changed"
        )
    rollout = Rollout(
        recommendation_id=payload.recommendation_id,
        changes=payload.all_changes,
        effects=effects,
        keeps_pre_images=payload.rollback_plan.enabled,
        keeps_artifacts=payload.rollback_plan.backup_state,
        is_gradual=payload.apply_strategy == "gradual",
    )
    stored = await write_all(rollout, context)
    made = [await _look(effect, context) for effect in effects]
    kept = tuple(map(pre_image_path, effects)) if payload.rollback_plan.enabled else ()
    result = ApplyResult(
        recommendation_id=payload.recommendation_id,
        applied=True,
        reason=_reason(payload, len(effects)),
        changes_made=tuple(made),
        rollback_point=RollbackPoint(pre_images=kept, artifacts=stored) if kept or stored else None,
    )
    await store_json(context, "ops-apply", "apply_report", result)
    return result


async def _look(effect: PlannedEffect, context: JobContext) -> ChangeMade:
    found = checksum_of(await context.workspace.read(effect.target))
    return ChangeMade(
        target=effect.target,
        change=effect.change,
        before=effect.before,
        after=found,
        is_as_predicted=found == effect.after,
    )


def _reason(payload: ApplyPayload, targets: int) -> str:
    if payload.apply_strategy == "gradual":
        waves = len(waves_of(tuple(range(targets)), is_gradual=True))
        return f"written as planned, in {waves} waves, each read again"
    return "written as planned, read again"


async def _report_nothing(payload: ApplyPayload, context: JobContext) -> ApplyResult:
    result = ApplyResult(
        recommendation_id=payload.recommendation_id,
        applied=False,
        reason="the files already are as the changes want them"
        if payload.all_changes
        else "the payload names no change",
        changes_made=(),
        rollback_point=None,
    )
    await store_json(context, "ops-apply", "apply_report", result)
    return result


async def _confirm_nothing(payload: ApplyPayload, context: JobContext) -> None:
    """Look again: a plan has no effects, too, where a file was missing or could not be read."""
    if targets := ", ".join(effect.target for effect in await plan(payload, context)):
        raise PlanStale(f"the plan saw nothing to change -> now it would change {targets}")


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
        PlanStale: somebody changed a target after us; it is not overwritten, the others are put
            back.
        HandlerFailed: there is no pre-image, or it is damaged.
    """
    await restore(payload.recommendation_id, effects, context)


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
    # A kill costs an attempt; what is half written must be finished or put back.
    max_attempts=10,
    examples=(
        {
            "recommendation_id": "rec-2026-014",
            "change": {
                "adapter": "file",
                "path": "deploy/web.yaml",
                "patch": [{"op": "replace", "path": "/spec/replicas", "value": 3}],
            },
        },
        {
            "recommendation_id": "rec-2026-015",
            "apply_strategy": "gradual",
            "changes": [
                {
                    "adapter": "kubernetes",
                    "path": "deploy/shop.yaml",
                    "resource": {"kind": "Deployment", "name": "web"},
                    "patch": [{"op": "replace", "path": "/spec/replicas", "value": 3}],
                },
                {
                    "adapter": "file",
                    "path": "infra/main.tf",
                    "patch": [
                        {
                            "op": "replace",
                            "path": "/resource/aws_ebs_volume/data/encrypted",
                            "value": True,
                        }
                    ],
                },
            ],
        },
    ),
    result_examples=(
        {
            "recommendation_id": "rec-2026-014",
            "applied": True,
            "reason": "written as planned, read again",
            "changes_made": [
                {
                    "target": "deploy/web.yaml",
                    "change": "update",
                    "before": (
                        "sha256:99381948c89f7e6f75fc9927dbbb813e87fbfb3c331bbabde0db892f566c476c"
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
                "artifacts": [
                    "artifact:sha256:99381948c89f7e6f75fc9927dbbb813e87fbfb3c331bbabde0db892f566c476c"
                ],
            },
        },
    ),
)
