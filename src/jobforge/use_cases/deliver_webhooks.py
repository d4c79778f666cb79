"""Deliver to endpoints what they are to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from jobforge.contract.errors import JobForgeError
from jobforge.core.context import HttpClient, HttpRequest
from jobforge.core.errors import Unavailable
from jobforge.core.failure import to_failure
from jobforge.core.webhook import GONE, is_taken, pause_after, to_cloud_event
from jobforge.ports.data import SecretsBox
from jobforge.ports.storage import StarterStorage
from jobforge.ports.system import Clock
from jobforge.ports.webhooks import ClaimedDelivery, DeliveryEnd, DueDelivery, Sign
from jobforge.steps.webhook_secrets import open_secrets

AT_A_TIME: Final = 20
TIMEOUT: Final = timedelta(seconds=15)
LEASE: Final = timedelta(minutes=2)
"""Longer than an attempt takes; after that it belongs to whoever finds it."""
KEPT: Final = timedelta(days=30)
MAX_ANSWER: Final = 4_096
MEDIA_TYPE: Final = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class DeliverWebhooks:
    """Delivers at least once: taking a delivery is a transaction, its attempt none.

    Whoever dies in between leaves it due after the lease. `chance` gives a number in [0, 1).
    """

    storage: StarterStorage
    box: SecretsBox
    http: HttpClient
    sign: Sign
    clock: Clock
    chance: Callable[[], float]

    async def __call__(self) -> int:
        """Attempt what is due now; how much that was.

        Raises:
            Unavailable: the database does not answer.
        """
        due = await self.storage.find_due_deliveries(self.clock.now(), AT_A_TIME)
        return sum(await asyncio.gather(*(self.attempt(ref) for ref in due)))

    async def attempt(self, ref: DueDelivery) -> bool:
        """Attempt one; False where somebody else does.

        Raises:
            Unavailable: the database does not answer.
        """
        now = self.clock.now()
        async with self.storage.transaction(ref.tenant_id) as unit:
            claimed = await unit.webhooks.claim(ref.delivery_id, now, now + LEASE)
        if claimed is None:
            return False
        status, answer = await self._send(ref.tenant_id, claimed)
        end = self._end(claimed, status, answer)
        async with self.storage.transaction(ref.tenant_id) as unit:
            await unit.webhooks.settle(claimed, end)
            if end.state == "delivered":
                await unit.webhooks.prune(claimed.webhook_id, now - KEPT)
        return True

    async def _send(self, tenant_id: UUID, claimed: ClaimedDelivery) -> tuple[int | None, str]:
        """What the endpoint answered: its status, None where nothing did, and that in words."""
        body = to_cloud_event(
            delivery_id=claimed.delivery_id,
            tenant_id=tenant_id,
            event=claimed.event,
            subject=claimed.subject,
            happened_at=claimed.happened_at,
            content=claimed.content,
        )
        try:
            now = self.clock.now()
            kept = open_secrets(self.box, tenant_id, claimed.webhook_id, claimed.sealed, now)
            signed = self.sign(str(claimed.delivery_id), now, body, [one.secret for one in kept])
            request = HttpRequest(
                url=claimed.url,
                method="POST",
                headers=(("content-type", MEDIA_TYPE), *signed),
                body=body,
                timeout=TIMEOUT,
                max_bytes=MAX_ANSWER,
                follow_redirects=False,
            )
            response = await self.http.fetch(request)
        except Unavailable as error:
            return None, str(to_failure(error)["message"])
        except JobForgeError as error:
            return None, f"{error.code}: {to_failure(error)['message']}"
        return response.status, f"answered with {response.status}"

    def _end(self, claimed: ClaimedDelivery, status: int | None, answer: str) -> DeliveryEnd:
        now = self.clock.now()
        if status is not None and is_taken(status):
            return DeliveryEnd("delivered", now, now, answer)
        pause = None if status == GONE else pause_after(claimed.attempts, self.chance())
        if pause is None:
            return DeliveryEnd("parked", now, None, answer)
        return DeliveryEnd("waiting", now + pause, None, answer)
