"""Sign where the chains end: in files outside the database, and in the database beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from jobforge.core.audit import (
    ChainVerifier,
    Checkpoint,
    sign_checkpoint,
    verify_checkpoint,
)
from jobforge.core.signing import Keyring
from jobforge.ports.checkpoints import Checkpoints
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock

KEPT_VERIFIED = 8


@dataclass(frozen=True, slots=True)
class KeepCheckpoints:
    """Writes what was noted of the chains, and keeps the files short."""

    storage: Storage
    checkpoints: Checkpoints
    keyring: Keyring
    clock: Clock

    async def __call__(self) -> None:
        """Write it to the files, then to the database.

        Raises:
            Unavailable: the database does not answer; the files were written.
        """
        heads = await self.checkpoints.flush()
        await self.storage.add_checkpoints(heads)
        for head in heads:
            if head.is_due:
                await self._shorten(head.tenant_id)

    async def _shorten(self, tenant_id: UUID) -> None:
        """Put one line in the place of those that a verified piece of the chain agrees with.

        A line that is not ours, or that the chain contradicts, is evidence: then all of them stay.
        """
        opened = {
            line: checkpoint
            for line in self.checkpoints.read(tenant_id)
            if (checkpoint := verify_checkpoint(line, keyring=self.keyring)) is not None
        }
        heads = [c for c in opened.values() if c.kind == "head"]
        if not heads:
            return
        newest = max(heads, key=lambda head: head.seq)
        start = _start(opened.values(), min(head.seq for head in heads))
        if not await self._holds(tenant_id, start, heads):
            return
        verified = newest.model_copy(update={"kind": "verified", "at": self.clock.now()})
        earlier = sorted((c for c in opened.values() if c.kind == "verified"), key=lambda c: c.seq)
        dropped = (*heads, *earlier[: 1 - KEPT_VERIFIED])
        await self.checkpoints.replace(
            tenant_id,
            [line for line, checkpoint in opened.items() if checkpoint in dropped],
            sign_checkpoint(verified, keyring=self.keyring),
        )

    async def _holds(
        self, tenant_id: UUID, start: Checkpoint | None, heads: list[Checkpoint]
    ) -> bool:
        """Whether the chain leads from one signed place through all those behind it."""
        places = heads if start is None else [start, *heads]
        verifier = ChainVerifier(tenant_id, places)
        async with self.storage.snapshot(tenant_id) as unit:
            async for entry in unit.audit.entries(after=0 if start is None else start.seq):
                if not verifier.add(entry):
                    break
        return verifier.finish().is_intact


def _start(checkpoints: Iterable[Checkpoint], before: int) -> Checkpoint | None:
    """The newest place at or before `before` up to which the chain was verified already."""
    places = [c for c in checkpoints if c.kind != "head" and c.seq <= before]
    newest = max(places, key=lambda place: place.seq, default=None)
    # Verification starts after a pruning; here the entries before are only not looked at again.
    return None if newest is None else newest.model_copy(update={"kind": "pruned"})
