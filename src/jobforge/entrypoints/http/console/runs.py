"""`/console/runs`: bundle runs, how they go and what came of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Header, Query, Request
from markupsafe import Markup
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from jobforge.contract.manifest import RunManifest
from jobforge.core.authorization import Command
from jobforge.core.effects import parse_effects
from jobforge.core.errors import Missing
from jobforge.core.run_summary import render_summary
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console import words
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.artifacts import Shown, to_shown
from jobforge.entrypoints.http.console.links import PAGE_ROWS, cut
from jobforge.entrypoints.http.console.pages import fragment, go_to, render
from jobforge.entrypoints.http.console.permission import PlanState, state_of
from jobforge.entrypoints.http.console.waiting import Waits, why_waiting
from jobforge.entrypoints.http.paging import page_of
from jobforge.ports.feed import RunMoment
from jobforge.ports.jobs import JobFilter, JobRecord
from jobforge.ports.runs import RunFilter
from jobforge.use_cases.change_jobs import JobChange

router = APIRouter(prefix="/runs")

Reader = Annotated[Caller, look(Command.RUN_READ)]
Status = Annotated[Literal["", "open", "closed", "refused"], Query()]
Mode = Annotated[Literal["", "dry_run", "execute"], Query()]
Cursor = Annotated[str | None, Query(max_length=200)]

_EXPLAINED = 3
"""So many of a run's waiting jobs are explained; the others wait for the same things."""

_PING_SECONDS = 15


@router.get("", name="runs")
async def list_runs(
    request: Request, app: App, caller: Reader, status: Status = "", mode: Mode = "",
    cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The runs, the newest first."""
    wanted = RunFilter(caller.narrow(), status or None, mode or None)
    found = await app.show_run.page(caller.tenant, wanted, page_of(cursor, PAGE_ROWS))
    places = [(run.created_at, run.run_id) for run in found]
    runs, older = cut(found, places, "/runs", {"status": status, "mode": mode})
    return await render(
        request, caller, "runs.html", runs=runs, older=older, wanted_status=status, mode=mode
    )


@router.get("/{run_id}", name="run")
async def show(request: Request, app: App, caller: Reader, run_id: UUID) -> Response:
    """One run: live while it is open, and what came of it."""
    result = await app.show_run(run_id, caller.tenant)
    caller.check(result.manifest.project_id)
    jobs = await app.show_run.jobs(run_id, caller.tenant)
    effects = await app.show_run.effects(run_id, caller.tenant)
    summary = render_summary(result, effects)
    async with aclosing(app.feed.watch(caller.tenant.tenant_id, run_id)) as moments:
        moment = await anext(moments)
    return await render(
        request,
        caller,
        "run.html",
        result=result,
        jobs={job.request_id: job for job in jobs},
        changes=[(job, parse_effects(job.effects)) for job in jobs if job.effects != "[]"],
        waits=await _explain(app, caller, jobs),
        outputs=_outputs(jobs),
        live=json.loads(moment.document),
        is_open=not moment.is_closed,
        summary=summary,
        plan_state=await _plan_state(app, caller, result.plan_digest),
        failed=sum(1 for job in jobs if job.status == "error"),
        unfinished=sum(1 for job in jobs if job.status in {"queued", "running"}),
    )


@router.get("/{run_id}/live", name="run_live")
async def watch(
    app: App,
    caller: Reader,
    run_id: UUID,
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> Response:
    """The run's progress as server-sent events: a fragment for each change, `closed` at the end."""
    caller.check(await app.show_run.project_of(run_id, caller.tenant))
    moments = app.feed.watch(caller.tenant.tenant_id, run_id)

    async def events() -> AsyncIterator[ServerSentEvent]:
        async for moment in moments:
            if moment.number != last_event_id or moment.is_closed:
                yield _to_event(moment)

    return EventSourceResponse(events(), ping=_PING_SECONDS)


@router.post("/{run_id}/change", name="change_run")
async def change(
    app: App,
    caller: Annotated[Caller, look(Command.JOB_BULK)],
    run_id: UUID,
    what: Annotated[JobChange, Form()],
) -> Response:
    """Retry what failed of a run, or cancel what has not ended."""
    caller.check(await app.show_run.project_of(run_id, caller.tenant))
    wanted = JobFilter(run_id=run_id, status="error" if what == "retry" else None)
    seen = await app.change_jobs.preview(what, wanted, caller.tenant)
    await app.change_jobs(what, wanted, seen, caller.tenant, caller.actor)
    return go_to(f"/runs/{run_id}")


@router.get("/{run_id}/impact", name="run_impact")
async def impact(request: Request, app: App, caller: Reader, run_id: UUID) -> Response:
    """What came of the run, as a picture, and the same as a list."""
    caller.check(await app.show_run.project_of(run_id, caller.tenant))
    graph = await app.show_impact(run_id, caller.tenant)
    labels = {node.node_id: node for node in graph.sorted_nodes}
    edges = [(labels[cause], labels[effect]) for cause, effect in graph.edges]
    return await render(
        request, caller, "impact.html", run_id=run_id, graph=graph, edges=edges,
        drawing=Markup(graph.to_svg(is_styled=False)),  # noqa: S704 (its texts are escaped),
    )  # fmt: skip


def _to_event(moment: RunMoment) -> ServerSentEvent:
    if moment.is_closed:
        return ServerSentEvent(moment.document, event="closed", id=moment.number)
    live = json.loads(moment.document)
    return ServerSentEvent(fragment("run.html", "progress", {"live": live}), id=moment.number)


async def _plan_state(app: App, caller: Caller, digest: str | None) -> PlanState | None:
    """How the run's plan stands; None where there is none, or it is kept no more."""
    if digest is None:
        return None
    try:
        return state_of((await app.show_plan(digest, caller.tenant, caller.actor)).review)
    except Missing:
        return None


async def _explain(app: App, caller: Caller, jobs: tuple[JobRecord, ...]) -> list[Waits]:
    waiting = [job for job in jobs if job.status == "queued"][:_EXPLAINED]
    found = [await why_waiting(app, caller, job) for job in waiting]
    return [waits for waits in found if waits is not None]


def _outputs(jobs: tuple[JobRecord, ...]) -> list[tuple[JobRecord, list[Shown]]]:
    """What each job produced, shown as people look at it."""
    budget = words.MANY
    found: list[tuple[JobRecord, list[Shown]]] = []
    for job in jobs:
        if job.manifest is None:
            continue
        outputs = RunManifest.model_validate_json(job.manifest).outputs[:budget]
        budget -= len(outputs)
        if outputs:
            found.append((job, [to_shown(output) for output in outputs]))
    return found
