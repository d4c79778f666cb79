"""Calling a handler, the same way in every process."""

from __future__ import annotations

from jobforge.contract.errors import JobForgeError
from jobforge.core.catalog import AnyJobType
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import HandlerFailed
from jobforge.core.job_type import ActionSteps
from jobforge.core.model import Model


async def call_handler(
    job_type: AnyJobType,
    payload: Model,
    effects: tuple[PlannedEffect, ...],
    context: JobContext,
) -> Model:
    """Run the handler; an action is applied, verified, and taken back where that fails."""
    if job_type.action is None:
        assert job_type.handle is not None  # noqa: S101 (JobType has exactly one of the two)
        result: Model = await job_type.handle(payload, context)
        return result
    return await _apply(job_type.action, payload, effects, context)


async def _apply(
    action: ActionSteps[Model, Model],
    payload: Model,
    effects: tuple[PlannedEffect, ...],
    context: JobContext,
) -> Model:
    result = await action.apply(payload, effects, context)
    try:
        await action.verify(payload, effects, context)
    except JobForgeError as error:
        if action.undo is None:
            raise
        await action.undo(payload, effects, context)
        raise HandlerFailed(
            f"verification failed and the change was undone: {error.message}"
        ) from error
    return result
