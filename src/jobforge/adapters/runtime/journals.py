"""`core.targets.Journal`: in the database for a started job, and closed for a plan."""

from __future__ import annotations

from jobforge.core.errors import AttemptLost, Denied
from jobforge.core.redaction import mask_text
from jobforge.core.targets import JournalEntry, JournalState
from jobforge.ports.engine import Attempt
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


class StoredJournal:
    """The journal of a job, written by one attempt, each line in a transaction of its own."""

    def __init__(self, storage: Storage, clock: Clock, attempt: Attempt) -> None:
        self._storage = storage
        self._clock = clock
        self._attempt = attempt

    async def entries(self) -> tuple[JournalEntry, ...]:
        """Every line of this job, oldest first."""
        ref = self._attempt.ref
        async with self._storage.transaction(ref.tenant_id) as unit:
            rows = await unit.journal.of_job(ref.job_id)
        return tuple(
            JournalEntry.model_validate(
                {"step": r.step, "state": r.state, "note": r.note, "attempt": r.attempt, "at": r.at}
            )
            for r in rows
        )

    async def write(self, step: int | None, state: JournalState, note: str = "") -> None:
        """Add a line.

        Raises:
            AttemptLost: another attempt holds the job by now.
        """
        ref, number = self._attempt.ref, self._attempt.number
        async with self._storage.transaction(ref.tenant_id) as unit:
            is_held = await unit.journal.write(
                ref.job_id, number, step, state, mask_text(note), self._clock.now()
            )
        if not is_held:
            raise AttemptLost(f"attempt {number} of job {ref.job_id} is not the current one")


class NoJournal:
    """The journal of a plan: nothing was begun, and nothing may be."""

    async def entries(self) -> tuple[JournalEntry, ...]:
        """None."""
        return ()

    async def write(self, step: int | None, state: JournalState, note: str = "") -> None:  # noqa: ARG002 (the port's signature)
        """Refuse.

        Raises:
            Denied: always.
        """
        raise Denied(f"a plan changes nothing, and would begin step {step}")
