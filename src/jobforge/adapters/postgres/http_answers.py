"""Answers kept for requests that come again with their Idempotency-Key."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.records import AnswerRecord

QUERIES = load_queries("http_answers")


class AnswerRows:
    """`AnswerTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def begin(self, person: str, key: str, request: bytes, at: datetime) -> bool:
        """Take the key for this request; False where it was taken before."""
        row = await self._connection.fetchrow(
            QUERIES.begin_answer, self._tenant_id, person, key, request, at
        )
        return row is not None

    async def take_over(self, person: str, key: str, known: AnswerRecord, at: datetime) -> bool:
        """Take the key from a worker that is gone; False where somebody was faster."""
        row = await self._connection.fetchrow(
            QUERIES.take_over_answer,
            self._tenant_id,
            person,
            key,
            known.request,
            at,
            known.started_at,
        )
        return row is not None

    async def find(self, person: str, key: str) -> AnswerRecord | None:
        """What is known of the key."""
        row = await self._connection.fetchrow(QUERIES.find_answer, self._tenant_id, person, key)
        return None if row is None else to_record(AnswerRecord, row)

    async def keep(self, person: str, key: str, answer: bytes) -> None:
        """Keep the sealed answer."""
        await self._connection.execute(QUERIES.keep_answer, self._tenant_id, person, key, answer)

    async def forget(self, person: str, key: str) -> None:
        """Free the key."""
        await self._connection.execute(QUERIES.forget_answer, self._tenant_id, person, key)

    async def prune(self, before: datetime) -> None:
        """Forget some of what is older."""
        await self._connection.execute(QUERIES.prune_answers, self._tenant_id, before)
