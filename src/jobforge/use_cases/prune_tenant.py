"""Remove what is older than a tenant's rules allow: in batches, and the log behind a proof only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from jobforge.core.actor import Actor
from jobforge.core.audit import (
    AuditEntry,
    ChainVerifier,
    Checkpoint,
    sign_checkpoint,
    verify_checkpoint,
)
from jobforge.core.errors import Conflict
from jobforge.core.signing import Keyring
from jobforge.ports.checkpoints import Checkpoints
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock
from jobforge.steps.keep_checkpoints import KeepCheckpoints

BATCH = 20
"""Runs at a time: each batch is a short transaction that keeps nobody waiting."""

ARTIFACT_BATCH = 500


@dataclass(slots=True)
class Pruned:
    """How many of what were removed."""

    runs: int = 0
    jobs: int = 0
    keys: int = 0
    plans: int = 0
    artifacts: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class PruneTenant:
    """Removes a tenant's past."""

    storage: Storage
    checkpoints: Checkpoints
    keep_checkpoints: KeepCheckpoints
    keyring: Keyring
    clock: Clock
    batch: int = field(default=BATCH)

    async def __call__(self, tenant: TenantRecord, actor: Actor) -> Pruned:
        """Remove what the tenant's rules do not keep.

        Raises:
            Conflict: the audit chain does not hold, so that nothing of it is removed.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            rules = {rule.kind: rule.days for rule in await unit.housekeeping.rules()}
        now, pruned = self.clock.now(), Pruned()
        if "runs" in rules:
            await self._prune_runs(tenant.tenant_id, now - timedelta(days=rules["runs"]), pruned)
        if "artifacts" in rules:
            before = now - timedelta(days=rules["artifacts"])
            await self._prune_artifacts(tenant.tenant_id, before, pruned)
        if any(asdict(pruned).values()):
            await self._tell(tenant, actor, pruned)
        if "audit" in rules:
            before = now - timedelta(days=rules["audit"])
            pruned.entries = await self._prune_audit(tenant.tenant_id, before)
        return pruned

    async def _prune_runs(self, tenant_id: UUID, before: datetime, pruned: Pruned) -> None:
        while True:
            async with self.storage.transaction(tenant_id) as unit:
                runs, jobs = await unit.housekeeping.prune_runs(before, self.batch)
            pruned.runs += runs
            pruned.jobs += jobs
            if runs < self.batch:
                break
        if pruned.runs:
            async with self.storage.transaction(tenant_id) as unit:
                pruned.keys, pruned.plans = await unit.housekeeping.prune_leftovers(before)

    async def _prune_artifacts(self, tenant_id: UUID, before: datetime, pruned: Pruned) -> None:
        while True:
            async with self.storage.transaction(tenant_id) as unit:
                removed = await unit.housekeeping.prune_artifacts(before, ARTIFACT_BATCH)
            pruned.artifacts += removed
            if removed < ARTIFACT_BATCH:
                return

    async def _prune_audit(self, tenant_id: UUID, before: datetime) -> int:
        """Verify, sign where the chain is cut, in the files first; then remove what is older."""
        await self.keep_checkpoints()
        async with self.storage.snapshot(tenant_id) as unit:
            until = await unit.housekeeping.last_entry(before)
            head = await unit.audit.head()
            # The newest entry stays, so that a chain is never empty and its head is a row.
            until = min(until, head.seq - 1)
        if until < 1:
            return 0
        signed, outdated = await self._prove(tenant_id, until)
        await self.checkpoints.replace(tenant_id, outdated, signed)
        async with self.storage.transaction(tenant_id) as unit:
            await unit.audit.add_checkpoint(until, signed, "pruned")
            return await unit.housekeeping.prune_audit(until)

    async def _prove(self, tenant_id: UUID, until: int) -> tuple[str, list[str]]:
        """A signed pruning at this entry, and the lines of the file that it makes worthless."""
        opened = {
            line: checkpoint
            for line in self.checkpoints.read(tenant_id)
            if (checkpoint := verify_checkpoint(line, keyring=self.keyring)) is not None
        }
        verifier = ChainVerifier(tenant_id, opened.values())
        place = b""
        async with self.storage.snapshot(tenant_id) as unit:
            async for entry in unit.audit.entries():
                if not verifier.add(entry):
                    break
                place = entry.hash if entry.seq == until else place
        verdict = verifier.finish()
        if not verdict.is_intact or not place:
            raise Conflict(
                f"the audit log is not pruned, since it does not hold: {verdict.message}",
                hint="jobforge audit verify",
            )
        pruning = Checkpoint(
            tenant_id=tenant_id, seq=until, hash=place.hex(), at=self.clock.now(), kind="pruned"
        )
        outdated = [line for line, checkpoint in opened.items() if checkpoint.seq <= until]
        return sign_checkpoint(pruning, keyring=self.keyring), outdated

    async def _tell(self, tenant: TenantRecord, actor: Actor, pruned: Pruned) -> None:
        counts = {name: count for name, count in asdict(pruned).items() if count}
        entry = AuditEntry(
            tenant_id=tenant.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event="retention.pruned",
            subject=f"tenant:{tenant.slug}",
            details=counts,
        )
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await unit.audit.append([entry])
