"""`/v1/events`: what happened elsewhere, for trigger rules to react to."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from jobforge.core.authorization import Command
from jobforge.core.redaction import mask_secrets
from jobforge.core.triggers import Outcome
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.openapi import READ, READ_ONE, WRITE
from jobforge.entrypoints.http.paging import Limit
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.events import EvaluationRecord, EventRecord, EventState

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=ApiRoute)

Reader = Annotated[Caller, permit(Command.EVENT_READ)]

_NOBODY = "00000000-0000-4000-8000-000000000001"
EVENT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An event envelope of the caller's tenant.",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "schema_version": "1.0.0",
                    "event_version": "1.0",
                    "event_type": "ops.alert.fired",
                    "occurred_at": "2026-03-01T08:00:00Z",
                    "trace_id": "trace-1",
                    "tenant_id": _NOBODY,
                    "source_app": "external",
                    "source_module": "ops",
                    "payload": {"severity": "high"},
                    "contains_pii": False,
                },
            }
        },
    }
}


class EventStored(BaseModel):
    """Where the event is; the very same event sent again is not stored again."""

    id: UUID
    is_new: bool


class EventView(BaseModel):
    """An event in a list; one that came by SQL is described once it is judged."""

    id: UUID
    event_type: str | None
    source_module: str | None
    severity: str | None
    priority: str | None
    trace_id: str | None
    occurred_at: datetime | None
    received_at: datetime
    state: EventState
    reason: str | None


class EventList(BaseModel):
    """The newest events."""

    items: list[EventView]


class VerdictView(BaseModel):
    """A rule's verdict on an event."""

    event_id: UUID
    decided_at: datetime
    outcome: Outcome
    reason: str
    dedupe_key: str | None
    run_id: UUID | None
    job_id: UUID | None


class EventDetail(EventView):
    """An event with its envelope, secrets masked, and each rule's verdict by the rule's name."""

    envelope: Any
    evaluations: dict[str, VerdictView]


class SimulatedView(BaseModel):
    """What one rule would do, and what the gates would say of its job."""

    rule: str
    outcome: Outcome
    reason: str
    job_type: str
    mode: str
    gates: str | None


class SimulatedList(BaseModel):
    """What each rule would do, by name."""

    items: list[SimulatedView]


@router.get("", responses=READ, operation_id="list_events")
async def list_events(app: App, caller: Reader, limit: Limit = 50) -> EventList:
    """List the newest events."""
    own = caller.narrow()
    found = await app.show_events.newest(caller.tenant, limit)
    return EventList(
        items=[EventView(**_facts(event)) for event in found if own in {None, _project_of(event)}]
    )


@router.post(
    "",
    status_code=201,
    responses={**WRITE, 200: {"model": EventStored, "description": "It is there already"}},
    openapi_extra=EVENT_BODY,
    operation_id="send_event",
)
async def send(
    request: Request,
    response: Response,
    app: App,
    caller: Annotated[Caller, permit(Command.EVENT_SEND)],
) -> EventStored:
    """Store an event. A worker judges it by the tenant's trigger rules."""
    own = caller.narrow()
    stored = await app.send_event(await request.body(), caller.tenant, confined_to=own)
    response.status_code = 201 if stored.is_new else 200
    return EventStored(id=stored.event_id, is_new=stored.is_new)


@router.post("/simulate", responses=WRITE, openapi_extra=EVENT_BODY, operation_id="simulate_event")
async def simulate(
    request: Request,
    app: App,
    caller: Annotated[Caller, permit(Command.TRIGGER_READ)],
    as_if_on: Annotated[bool, Query(description="Judge as if every rule were on.")] = False,
) -> SimulatedList:
    """Say what an event would start now. Nothing is stored and nothing starts."""
    # It tells of every rule, whichever project's.
    caller.check(None)
    found = await app.simulate_event(await request.body(), caller.tenant, as_if_on=as_if_on)
    return SimulatedList(items=[SimulatedView(**simulated.to_json()) for simulated in found])


@router.get("/{event_id}", responses=READ_ONE, operation_id="show_event")
async def show(
    app: App, caller: Reader, event_id: Annotated[UUID, Path(description="The event's id.")]
) -> EventDetail:
    """Show an event, and what each rule made of it."""
    event, verdicts = await app.show_events(event_id, caller.tenant)
    caller.check(_project_of(event))
    own = caller.narrow()
    rules = await app.triggers.all(caller.tenant) if own is not None else ()
    foreign = {rule.rule_id for rule in rules if rule.project_id != own}
    # An event that came by SQL was not masked yet, as long as nobody judged it.
    envelope, _ = mask_secrets(json.loads(event.envelope))
    return EventDetail(
        **_facts(event),
        envelope=envelope,
        evaluations={
            name: to_verdict(verdict)
            for name, verdict in verdicts.items()
            if verdict.rule_id not in foreign
        },
    )


def to_verdict(verdict: EvaluationRecord) -> VerdictView:
    """A verdict as it is shown."""
    names = VerdictView.model_fields
    return VerdictView(**{name: getattr(verdict, name) for name in names})


def _project_of(event: EventRecord) -> UUID | None:
    """The project that the event names; what cannot be read is the whole tenant's."""
    envelope = json.loads(event.envelope)
    try:
        return UUID(envelope["project_id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _facts(event: EventRecord) -> dict[str, Any]:
    names = EventView.model_fields.keys() - {"id"}
    return {"id": event.event_id} | {name: getattr(event, name) for name in names}
