"""From the changes of a payload to effects, and from approved effects to steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from jobforge.autopilots.ops.change.file_change import FileChange, FileStep, predict_files
from jobforge.autopilots.ops.change.git_change import BranchStep, GitChange, PushStep, predict_git
from jobforge.autopilots.ops.change.http_change import CallStep, HttpChange, predict_http
from jobforge.autopilots.ops.change.postgres_change import (
    PostgresChange,
    postgres_step,
    predict_postgres,
)
from jobforge.autopilots.ops.change.step import Step
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import PayloadInvalid

OtherChange = GitChange | PostgresChange | HttpChange
AnyChange = FileChange | OtherChange


async def predict_all(changes: Sequence[AnyChange], context: JobContext) -> list[PlannedEffect]:
    """The effects of all changes: of files first, then of the others in their order.

    Raises:
        PayloadInvalid: two changes have one target, which only files may.
    """
    _refuse_shared_targets(changes)
    files = tuple(change for change in changes if isinstance(change, FileChange))
    effects = await predict_files(files, context)
    for change in changes:
        match change:
            case GitChange():
                effects += await predict_git(change, context)
            case PostgresChange():
                effects += await predict_postgres(change, context)
            case HttpChange():
                effects += await predict_http(change, context)
            case FileChange():
                pass
    return effects


def _refuse_shared_targets(changes: Sequence[AnyChange]) -> None:
    owners: dict[str, AnyChange] = {}
    for change in changes:
        for target in change.targets:
            other = owners.setdefault(target, change)
            is_shared = isinstance(change, FileChange) and isinstance(other, FileChange)
            if other is not change and not is_shared:
                raise PayloadInvalid(f"two changes have the target {target}", pointer="/changes")


def steps_of(
    changes: Sequence[AnyChange],
    effects: Sequence[PlannedEffect],
    *,
    recommendation_id: str,
    keeps_pre_images: bool,
) -> tuple[Step, ...]:
    """The step of each effect, in the order of the effects.

    Raises:
        PayloadInvalid: an effect belongs to none of the changes.
    """
    files: defaultdict[str, tuple[FileChange, ...]] = defaultdict(tuple)
    others: dict[str, OtherChange] = {}
    for change in changes:
        for target in change.targets:
            if isinstance(change, FileChange):
                files[target] += (change,)
            else:
                others[target] = change
    steps: list[Step] = []
    for number, effect in enumerate(effects):
        if effect.target in files:
            steps.append(FileStep(effect, files[effect.target], keeps_pre_images))
        elif effect.target in others:
            steps.append(_step(number, effect, others[effect.target], recommendation_id))
        else:
            raise PayloadInvalid(f"no change has the target {effect.target}")
    return tuple(steps)


def _step(number: int, effect: PlannedEffect, change: OtherChange, recommendation_id: str) -> Step:
    match change:
        case GitChange() if change.push is not None and effect.target != change.place:
            return PushStep(effect, change, change.push, recommendation_id)
        case GitChange():
            return BranchStep(effect, change, recommendation_id)
        case PostgresChange():
            return postgres_step(effect, change)
        case HttpChange():
            return CallStep(effect, change, number)
