"""`/v1/runs`: bundle runs, as they stand now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel
from sse_starlette import EventSourceResponse, ServerSentEvent

from jobforge.contract.manifest import RunManifest
from jobforge.contract.results import BundleResult
from jobforge.core.authorization import Command
from jobforge.core.run_summary import render_summary
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.openapi import READ, READ_ONE
from jobforge.entrypoints.http.paging import Cursor, Limit, Listed, listed, page_of
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.feed import RunMoment
from jobforge.ports.runs import RunFilter, RunListing

router = APIRouter(prefix="/v1/runs", tags=["runs"], route_class=ApiRoute)

Reader = Annotated[Caller, permit(Command.RUN_READ)]
PING_SECONDS = 15
"""So often an idle stream shows that it lives, for proxies that would close it."""

RunId = Annotated[UUID, Path(description="The bundle run's id.")]


class RunItem(BaseModel):
    """A bundle run in a list."""

    id: UUID
    project_id: UUID | None
    mode: Literal["dry_run", "execute"]
    status: Literal["open", "closed", "refused"]
    dialect: str | None
    bundle_id: str | None
    trace_id: str | None
    plan_digest: str | None
    actor: str
    open_children: int
    created_at: datetime
    closed_at: datetime | None


@router.get("", responses=READ, operation_id="list_runs")
async def list_runs(  # noqa: PLR0913, PLR0917 (a filter each)
    app: App,
    caller: Reader,
    project: Annotated[UUID | None, Query(description="Only of this project.")] = None,
    status: Annotated[
        Literal["open", "closed", "refused"] | None, Query(description="Only these.")
    ] = None,
    mode: Annotated[Literal["dry_run", "execute"] | None, Query(description="Only these.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listed[RunItem]:
    """List the runs, the newest first."""
    wanted = RunFilter(caller.narrow(project), status, mode)
    found = await app.show_run.page(caller.tenant, wanted, page_of(cursor, limit))
    return listed(
        [_to_item(run) for run in found], [(r.created_at, r.run_id) for r in found], limit
    )


@router.get("/{run_id}", responses=READ_ONE, operation_id="show_run")
async def show(app: App, caller: Reader, run_id: RunId) -> BundleResult:
    """Show a run with its children's statuses as they are now."""
    return await _find(app, caller, run_id)


@router.get("/{run_id}/manifest", responses=READ_ONE, operation_id="show_run_manifest")
async def manifest(app: App, caller: Reader, run_id: RunId) -> RunManifest:
    """Show a run's manifest."""
    return (await _find(app, caller, run_id)).manifest


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`progress` for each change, `closed` at the end; data is JSON.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The run is closed, and the caller has seen it: do not come again."},
}


@router.get(
    "/{run_id}/events", responses={**READ_ONE, **_STREAM}, response_class=Response,
    operation_id="watch_run",
)  # fmt: skip
async def watch(
    app: App,
    caller: Reader,
    run_id: RunId,
    last_event_id: Annotated[
        str | None, Header(max_length=100, description="The last event that was seen.")
    ] = None,
) -> Response:
    """Watch a run as server-sent events. With `Last-Event-ID` only what is new is sent."""
    caller.check(await app.show_run.project_of(run_id, caller.tenant))
    moments = app.feed.watch(caller.tenant.tenant_id, run_id)
    first = await anext(moments)
    if first.is_closed and first.number == last_event_id:
        return Response(status_code=204)

    async def events() -> AsyncIterator[ServerSentEvent]:
        if first.number != last_event_id:
            yield _to_event(first)
        async for moment in moments:
            yield _to_event(moment)

    return EventSourceResponse(events(), ping=PING_SECONDS)


def _to_event(moment: RunMoment) -> ServerSentEvent:
    name = "closed" if moment.is_closed else "progress"
    return ServerSentEvent(moment.document, event=name, id=moment.number)


_MARKDOWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}
}


@router.get(
    "/{run_id}/summary", responses={**READ_ONE, **_MARKDOWN}, operation_id="show_run_summary",
    response_class=Response,
)  # fmt: skip
async def summary(app: App, caller: Reader, run_id: RunId) -> Response:
    """Show a run's summary as Markdown."""
    result = await _find(app, caller, run_id)
    effects = await app.show_run.effects(run_id, caller.tenant)
    return Response(render_summary(result, effects), media_type="text/markdown; charset=utf-8")


async def _find(app: App, caller: Caller, run_id: UUID) -> BundleResult:
    result = await app.show_run(run_id, caller.tenant)
    caller.check(result.manifest.project_id)
    return result


def _to_item(run: RunListing) -> RunItem:
    return RunItem(
        id=run.run_id,
        project_id=run.project_id,
        mode=run.mode,
        status=run.status,
        dialect=run.dialect,
        bundle_id=run.bundle_id,
        trace_id=run.trace_id,
        plan_digest=run.plan_digest,
        actor=run.actor,
        open_children=run.open_children,
        created_at=run.created_at,
        closed_at=run.closed_at,
    )
