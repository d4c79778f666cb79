"""Changing files on a branch of a git repository, and pushing the branch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator

from jobforge.autopilots.ops.change.diffs import unified_diff
from jobforge.autopilots.ops.change.file_patch import FilePatch, new_content
from jobforge.autopilots.ops.change.step import Look, Past, Reversal
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect, Precondition
from jobforge.core.errors import DatasetMissing, PayloadInvalid, PlanStale
from jobforge.core.model import Model
from jobforge.core.targets import CommitDraft

MAX_FILES = 200
TRAILER = "JobForge-Recommendation"
JOB_TRAILER = "JobForge-Job"

# Source: git-check-ref-format(1), without the characters that need quoting somewhere.
_BRANCH = re.compile(r"(?!.*(\.\.|//|/\.|\.lock(/|$)))[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}(?<![./])")


class GitChange(Model):
    """Patches on files of a repository, as one commit on a branch.

    An existing branch gets the commit on top; a new one starts at `base`. `push` names a git
    connection that the branch goes to afterwards.
    """

    adapter: Literal["git"]
    repository: str = Field(min_length=1, max_length=1024, description="Below the tenant's folder.")
    branch: str = Field(max_length=200)
    base: str = Field(default="HEAD", max_length=200, description="Where a new branch starts.")
    message: str = Field(min_length=1, max_length=4000)
    files: tuple[FilePatch, ...] = Field(min_length=1, max_length=MAX_FILES)
    push: str | None = Field(default=None, min_length=1, max_length=256)

    @field_validator("branch", "base")
    @classmethod
    def _is_a_branch(cls, name: str) -> str:
        if not _BRANCH.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a branch")
        return name

    @property
    def place(self) -> str:
        """The branch as a target."""
        return f"git:{self.repository}#{self.branch}"

    @property
    def targets(self) -> tuple[str, ...]:
        """The branch here, and there."""
        return (self.place, *([f"push:{self.push}#{self.branch}"] if self.push else []))


async def predict_git(change: GitChange, context: JobContext) -> list[PlannedEffect]:
    """The branch's move, and the remote's; nothing where the files are as wanted already.

    Raises:
        DatasetMissing: there is no such repository or file.
        PayloadInvalid: neither branch nor base exists, or the remote's branch went elsewhere.
    """
    head = await context.repositories.find(change.repository, change.branch)
    parent = head or await context.repositories.find(change.repository, change.base)
    if parent is None:
        raise PayloadInvalid(
            f"{change.repository} has neither {change.branch} nor {change.base}",
            pointer="/change/base",
        )
    before, after = await _contents(change, parent, context)
    changed = {path: content for path, content in after.items() if content != before[path]}
    if not changed:
        return []
    tree = await context.repositories.tree_with(change.repository, parent, changed)
    start = Precondition(source=f"git:{change.repository}#parent", expected=parent)
    diff = "\n".join(unified_diff(path, before[path], new) for path, new in changed.items())
    moves = [(change.place, head)]
    if change.push is not None:
        moves.append((change.targets[1], await _remote_head(change, change.push, parent, context)))
    return [
        PlannedEffect(
            target=target, change="create" if old is None else "update", before=old,
            after=f"tree:{tree}", diff=diff if target == change.place else "",
            preconditions=(start,),
        )
        for target, old in moves
    ]  # fmt: skip


async def _contents(
    change: GitChange, parent: str, context: JobContext
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}
    for patch in change.files:
        if patch.path not in before:
            content = await context.repositories.read(change.repository, parent, patch.path)
            before[patch.path] = after[patch.path] = content
        after[patch.path] = new_content(patch, after[patch.path])
    return before, after


async def _remote_head(
    change: GitChange, connection: str, parent: str, context: JobContext
) -> str | None:
    found = await context.repositories.find_remote(change.repository, connection, change.branch)
    if found not in {None, parent}:
        raise PayloadInvalid(
            f"{connection} has {change.branch} at {found}, here it builds on {parent}: fetch first",
            pointer="/change/push",
        )
    return found


def _parent(effect: PlannedEffect) -> str:
    return effect.preconditions[0].expected


async def _is_ours(
    change: GitChange, effect: PlannedEffect, recommendation: str, commit: str, context: JobContext
) -> bool:
    """Whether a commit is the planned one: its tree, its parent and our trailer."""
    try:
        found = await context.repositories.describe(change.repository, commit)
    except DatasetMissing:
        return False
    return (
        f"tree:{found.tree}" == effect.after
        and found.parents == (_parent(effect),)
        and f"{TRAILER}: {recommendation}" in found.message.splitlines()
    )


@dataclass(frozen=True, slots=True)
class BranchStep:
    """Commits and moves the branch. The branch's head tells whether it was done."""

    effect: PlannedEffect
    change: GitChange
    recommendation_id: str
    tells_itself: bool = True
    reversal: Reversal = "exact"

    async def look(self, past: Past, context: JobContext) -> Look:  # noqa: ARG002 (the branch tells)
        """See where the branch is; a new one's base must still be where the plan saw it."""
        change, effect = self.change, self.effect
        head = await context.repositories.find(change.repository, change.branch)
        if head == effect.before:
            start = head or await context.repositories.find(change.repository, change.base)
            return Look("before" if start == _parent(effect) else "changed", start)
        if head and await _is_ours(change, effect, self.recommendation_id, head, context):
            return Look("after", effect.after)
        return Look("changed", head)

    async def prepare(self, context: JobContext) -> str:  # noqa: ARG002 (git keeps the parent)
        """Nothing: the parent is the pre-image."""
        return ""

    async def carry_out(self, context: JobContext) -> None:
        """Make the commit, then move the branch in one step."""
        change, parent = self.change, _parent(self.effect)
        _, after = await _contents(change, parent, context)
        draft = CommitDraft(
            parent=parent,
            files=tuple(after.items()),
            message=(
                f"{change.message.rstrip()}\n\n{TRAILER}: {self.recommendation_id}\n"
                f"{JOB_TRAILER}: {context.job.job_id}\n"
            ),
            at=context.now(),
        )
        commit = await context.repositories.commit(change.repository, draft)
        if f"tree:{(await context.repositories.describe(change.repository, commit)).tree}" != (
            self.effect.after
        ):
            raise PlanStale(f"{self.effect.target} would not become {self.effect.after}")
        await context.repositories.move(
            change.repository, change.branch, old=self.effect.before, new=commit
        )

    async def finish(self, context: JobContext) -> None:
        """Nothing: a branch moves in one piece."""

    async def take_back(self, context: JobContext) -> None:
        """Move the branch to where it was, or delete it."""
        repository, branch = self.change.repository, self.change.branch
        head = await context.repositories.find(repository, branch)
        await context.repositories.move(repository, branch, old=head, new=self.effect.before)


