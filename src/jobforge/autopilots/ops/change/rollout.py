"""Writing several planned files so that in the end all are written, or none.

The checksums are the truth: a file that has its planned checksum was written, one that has its
former checksum was not. So a process that is killed anywhere leaves nothing to guess, and the next
attempt goes on. The pre-image of a file lies in the workspace, by its checksum, before the file is
touched; a journal beside it says what was meant, for people.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from jobforge.autopilots.ops.change.file_change import FileChange, new_content
from jobforge.contract.canonical import checksum_of
from jobforge.contract.errors import JobForgeError
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import DatasetMissing, HandlerFailed, PlanStale

PRE_IMAGES = ".jobforge/pre-images"
JOURNAL = ".jobforge/journal"

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Rollout:
    """What is to be written, and how carefully."""

    recommendation_id: str
    changes: tuple[FileChange, ...]
    effects: tuple[PlannedEffect, ...]
    keeps_pre_images: bool
    keeps_artifacts: bool
    is_gradual: bool


def pre_image_path(effect: PlannedEffect) -> str:
    """Where the pre-image of an update lies, by its content."""
    return f"{PRE_IMAGES}/{(effect.before or '').removeprefix('sha256:')}"


def waves_of(items: Sequence[Item], *, is_gradual: bool) -> list[Sequence[Item]]:
    """One wave, or waves that double in size, from one on."""
    if not is_gradual:
        return [items] if items else []
    waves: list[Sequence[Item]] = []
    begin, size = 0, 1
    while begin < len(items):
        waves.append(items[begin : begin + size])
        begin, size = begin + size, size * 2
    return waves


async def write_all(rollout: Rollout, context: JobContext) -> tuple[str, ...]:
    """Write every target, wave by wave; where one fails, put back what was written.

    Gives the references of the pre-images kept as artifacts.

    Raises:
        PlanStale: a target is not as the plan saw it.
        HandlerFailed: a target is not as planned after its wave.
    """
    stored: list[str] = []
    await _note(rollout, "applying", context)
    try:
        for wave in waves_of(rollout.effects, is_gradual=rollout.is_gradual):
            for effect in wave:
                stored += await _write(rollout, effect, context)
            for effect in wave:
                await _check(effect, context)
    except JobForgeError:
        if rollout.keeps_pre_images:
            await restore(rollout.recommendation_id, rollout.effects, context, is_partial=True)
            await _note(rollout, "rolled_back", context)
        raise
    await _note(rollout, "applied", context)
    return tuple(stored)


async def _write(rollout: Rollout, effect: PlannedEffect, context: JobContext) -> list[str]:
    current = await _read(effect.target, context)
    found = None if current is None else checksum_of(current)
    if found == effect.after:
        return []
    if current is None or found != effect.before:
        raise PlanStale(f"{effect.target} changed since the plan: {effect.before} -> {found}")
    content = current
    for change in rollout.changes:
        if change.path == effect.target:
            content = new_content(change, content)
    if checksum_of(content) != effect.after:
        raise PlanStale(
            f"{effect.target} would become {checksum_of(content)}, planned was {effect.after}"
        )
    stored = await _keep_pre_image(rollout, effect, current, context)
    await context.workspace.replace(effect.target, content, expected_checksum=effect.before)
    return stored


async def _read(path: str, context: JobContext) -> bytes | None:
    try:
        return await context.workspace.read(path)
    except DatasetMissing:
        return None


async def _check(effect: PlannedEffect, context: JobContext) -> None:
    found = checksum_of(await context.workspace.read(effect.target))
    if found != effect.after:
        raise HandlerFailed(f"{effect.target} is {found}, planned was {effect.after}")


async def _keep_pre_image(
    rollout: Rollout, effect: PlannedEffect, content: bytes, context: JobContext
) -> list[str]:
    if rollout.keeps_pre_images:
        await _put(pre_image_path(effect), content, context)
    if not rollout.keeps_artifacts:
        return []
    digest = (effect.before or "").removeprefix("sha256:")[:12]
    output = await context.artifacts.put(
        f"ops-apply-{context.job.job_id}-pre-image-{digest}",
        content,
        kind="pre_image",
        mime_type="application/octet-stream",
    )
    return [output.ref]


async def _put(path: str, content: bytes, context: JobContext) -> None:
    current = await _read(path, context)
    if current != content:
        expected = None if current is None else checksum_of(current)
        await context.workspace.replace(path, content, expected_checksum=expected)


async def _note(rollout: Rollout, state: str, context: JobContext) -> None:
    """Write the journal; several attempts of a job overwrite each other's."""
    entry = {
        "job_id": str(context.job.job_id),
        "recommendation_id": rollout.recommendation_id,
        "state": state,
        "at": context.now().isoformat(),
        "targets": [
            {"target": effect.target, "before": effect.before, "after": effect.after}
            for effect in rollout.effects
        ],
    }
    text = json.dumps(entry, indent=2) + "\n"
    await _put(f"{JOURNAL}/{context.job.job_id}.json", text.encode(), context)


async def restore(
    recommendation_id: str,
    effects: Sequence[PlannedEffect],
    context: JobContext,
    *,
    is_partial: bool = False,
) -> None:
    """Put back every target that was written; what somebody else changed is left as it is.

    With `is_partial` a foreign change is no error: it is what the rollout stumbled over.

    Raises:
        PlanStale: somebody changed a target after us; all others are put back first.
        HandlerFailed: a pre-image is missing or damaged.
    """
    foreign: list[str] = []
    for effect in reversed(effects):
        current = await _read(effect.target, context)
        found = None if current is None else checksum_of(current)
        if found == effect.before:
            continue
        if found is None or found != effect.after:
            foreign.append(f"{effect.target} changed since: {effect.after} -> {found}")
            continue
        content = await _read_pre_image(recommendation_id, effect, context)
        await context.workspace.replace(effect.target, content, expected_checksum=found)
    if foreign and not is_partial:
        raise PlanStale("; ".join(foreign))


async def _read_pre_image(
    recommendation_id: str, effect: PlannedEffect, context: JobContext
) -> bytes:
    try:
        content = await context.workspace.read(pre_image_path(effect))
    except DatasetMissing:
        raise HandlerFailed(
            f"no pre-image of {effect.target} was kept ({recommendation_id})"
        ) from None
    if checksum_of(content) != effect.before:
        raise HandlerFailed(f"the pre-image of {effect.target} is damaged")
    return content
