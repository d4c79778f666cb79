"""What every target of a change has in common, whatever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.targets import JournalState

Standing = Literal["before", "unfinished", "after", "changed", "unknown"]
"""Before or after the change; half of it; somebody else's; or nobody can tell."""
Reversal = Literal["exact", "not_needed", "impossible"]


@dataclass(frozen=True, slots=True)
class Look:
    """How a target stands; `found` is in the words of the effect's `before` and `after`."""

    standing: Standing
    found: str | None


@dataclass(frozen=True, slots=True)
class Past:
    """What the journal knows of one step: its last state, and what was noted when it began."""

    state: JournalState | None = None
    note: str = ""

    @property
    def is_open(self) -> bool:
        """Whether an attempt began, or began to take back, and no end is written."""
        return self.state in {"begun", "undo_begun"}


class Step(Protocol):
    """One planned effect, and how it is carried out.

    With `tells_itself` the target shows whether it was changed; otherwise the journal must.
    """

    @property
    def effect(self) -> PlannedEffect:
        """What was approved."""
        ...

    @property
    def tells_itself(self) -> bool:
        """Whether the target shows whether it was changed."""
        ...

    @property
    def reversal(self) -> Reversal:
        """How it can be taken back."""
        ...

    async def look(self, past: Past, context: JobContext) -> Look:
        """How the target stands. Nothing is written."""
        ...

    async def prepare(self, context: JobContext) -> str:
        """Keep what taking back needs, before the target is touched; the journal's note."""
        ...

    async def carry_out(self, context: JobContext) -> None:
        """Make the change, from before or from half of it."""
        ...

    async def finish(self, context: JobContext) -> None:
        """Do what may be missing where a kill came between the change and the journal's line."""
        ...

    async def take_back(self, context: JobContext) -> None:
        """Undo the change, or half of it."""
        ...


def compare(found: str | None, effect: PlannedEffect) -> Look:
    """The standing of a target that tells itself."""
    if found == effect.after:
        return Look("after", found)
    return Look("before" if found == effect.before else "changed", found)
