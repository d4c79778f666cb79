"""Verify the audit chains against themselves and against what was signed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from jobforge.core.audit import (
    GENESIS_HASH,
    ChainEnd,
    ChainVerdict,
    ChainVerifier,
    verify_checkpoint,
)
from jobforge.core.controls import INSTALLATION
from jobforge.core.errors import Missing
from jobforge.core.signing import Keyring
from jobforge.ports.checkpoints import Checkpoints
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.steps.keep_checkpoints import KeepCheckpoints


@dataclass(frozen=True, slots=True)
class VerifyAudit:
    """Verifies chains."""

    storage: Storage
    checkpoints: Checkpoints
    keep_checkpoints: KeepCheckpoints
    keyring: Keyring

    async def __call__(self, tenant: TenantRecord | None = None) -> tuple[ChainVerdict, ...]:
        """One verdict a chain; every chain, the installation's too, where no tenant is given.

        A tenant that only the files outside the database remember counts as a chain cut to
        nothing.
        """
        await self.keep_checkpoints()
        if tenant is not None:
            return (await self._verify(tenant.tenant_id),)
        known = {listing.tenant_id for listing in await self.storage.list_tenants()}
        every = sorted(known | {INSTALLATION} | set(self.checkpoints.tenants()))
        verdicts = [await self._verify(tenant_id) for tenant_id in every]
        return tuple(verdict for verdict in verdicts if not _is_unused(verdict))

    async def _verify(self, tenant_id: UUID) -> ChainVerdict:
        # The files first: what was signed by now is in the database by then. Head and entries are
        # of one moment, or an entry appended in between would look like one too many.
        lines = self.checkpoints.read(tenant_id)
        async with self.storage.snapshot(tenant_id) as unit:
            signed = (*lines, *await unit.audit.checkpoints())
            opened = [verify_checkpoint(line, keyring=self.keyring) for line in signed]
            known = [checkpoint for checkpoint in opened if checkpoint is not None]
            verifier = ChainVerifier(tenant_id, known, unsigned=len(opened) - len(known))
            try:
                head = await unit.audit.head()
                end = ChainEnd(head.seq, head.hash)
            except Missing:
                # Without a head there must be no entry either.
                end = ChainEnd(0, GENESIS_HASH)
            async for entry in unit.audit.entries():
                if not verifier.add(entry):
                    break
        return verifier.finish(end)


def _is_unused(verdict: ChainVerdict) -> bool:
    """Whether it says nothing: no operator has acted on the whole installation yet."""
    is_empty = verdict.is_intact and verdict.entries == 0
    return is_empty and verdict.tenant_id == INSTALLATION
