"""`/v1/connections`: credentials that payloads name. They go in, and never come out again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body, Name, NamePath
from jobforge.entrypoints.http.openapi import READ, WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.records import ConnectionRecord
from jobforge.use_cases.keep_connections import check_url

router = APIRouter(prefix="/v1/connections", tags=["connections"], route_class=ApiRoute)

Writer = Annotated[Caller, permit(Command.CONNECTION_CHANGE)]
Kind = Literal["postgres", "http", "git"]


class ConnectionView(BaseModel):
    """A connection, without its settings."""

    name: str
    kind: str
    created_at: datetime


class ConnectionList(BaseModel):
    """The tenant's connections, by name."""

    items: list[ConnectionView]


class ConnectionBody(Body):
    """A new connection. Its settings are sealed, and no route shows them."""

    name: Name
    kind: Kind
    settings: dict[str, Any] = Field(
        repr=False,
        json_schema_extra={"writeOnly": True},
        examples=[{"url": "postgresql://USER:PASSWORD@HOST:5432/DATABASE"}],
    )


class ConnectionAdded(BaseModel):
    """That it is there."""

    name: str
    kind: str


class ConnectionTested(BaseModel):
    """What answered, in words."""

    name: str
    answer: str


@router.get("", responses=READ, operation_id="list_connections")
async def list_connections(
    app: App, caller: Annotated[Caller, permit(Command.CONNECTION_READ)]
) -> ConnectionList:
    """List the tenant's connections, without their settings."""
    found = await app.connections.all(caller.tenant)
    return ConnectionList(items=[_to_view(connection) for connection in found])


@router.post("", status_code=201, responses=WRITE, operation_id="add_connection")
async def add(app: App, caller: Writer, body: ConnectionBody) -> ConnectionAdded:
    """Seal a connection's settings under its name. They are never shown again."""
    settings = check_url(body.kind, body.settings)
    await app.connections.add(body.name, body.kind, settings, caller.tenant, caller.actor)
    return ConnectionAdded(name=body.name, kind=body.kind)


@router.post("/{name}/test", responses=WRITE, operation_id="test_connection")
async def test(
    app: App, caller: Annotated[Caller, permit(Command.CONNECTION_TEST)], name: NamePath
) -> ConnectionTested:
    """Open a connection and say what answered."""
    answer = await app.connections.test(name, caller.tenant, caller.actor)
    return ConnectionTested(name=name, answer=answer)


@router.delete("/{name}", status_code=204, responses=WRITE, operation_id="remove_connection")
async def remove(app: App, caller: Writer, name: NamePath) -> Response:
    """Forget a connection and its credentials."""
    await app.connections.remove(name, caller.tenant, caller.actor)
    return Response(status_code=204)


def _to_view(connection: ConnectionRecord) -> ConnectionView:
    return ConnectionView(
        name=connection.name, kind=connection.kind, created_at=connection.created_at
    )
