"""Changing a file of the tenant's workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import model_validator

from jobforge.autopilots.ops.change.diffs import unified_diff
from jobforge.autopilots.ops.change.file_patch import FilePatch, new_content
from jobforge.autopilots.ops.change.step import Look, Past, Reversal, compare
from jobforge.contract.canonical import checksum_of
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect, Precondition
from jobforge.core.errors import DatasetMissing, HandlerFailed, PlanStale

PRE_IMAGES = ".jobforge/pre-images"


class FileChange(FilePatch):
    """A patch on a file of the workspace.

    With the adapter `kubernetes` the file is a manifest and `resource` picks the object in it.
    """

    adapter: Literal["file", "kubernetes"]

    @model_validator(mode="after")
    def _names_what_it_means(self) -> FileChange:
        if (self.adapter == "kubernetes") != (self.resource is not None):
            raise ValueError("resource goes with the adapter kubernetes")
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """The file."""
        return (self.path,)


def predict(path: str, before: bytes, after: bytes) -> PlannedEffect:
    """The effect of writing `after` over `before`."""
    return PlannedEffect(
        target=path,
        change="update",
        before=checksum_of(before),
        after=checksum_of(after),
        diff=unified_diff(path, before, after),
        preconditions=(Precondition(source=f"file:{path}", expected=checksum_of(before)),),
    )


async def predict_files(
    changes: tuple[FileChange, ...], context: JobContext
) -> list[PlannedEffect]:
    """One effect for each file that would change, however many changes it has."""
    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}
    for change in changes:
        if change.path not in before:
            before[change.path] = after[change.path] = await context.workspace.read(change.path)
        after[change.path] = new_content(change, after[change.path])
    return [
        predict(path, content, after[path])
        for path, content in before.items()
        if after[path] != content
    ]


@dataclass(frozen=True, slots=True)
class FileStep:
    """Writes one file. Its checksum tells whether it was written, so nothing else is believed."""

    effect: PlannedEffect
    changes: tuple[FileChange, ...]
    keeps_pre_image: bool
    tells_itself: bool = True
    reversal: Reversal = "exact"

    async def look(self, past: Past, context: JobContext) -> Look:  # noqa: ARG002 (the file tells)
        """Compare its checksum."""
        content = await _read(self.effect.target, context)
        return compare(None if content is None else checksum_of(content), self.effect)

    async def prepare(self, context: JobContext) -> str:
        """Put the pre-image where taking back finds it, by its content."""
        path = pre_image_path(self.effect)
        if self.keeps_pre_image and await _read(path, context) is None:
            content = await context.workspace.read(self.effect.target)
            if checksum_of(content) == self.effect.before:
                await _put(path, content, context)
        return ""

    async def carry_out(self, context: JobContext) -> None:
        """Write exactly the planned bytes."""
        content = await context.workspace.read(self.effect.target)
        for change in self.changes:
            content = new_content(change, content)
        if checksum_of(content) != self.effect.after:
            raise PlanStale(
                f"{self.effect.target} would become {checksum_of(content)}, "
                f"planned was {self.effect.after}"
            )
        await context.workspace.replace(
            self.effect.target, content, expected_checksum=self.effect.before
        )

    async def finish(self, context: JobContext) -> None:
        """Nothing: a file is written in one piece."""

    async def take_back(self, context: JobContext) -> None:
        """Put the pre-image back, byte for byte."""
        content = await _read(pre_image_path(self.effect), context)
        if content is None:
            raise HandlerFailed(f"no pre-image of {self.effect.target} was kept")
        if checksum_of(content) != self.effect.before:
            raise HandlerFailed(f"the pre-image of {self.effect.target} is damaged")
        await context.workspace.replace(
            self.effect.target, content, expected_checksum=self.effect.after
        )


def pre_image_path(effect: PlannedEffect) -> str:
    """Where the pre-image of an update lies, by its content."""
    return f"{PRE_IMAGES}/{(effect.before or '').removeprefix('sha256:')}"


async def _read(path: str, context: JobContext) -> bytes | None:
    try:
        return await context.workspace.read(path)
    except DatasetMissing:
        return None


async def _put(path: str, content: bytes, context: JobContext) -> None:
    """Write the file; one with other content, half written by a fault of the disk, gives way."""
    try:
        await context.workspace.replace(path, content, expected_checksum=None)
    except PlanStale:
        found = checksum_of(await context.workspace.read(path))
        if found != checksum_of(content):
            await context.workspace.replace(path, content, expected_checksum=found)
