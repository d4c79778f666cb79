"""What webhooks need: their rows, and who signs what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

DeliveryState = Literal["waiting", "delivered", "parked"]


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """An endpoint. Its secrets are sealed; no events are all of them."""

    webhook_id: UUID
    name: str
    url: str
    events: tuple[str, ...]
    sealed: bytes = field(repr=False)
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What an endpoint is or was to be told; `content` is JSON text, `answer` what it last said."""

    delivery_id: UUID
    webhook_id: UUID
    event: str
    subject: str
    happened_at: datetime
    content: str
    state: DeliveryState
    attempts: int
    next_at: datetime
    delivered_at: datetime | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One attempt: what, where to, with which sealed secrets."""

    delivery_id: UUID
    webhook_id: UUID
    event: str
    subject: str
    happened_at: datetime
    content: str
    attempts: int
    url: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryEnd:
    """How an attempt went: what becomes of the delivery."""

    state: DeliveryState
    next_at: datetime
    delivered_at: datetime | None
    answer: str


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """Where a delivery is due; whoever looks across tenants learns no more."""

    tenant_id: UUID
    delivery_id: UUID


class Sign(Protocol):
    """Signs as Standard Webhooks wants it."""

    def __call__(
        self, message_id: str, at: datetime, body: bytes, secrets: Sequence[str]
    ) -> tuple[tuple[str, str], ...]:
        """The headers; one signature for each secret."""
        ...


class WebhookTable(Protocol):
    """The current tenant's endpoints, and what they are told."""

    async def insert(self, webhook: WebhookRecord) -> None:
        """Add one; AlreadyExists where the name is taken."""
        ...

    async def find(self, name: str) -> WebhookRecord | None:
        """The endpoint of this name."""
        ...

    async def all(self) -> tuple[WebhookRecord, ...]:
        """Every endpoint, by name."""
        ...

    async def reseal(self, webhook_id: UUID, sealed: bytes) -> None:
        """Put other secrets in place."""
        ...

    async def remove(self, name: str) -> bool:
        """Forget one and all that was to be told it; False where there is none."""
        ...

    async def deliveries(self, webhook_id: UUID, limit: int) -> tuple[DeliveryRecord, ...]:
        """The newest first."""
        ...

    async def claim(
        self, delivery_id: UUID, now: datetime, until: datetime
    ) -> ClaimedDelivery | None:
        """Take one that is due, until then; None where somebody else did."""
        ...

    async def settle(self, claimed: ClaimedDelivery, end: DeliveryEnd) -> None:
        """Note how the attempt went."""
        ...

    async def replay(self, webhook_id: UUID, delivery_id: UUID, at: datetime) -> bool:
        """Deliver it anew from now on; False where there is none."""
        ...

    async def prune(self, webhook_id: UUID, before: datetime) -> None:
        """Forget some of what was delivered before."""
        ...


class WebhookUnit(Protocol):
    """The tables of webhooks, in one transaction of one tenant."""

    @property
    def webhooks(self) -> WebhookTable:
        """Its endpoints."""
        ...


class WebhookStorage(Protocol):
    """What is looked for across tenants: where something is to be told."""

    async def find_due_deliveries(self, now: datetime, limit: int) -> tuple[DueDelivery, ...]:
        """Deliveries that are due, the longest first."""
        ...
