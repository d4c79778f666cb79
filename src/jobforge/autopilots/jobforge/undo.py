"""`jobforge.undo` (action): takes an executed action back, through the same gates as any action.

What is undone is exactly what the earlier job was approved to change, in reverse. Its own type
does the work; where somebody changed a target since, nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from pydantic import Field

from jobforge.core.catalog import AnyJobType, JobCatalog
from jobforge.core.context import JobContext, PastJob
from jobforge.core.effects import PlannedEffect, Precondition, parse_effects
from jobforge.core.errors import HandlerFailed, PayloadInvalid
from jobforge.core.job_type import ActionSteps, JobType
from jobforge.core.model import Model

_REVERSED: dict[str, Literal["create", "update", "delete"]] = {
    "create": "delete",
    "update": "update",
    "delete": "create",
}


_KEPT = ("+++", "---", "@@")


class UndoPayload(Model):
    """Which job to take back."""

    job_id: UUID = Field(description="An executed action of the same tenant.")


class UndoneTarget(Model):
    """One target that is again as it was."""

    target: str
    before: str | None
    after: str | None


class UndoResult(Model):
    """What was taken back."""

    undone_job_id: UUID
    job_type: str
    targets: tuple[UndoneTarget, ...]


def reverse_effects(effects: tuple[PlannedEffect, ...]) -> tuple[PlannedEffect, ...]:
    """The effects of taking `effects` back, last one first.

    Each expects its target as the job left it.
    """
    return tuple(
        PlannedEffect(
            target=effect.target,
            change=_REVERSED[effect.change],
            before=effect.after,
            after=effect.before,
            diff=_reverse_diff(effect.diff),
            preconditions=tuple(
                Precondition(source=condition.source, expected=effect.after or "absent")
                for condition in effect.preconditions
            ),
        )
        for effect in reversed(effects)
    )


def _reverse_diff(diff: str) -> str:
    """A unified diff read the other way round."""
    swapped = {"+": "-", "-": "+"}
    return "".join(
        line if line.startswith(_KEPT) else swapped.get(line[:1], line[:1]) + line[1:]
        for line in diff.splitlines(keepends=True)
    )


@dataclass(frozen=True, slots=True)
class _Undoing:
    """The steps, over the catalogue that knows the type of the job to take back."""

    catalog: Callable[[], JobCatalog]

    async def plan(self, payload: UndoPayload, context: JobContext) -> tuple[PlannedEffect, ...]:
        """The reversed effects of the job.

        Raises:
            PayloadInvalid: there is no such job, or nothing of it can be taken back.
        """
        job, _ = await self._find(payload, context)
        return reverse_effects(parse_effects(job.effects))

    async def apply(
        self, payload: UndoPayload, effects: tuple[PlannedEffect, ...], context: JobContext
    ) -> UndoResult:
        """Let the job's own type put every target back.

        Raises:
            PlanStale: somebody changed a target after the job.
        """
        job, job_type = await self._find(payload, context)
        assert job_type.action is not None  # noqa: S101 (checked in _find)
        assert job_type.action.undo is not None  # noqa: S101 (checked in _find)
        past = job_type.parse_payload_text(job.payload)
        await job_type.action.undo(past, parse_effects(job.effects), context)
        return UndoResult(
            undone_job_id=job.job_id,
            job_type=job.job_type,
            targets=tuple(
                UndoneTarget(target=e.target, before=e.before, after=e.after) for e in effects
            ),
        )

    async def verify(
        self, payload: UndoPayload, effects: tuple[PlannedEffect, ...], context: JobContext
    ) -> None:
        """Predict the job's effects anew: they are the same only where its targets are as before.

        Raises:
            HandlerFailed: they are not.
        """
        job, job_type = await self._find(payload, context)
        assert job_type.action is not None  # noqa: S101 (checked in _find)
        predicted = await job_type.action.plan(job_type.parse_payload_text(job.payload), context)
        if reverse_effects(predicted) != effects:
            raise HandlerFailed(f"the targets of job {job.job_id} are not as they were before it")

    async def _find(self, payload: UndoPayload, context: JobContext) -> tuple[PastJob, AnyJobType]:
        job = await context.history.find(payload.job_id)
        if job is None:
            raise PayloadInvalid(f"there is no job {payload.job_id}", pointer="/job_id")
        job_type = self.catalog().find(job.job_type)
        if job.status != "executed":
            raise PayloadInvalid(f"job {job.job_id} was not executed", pointer="/job_id")
        if job_type is None or job_type.action is None or job_type.action.undo is None:
            raise PayloadInvalid(f"{job.job_type} cannot be taken back", pointer="/job_id")
        return job, job_type


def undo_job_type(catalog: Callable[[], JobCatalog]) -> JobType[UndoPayload, UndoResult]:
    """The job type, over the catalogue whose actions it takes back."""
    steps = _Undoing(catalog)
    return JobType(
        name="jobforge.undo",
        title="Take an executed action back",
        domain="jobforge",
        payload=UndoPayload,
        result=UndoResult,
        scopes=frozenset({"jobforge:write"}),
        timeout=timedelta(minutes=10),
        action=ActionSteps(
            plan=steps.plan,
            apply=steps.apply,
            verify=steps.verify,
            undo=None,
            irreversible_because="the change can be applied again, under a plan of its own",
        ),
        isolation="inline",
        max_attempts=3,
        examples=({"job_id": "7f3fdb5c-5a1e-4b0e-9d3c-2f6f6f1f7a11"},),
        result_examples=(
            {
                "undone_job_id": "69c22c53-a83e-4906-80f3-e2a689383491",
                "job_type": "autopilot.ops.apply",
                "targets": [
                    {
                        "target": "deploy/web.yaml",
                        "before": (
                            "sha256:80f5fe6f52086d46186b2c7641524f9c"
                            "55712f270fc3770c3703e64c28cf8107"
                        ),
                        "after": (
                            "sha256:99381948c89f7e6f75fc9927dbbb813e"
                            "87fbfb3c331bbabde0db892f566c476c"
                        ),
                    }
                ],
            },
        ),
    )
