"""The journal as a rollout uses it: read once, then kept in step with what is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobforge.autopilots.ops.change.step import Past
from jobforge.core.context import JobContext
from jobforge.core.targets import Journal, JournalState


@dataclass
class Log:
    """What the journal knows. Only one attempt writes at a time, so reading once is enough.

    `open_rollback` is why an attempt began to take back, where it did not end that.
    """

    journal: Journal
    usual: Past
    open_rollback: str | None = None
    has_rolled_back: bool = False
    steps: dict[int, Past] = field(default_factory=dict)

    @classmethod
    async def read(cls, context: JobContext, *, is_done_elsewhere: bool = False) -> Log:
        """Read the journal; with `is_done_elsewhere` another job's has every step as done."""
        log = cls(context.journal, Past("done") if is_done_elsewhere else Past())
        for entry in await context.journal.entries():
            log._take(entry.step, entry.state, entry.note)
        return log

    def past(self, number: int) -> Past:
        """What is known of a step."""
        return self.steps.get(number, self.usual)

    async def write(self, step: int | None, state: JournalState, note: str = "") -> None:
        """Add a line, durable before this returns."""
        await self.journal.write(step, state, note)
        self._take(step, state, note)

    def _take(self, step: int | None, state: JournalState, note: str) -> None:
        if step is not None and state != "needs_person":
            begun = note if state == "begun" else self.past(step).note
            self.steps[step] = Past(state, begun)
        elif state == "rolling_back":
            self.open_rollback = note
        elif state == "rolled_back":
            self.open_rollback, self.has_rolled_back = None, True
