"""Artifacts in the database, in chunks, by tenant and content."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.contract.canonical import checksum_of
from jobforge.core.errors import InvalidInput
from jobforge.ports.records import ArtifactRecord

QUERIES = load_queries("artifacts")
CHUNK_BYTES = 1_048_576
MAX_BYTES = 64 * 1_048_576


class ArtifactRows:
    """`ArtifactTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def put(self, content: bytes, mime_type: str, at: datetime) -> str:
        """Store the bytes, once.

        Raises:
            InvalidInput: above 64 MiB, which a database should not hold.
        """
        if len(content) > MAX_BYTES:
            raise InvalidInput(f"an artifact may have {MAX_BYTES} bytes; this has {len(content)}")
        checksum = checksum_of(content)
        chunks = [
            content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)
        ]
        await self._connection.execute(
            QUERIES.insert_artifact,
            self._tenant_id,
            checksum,
            len(content),
            mime_type,
            at,
            chunks,
        )
        return checksum

    async def find(self, checksum: str) -> ArtifactRecord | None:
        """The artifact of this checksum."""
        row = await self._connection.fetchrow(QUERIES.find_artifact, self._tenant_id, checksum)
        return None if row is None else to_record(ArtifactRecord, row)

    async def content(self, checksum: str) -> bytes | None:
        """Its bytes."""
        if await self.find(checksum) is None:
            return None
        rows = await self._connection.fetch(QUERIES.artifact_chunks, self._tenant_id, checksum)
        return b"".join(row["content"] for row in rows)

    async def part(self, checksum: str, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`, the latter exclusive; only their pieces are read."""
        first, last = start // CHUNK_BYTES, max(start, end - 1) // CHUNK_BYTES
        rows = await self._connection.fetch(
            QUERIES.artifact_part, self._tenant_id, checksum, first, last
        )
        skipped = first * CHUNK_BYTES
        return b"".join(row["content"] for row in rows)[start - skipped : end - skipped]
