"""Answer a repeated write as it was answered the first time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from jobforge.core.errors import IdempotencyKeyReused, InFlight
from jobforge.ports.data import SecretsBox
from jobforge.ports.records import AnswerRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock

KEPT_FOR: Final = timedelta(hours=24)
GIVEN_UP_AFTER: Final = timedelta(minutes=2)
"""Whoever worked on a request for so long without an answer was killed meanwhile."""


@dataclass(frozen=True, slots=True)
class OnceKey:
    """An Idempotency-Key of somebody, and the digest of what he asked with it."""

    tenant_id: UUID
    person: str
    key: str
    request: bytes


@dataclass(frozen=True, slots=True)
class AnswerOnce:
    """Keeps answers by their Idempotency-Key; sealed, for an answer may hold a new key."""

    storage: Storage
    box: SecretsBox
    clock: Clock

    async def begin(self, once: OnceKey) -> dict[str, Any] | None:
        """Take the key, or give the kept answer.

        Raises:
            IdempotencyKeyReused: it was used with another request.
            InFlight: the same request is being worked on.
        """
        at = self.clock.now()
        async with self.storage.transaction(once.tenant_id) as unit:
            if await unit.answers.begin(once.person, once.key, once.request, at):
                await unit.answers.prune(at - KEPT_FOR)
                return None
            known = await unit.answers.find(once.person, once.key)
            if known is None:
                raise InFlight("a request with this Idempotency-Key has just failed; send it again")
            if known.request != once.request:
                raise IdempotencyKeyReused
            if known.answer is None:
                is_given_up = at - known.started_at > GIVEN_UP_AFTER
                if is_given_up and await unit.answers.take_over(once.person, once.key, known, at):
                    return None
                raise InFlight
        return self._open(once, known)

    async def keep(self, once: OnceKey, answer: dict[str, Any]) -> None:
        """Keep the answer."""
        sealed = self.box.seal(answer, tenant_id=once.tenant_id, name=_name(once))
        async with self.storage.transaction(once.tenant_id) as unit:
            await unit.answers.keep(once.person, once.key, sealed)

    async def forget(self, once: OnceKey) -> None:
        """Free the key: the request had no effect."""
        async with self.storage.transaction(once.tenant_id) as unit:
            await unit.answers.forget(once.person, once.key)

    def _open(self, once: OnceKey, known: AnswerRecord) -> dict[str, Any]:
        return self.box.open(known.answer or b"", tenant_id=once.tenant_id, name=_name(once))


def _name(once: OnceKey) -> str:
    return f"answer {once.person} {once.key}"
