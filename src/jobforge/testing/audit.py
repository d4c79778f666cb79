"""Audit entries and chains for tests, and what someone with write access could do to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from jobforge.core.audit import (
    GENESIS_HASH,
    AuditEntry,
    ChainedEntry,
    Checkpoint,
    chain,
    chain_block,
    stored_body_digest,
)

TENANT_ID = UUID("11111111-1111-4111-8111-111111111111")
AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def make_entry(number: int, tenant_id: UUID = TENANT_ID) -> AuditEntry:
    """Entry `number` of a chain, a second after the one before."""
    return AuditEntry(
        tenant_id=tenant_id,
        at=AT + timedelta(seconds=number),
        actor="ada",
        event="job.executed",
        subject=f"job:{number}",
        details={"number": number},
    )


def make_chain(length: int = 6, tenant_id: UUID = TENANT_ID) -> list[ChainedEntry]:
    """A sound chain."""
    entries = [make_entry(number, tenant_id) for number in range(1, length + 1)]
    return list(chain_block(GENESIS_HASH, 0, entries))


def rehash(entry: ChainedEntry, prev_hash: bytes | None = None) -> ChainedEntry:
    """The entry with the hash of what it now says, after `prev_hash` or what it had before."""
    prev = entry.prev_hash if prev_hash is None else prev_hash
    moved = replace(entry, prev_hash=prev)
    return replace(moved, hash=chain(prev, moved.seq, stored_body_digest(moved)))


def rebuild(entries: list[ChainedEntry], start: int) -> list[ChainedEntry]:
    """Write the chain anew from index `start`, as someone who knows the format could."""
    rebuilt = entries[:start]
    for seq, entry in enumerate(entries[start:], start=start + 1):
        prev = rebuilt[-1].hash if rebuilt else GENESIS_HASH
        rebuilt.append(rehash(replace(entry, seq=seq), prev))
    return rebuilt


def checkpoint_at(entry: ChainedEntry, *, is_pruning: bool = False) -> Checkpoint:
    """A checkpoint at this entry."""
    return Checkpoint(
        tenant_id=entry.tenant_id,
        seq=entry.seq,
        hash=entry.hash.hex(),
        at=AT,
        kind="pruned" if is_pruning else "head",
    )
