"""`/console/results`: what the analyses found, by domain, each in the form it is best read in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from jobforge.contract.manifest import RunManifest
from jobforge.core.authorization import Command
from jobforge.core.errors import Missing
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.artifacts import to_shown, to_tables
from jobforge.entrypoints.http.console.links import PAGE_ROWS, cut
from jobforge.entrypoints.http.console.pages import render
from jobforge.entrypoints.http.console.result_charts import charts_of
from jobforge.entrypoints.http.paging import page_of
from jobforge.ports.jobs import JobFilter
from jobforge.ports.records import DatasetRecord

router = APIRouter(prefix="/results")

Reader = Annotated[Caller, look(Command.JOB_READ)]
Domain = Literal["", "ops", "support", "growth", "finops", "jobforge"]
Type = Annotated[str, Query(alias="type", max_length=255)]
Cursor = Annotated[str | None, Query(max_length=200)]

VIEWS: Final[Mapping[str, str]] = {
    "autopilot.ops.scan": "results/scan.html",
    "autopilot.ops.diagnose": "results/diagnose.html",
    "autopilot.ops.recommend": "results/recommend.html",
    "autopilot.ops.apply": "results/apply.html",
    "autopilot.support.triage": "results/triage.html",
    "autopilot.support.batch_triage": "results/batch_triage.html",
    "autopilot.support.draft_reply": "results/draft_reply.html",
    "autopilot.support.propose_kb_patch": "results/kb_patch.html",
    "autopilot.growth.seo_scan": "results/seo_scan.html",
    "autopilot.growth.experiment_propose": "results/experiments.html",
    "autopilot.growth.experiment_readout": "results/readout.html",
    "autopilot.growth.content_draft": "results/content.html",
    "autopilot.finops.reconcile": "results/reconcile.html",
    "autopilot.finops.anomaly_scan": "results/anomalies.html",
    "autopilot.finops.churn_risk_report": "results/churn.html",
}
"""Job types whose results have a form of their own; the others are shown as tables."""

_MAX_SHOWN: Final = 2_000_000


@router.get("", name="results")
async def list_results(
    request: Request, app: App, caller: Reader, wanted_type: Type = "", cursor: Cursor = None
) -> Response:
    """What was found, the newest first, of one job type where chosen."""
    wanted = JobFilter(caller.narrow(), status="executed", job_type=wanted_type.strip() or None)
    found = await app.show_job.page(caller.tenant, wanted, page_of(cursor, PAGE_ROWS))
    places = [(job.created_at, job.job_id) for job in found]
    jobs, older = cut(found, places, "/results", {"type": wanted_type})
    domains: dict[str, list[str]] = {}
    for job_type in app.catalog:
        domains.setdefault(job_type.domain, []).append(job_type.name)
    return await render(
        request, caller, "results.html", jobs=jobs, older=older, type=wanted_type, domains=domains
    )


@router.get("/{job_id}", name="result")
async def show(request: Request, app: App, caller: Reader, job_id: UUID) -> Response:
    """One result, in the form of its job type."""
    return await _page(request, app, caller, job_id)


@router.post("/{job_id}/correct", name="correct_triage")
async def correct(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.DATASET_CHANGE)],
    job_id: UUID,
    category: Annotated[str, Form(max_length=100)],
) -> Response:
    """Keep the right category of a ticket; later jobs learn from it."""
    caller.check((await app.show_job(job_id, caller.tenant)).project_id)
    name = category.strip()
    kept = await app.correct_triage(job_id, name, caller.tenant, caller.actor)
    return await _page(request, app, caller, job_id, corrected=(name, kept))


async def _page(
    request: Request,
    app: App,
    caller: Caller,
    job_id: UUID,
    *,
    corrected: tuple[str, DatasetRecord] | None = None,
) -> Response:
    job = await app.show_job(job_id, caller.tenant)
    caller.check(job.project_id)
    if job.result is None:
        raise Missing("the job has no result")
    text = job.result if len(job.result) <= _MAX_SHOWN else "{}"
    data: dict[str, Any] = json.loads(text)
    outputs = RunManifest.model_validate_json(job.manifest).outputs if job.manifest else ()
    return await render(
        request,
        caller,
        "result.html",
        job=job,
        job_type=app.catalog.find(job.job_type),
        payload=json.loads(job.payload),
        data=data,
        corrected=corrected,
        view=VIEWS.get(job.job_type),
        tables={} if job.job_type in VIEWS else to_tables(text),
        charts=charts_of(job.job_type, data),
        outputs=[to_shown(output) for output in outputs],
    )