@dataclass(frozen=True, slots=True)
class PushStep:
    """Moves the remote's branch to the commit made here, with a lease on where it was."""

    effect: PlannedEffect
    change: GitChange
    connection: str
    recommendation_id: str
    tells_itself: bool = True
    reversal: Reversal = "exact"

    async def look(self, past: Past, context: JobContext) -> Look:  # noqa: ARG002 (the remote tells)
        """Ask the remote where its branch is."""
        change = self.change
        there = await context.repositories.find_remote(
            change.repository, self.connection, change.branch
        )
        if there == self.effect.before:
            return Look("before", there)
        here = await context.repositories.find(change.repository, change.branch)
        is_ours = here == there and here is not None
        if is_ours and await _is_ours(
            change, self.effect, self.recommendation_id, str(here), context
        ):
            return Look("after", self.effect.after)
        return Look("changed", there)

    async def prepare(self, context: JobContext) -> str:  # noqa: ARG002 (git keeps the parent)
        """Nothing: the effect says where the branch was."""
        return ""

    async def carry_out(self, context: JobContext) -> None:
        """Push the branch's commit."""
        change = self.change
        new = await context.repositories.find(change.repository, change.branch)
        await context.repositories.push(
            change.repository, self.connection, change.branch, old=self.effect.before, new=new
        )

    async def finish(self, context: JobContext) -> None:
        """Nothing: the remote moves its branch in one piece."""

    async def take_back(self, context: JobContext) -> None:
        """Move the remote's branch to where it was; who fetched meanwhile keeps the commit."""
        change = self.change
        head = await context.repositories.find_remote(
            change.repository, self.connection, change.branch
        )
        await context.repositories.push(
            change.repository, self.connection, change.branch, old=head, new=self.effect.before
        )
