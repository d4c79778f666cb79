"""Checkpoints of the audit chains, signed and kept in files outside the database.

A chain that lost its tail still verifies by itself; only someone who remembers its length can
tell. These files remember.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from jobforge.core.audit import Checkpoint, sign_checkpoint
from jobforge.core.signing import Keyring
from jobforge.ports.records import AuditHead
from jobforge.ports.system import Clock

_KEEP_LINES = 200


class CheckpointFiles:
    """One file of signed lines per tenant. `note` is cheap; `flush` writes and syncs."""

    def __init__(self, folder: Path, keyring: Keyring, clock: Clock) -> None:
        self._folder = folder
        self._keyring = keyring
        self._clock = clock
        self._pending: dict[UUID, AuditHead] = {}

    def note(self, heads: Mapping[UUID, AuditHead]) -> None:
        """Remember the newest heads until the next flush."""
        for tenant_id, head in heads.items():
            known = self._pending.get(tenant_id)
            if known is None or known.seq < head.seq:
                self._pending[tenant_id] = head

    def flush(self) -> None:
        """Sign and append what was noted."""
        pending, self._pending = self._pending, {}
        for tenant_id, head in pending.items():
            self._append(tenant_id, head)

    def read(self, tenant_id: UUID) -> tuple[str, ...]:
        """The signed lines of a tenant, oldest first."""
        path = self._path(tenant_id)
        return tuple(path.read_text().split()) if path.exists() else ()

    def _append(self, tenant_id: UUID, head: AuditHead) -> None:
        checkpoint = Checkpoint(
            tenant_id=tenant_id, seq=head.seq, hash=head.hash.hex(), at=self._clock.now()
        )
        line = sign_checkpoint(checkpoint, keyring=self._keyring)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(tenant_id)
        with path.open("a") as file:
            path.chmod(0o600)
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _path(self, tenant_id: UUID) -> Path:
        return self._folder / f"{tenant_id}.jws"

    def tenants(self) -> tuple[UUID, ...]:
        """Every tenant that has lines, sorted."""
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(UUID(path.stem) for path in self._folder.glob("*.jws")))
