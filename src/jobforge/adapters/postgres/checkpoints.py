"""Checkpoints of the audit chains, signed and kept in files outside the database.

A chain that lost its tail still verifies by itself; only someone who remembers its length can
tell. These files remember.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from jobforge.core.audit import Checkpoint, sign_checkpoint
from jobforge.core.signing import Keyring
from jobforge.ports.checkpoints import SignedHead
from jobforge.ports.records import AuditHead
from jobforge.ports.system import Clock

_PARTS = 3
_SIGNATURE_CHARS = 43
"""Of HS256, in base64url."""
LONG_BYTES = 64 * 1024
"""At each multiple of it, a file is due to be shortened: after some 190 lines."""


class CheckpointFiles:
    """`Checkpoints` in one file of lines per tenant. `note` is cheap; `flush` writes and syncs."""

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

    async def flush(self) -> tuple[SignedHead, ...]:
        """Sign and append what was noted since the last flush; what was appended."""
        return await asyncio.to_thread(self._flush)

    def _flush(self) -> tuple[SignedHead, ...]:
        with self._lock:
            pending, self._pending = self._pending, {}
        return tuple([self._append(tenant_id, head) for tenant_id, head in pending.items()])

    def read(self, tenant_id: UUID) -> tuple[str, ...]:
        """The signed lines of a tenant, oldest first; none that a power cut left unfinished."""
        path = self._path(tenant_id)
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return tuple(line.strip() for line in lines if _is_whole(line))

    async def replace(self, tenant_id: UUID, dropped: Collection[str], added: str) -> None:
        """Put one line in the place of others; what else was written meanwhile stays."""
        await asyncio.to_thread(self._replace, tenant_id, set(dropped), added)

    def _replace(self, tenant_id: UUID, dropped: set[str], added: str) -> None:
        path = self._path(tenant_id)
        with self._locked():
            kept = [line for line in self.read(tenant_id) if line not in dropped]
            shorter = path.with_suffix(".new")
            with shorter.open("w") as file:
                shorter.chmod(0o600)
                file.writelines(f"{line}\n" for line in (added, *kept))
                file.flush()
                os.fsync(file.fileno())
            shorter.replace(path)

    def _append(self, tenant_id: UUID, head: AuditHead) -> SignedHead:
        checkpoint = Checkpoint(
            tenant_id=tenant_id, seq=head.seq, hash=head.hash.hex(), at=self._clock.now()
        )
        line = sign_checkpoint(checkpoint, keyring=self._keyring)
        path = self._path(tenant_id)
        with self._locked(), path.open("a") as file:
            path.chmod(0o600)
            before = file.tell()
            # An empty line first, in case the last one was never finished.
            file.write(f"\n{line}\n")
            file.flush()
            os.fsync(file.fileno())
            is_due = before // LONG_BYTES < file.tell() // LONG_BYTES
        return SignedHead(tenant_id, head.seq, line, is_due)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from writing: a line appended to a file being replaced is lost."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

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
