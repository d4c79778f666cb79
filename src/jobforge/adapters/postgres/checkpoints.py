"""Checkpoints of the audit chains, signed and kept in files outside the database.

A chain that lost its tail still verifies by itself; only someone who remembers its length can
tell. These files remember.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from jobforge.core.audit import Checkpoint, sign_checkpoint
from jobforge.core.signing import Keyring
from jobforge.ports.records import AuditHead
from jobforge.ports.system import Clock

_PARTS = 3
_SIGNATURE_CHARS = 43
"""Of HS256, in base64url."""


class CheckpointFiles:
    """One file of signed lines per tenant. `note` is cheap; `flush` writes and syncs."""

    def __init__(self, folder: Path, keyring: Keyring, clock: Clock) -> None:
        self._folder = folder
        self._keyring = keyring
        self._clock = clock
        self._pending: dict[UUID, AuditHead] = {}
        self._lock = threading.Lock()

    def note(self, heads: Mapping[UUID, AuditHead]) -> None:
        """Remember the newest heads until the next flush."""
        with self._lock:
            for tenant_id, head in heads.items():
                known = self._pending.get(tenant_id)
                if known is None or known.seq < head.seq:
                    self._pending[tenant_id] = head

    def flush(self) -> None:
        """Sign and append what was noted."""
        with self._lock:
            pending, self._pending = self._pending, {}
        for tenant_id, head in pending.items():
            self._append(tenant_id, head)

    def read(self, tenant_id: UUID) -> tuple[str, ...]:
        """The signed lines of a tenant, oldest first; none that a power cut left unfinished."""
        path = self._path(tenant_id)
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return tuple(line.strip() for line in lines if _is_whole(line))

    def _append(self, tenant_id: UUID, head: AuditHead) -> None:
        checkpoint = Checkpoint(
            tenant_id=tenant_id, seq=head.seq, hash=head.hash.hex(), at=self._clock.now()
        )
        line = sign_checkpoint(checkpoint, keyring=self._keyring)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(tenant_id)
        with path.open("a") as file:
            path.chmod(0o600)
            # An empty line first, in case the last one was never finished.
            file.write(f"\n{line}\n")
            file.flush()
            os.fsync(file.fileno())

    def _path(self, tenant_id: UUID) -> Path:
        return self._folder / f"{tenant_id}.jws"

    def tenants(self) -> tuple[UUID, ...]:
        """Every tenant that has lines, sorted."""
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(UUID(path.stem) for path in self._folder.glob("*.jws")))


def _is_whole(line: str) -> bool:
    """Whether the line was written to its end: three parts, of which the last is a signature."""
    parts = line.split(".")
    return len(parts) == _PARTS and len(parts[-1].strip()) == _SIGNATURE_CHARS
