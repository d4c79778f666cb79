"""`/console/`: how the tenant's work goes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.pages import render
from jobforge.ports.jobs import JobFilter
from jobforge.ports.records import Page
from jobforge.use_cases.show_activity import Activity

router = APIRouter()

Reader = Annotated[Caller, look(Command.JOB_READ)]
_FAILURES = 8


@router.get("/", name="overview")
async def show(request: Request, app: App, caller: Reader) -> Response:
    """Throughput, latency, failures, backlog; it looks again by itself while somebody looks."""
    activity = await app.show_activity(caller.tenant)
    wanted = JobFilter(caller.narrow(), status="error", created_from=activity.minutes[0].minute)
    return await render(
        request,
        caller,
        "overview.html",
        activity=activity,
        chart=to_chart(activity),
        failures=await app.show_job.page(caller.tenant, wanted, Page(_FAILURES)),
    )


def to_chart(activity: Activity) -> dict[str, Any]:
    """What ended in each minute, as the page draws it; instants are seconds since 1970."""
    return {
        "isTime": True,
        "x": [minute.minute.timestamp() for minute in activity.minutes],
        "series": [
            {"label": "executed", "values": [m.executed for m in activity.minutes]},
            {"label": "failed or denied", "values": [m.failed for m in activity.minutes]},
        ],
    }
