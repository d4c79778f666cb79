"""`/v1/webhooks`: endpoints of the tenant that are told of decisions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body, Name, NamePath
from jobforge.entrypoints.http.openapi import READ, READ_ONE, WRITE
from jobforge.entrypoints.http.paging import Limit
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.webhooks import DeliveryRecord, DeliveryState, WebhookRecord
from jobforge.use_cases.keep_webhooks import MAX_GRACE, CreatedWebhook

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=ApiRoute)

Reader = Annotated[Caller, permit(Command.WEBHOOK_READ)]
Writer = Annotated[Caller, permit(Command.WEBHOOK_CHANGE)]
EventName = Literal[
    "approval.requested", "approval.decided", "break_glass.used", "run.finished", "switch.turned"
]


class WebhookView(BaseModel):
    """A webhook, without its secret; no events are all of them."""

    id: UUID
    name: str
    url: str
    events: list[str]
    created_by: str
    created_at: datetime


class NewWebhookView(WebhookView):
    """A webhook with a new secret; it is shown once."""

    secret: str


class WebhookList(BaseModel):
    """The tenant's webhooks, by name."""

    items: list[WebhookView]


class WebhookBody(Body):
    """A new webhook: where to, and of what; without events, of all."""

    name: Name
    url: str = Field(min_length=1, max_length=2_048, examples=["https://hooks.example/jobforge"])
    events: list[EventName] = Field(default_factory=list, max_length=20)


class RotateSecretBody(Body):
    """How long messages carry the old secret's signature, too."""

    grace_seconds: int = Field(default=86_400, ge=0, le=int(MAX_GRACE.total_seconds()))


class DeliveryView(BaseModel):
    """What a webhook is or was to be told, and how it went."""

    id: UUID
    event: str
    subject: str
    happened_at: datetime
    state: DeliveryState
    attempts: int
    next_at: datetime
    delivered_at: datetime | None
    answer: str | None


class DeliveryList(BaseModel):
    """The newest deliveries first."""

    items: list[DeliveryView]


class Replayed(BaseModel):
    """That it is delivered anew."""

    id: UUID
    state: DeliveryState


@router.get("", responses=READ, operation_id="list_webhooks")
async def list_webhooks(app: App, caller: Reader) -> WebhookList:
    """List the tenant's webhooks, without their secrets."""
    found = await app.webhooks.all(caller.tenant)
    return WebhookList(items=[WebhookView(**_facts(webhook)) for webhook in found])


@router.post("", status_code=201, responses=WRITE, operation_id="add_webhook")
async def add(app: App, caller: Writer, body: WebhookBody) -> NewWebhookView:
    """Add a webhook. Its secret is shown once; messages are signed with it."""
    return _to_new(
        await app.webhooks.add(body.name, body.url, body.events, caller.tenant, caller.actor)
    )


@router.get("/{name}", responses=READ_ONE, operation_id="show_webhook")
async def show(app: App, caller: Reader, name: NamePath) -> WebhookView:
    """Show a webhook, without its secret."""
    return WebhookView(**_facts(await app.webhooks.show(name, caller.tenant)))


@router.post("/{name}/rotate", responses=WRITE, operation_id="rotate_webhook")
async def rotate(
    app: App, caller: Writer, name: NamePath, body: RotateSecretBody
) -> NewWebhookView:
    """Give a webhook another secret. Messages carry both signatures until the grace is over."""
    grace = timedelta(seconds=body.grace_seconds)
    return _to_new(await app.webhooks.rotate(name, caller.tenant, caller.actor, grace=grace))


@router.delete("/{name}", status_code=204, responses=WRITE, operation_id="remove_webhook")
async def remove(app: App, caller: Writer, name: NamePath) -> Response:
    """Forget a webhook, and all that was to be told it."""
    await app.webhooks.remove(name, caller.tenant, caller.actor)
    return Response(status_code=204)


@router.get("/{name}/deliveries", responses=READ_ONE, operation_id="list_deliveries")
async def list_deliveries(
    app: App, caller: Reader, name: NamePath, limit: Limit = 50
) -> DeliveryList:
    """List what a webhook is or was to be told, the newest first."""
    found = await app.webhooks.deliveries(name, caller.tenant, limit)
    return DeliveryList(items=[_to_delivery(delivery) for delivery in found])


@router.post(
    "/{name}/deliveries/{delivery_id}/replay", responses=WRITE, operation_id="replay_delivery"
)
async def replay(
    app: App,
    caller: Writer,
    name: NamePath,
    delivery_id: Annotated[UUID, Path(description="The delivery's id.")],
) -> Replayed:
    """Deliver something anew from now on, whatever became of it."""
    await app.webhooks.replay(name, delivery_id, caller.tenant, caller.actor)
    return Replayed(id=delivery_id, state="waiting")


def _to_new(created: CreatedWebhook) -> NewWebhookView:
    return NewWebhookView(**_facts(created.record), secret=created.secret)


def _facts(webhook: WebhookRecord) -> dict[str, Any]:
    return {
        "id": webhook.webhook_id,
        "name": webhook.name,
        "url": webhook.url,
        "events": list(webhook.events),
        "created_by": webhook.created_by,
        "created_at": webhook.created_at,
    }


def _to_delivery(delivery: DeliveryRecord) -> DeliveryView:
    names = DeliveryView.model_fields.keys() - {"id"}
    facts = {name: getattr(delivery, name) for name in names}
    return DeliveryView(id=delivery.delivery_id, **facts)
