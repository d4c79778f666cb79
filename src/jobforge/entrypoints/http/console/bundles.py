"""`/console/bundles`: drop a bundle, see what it would do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Request, UploadFile
from starlette.responses import Response

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.pages import go_to, render
from jobforge.ports.records import Page
from jobforge.ports.runs import RunFilter
from jobforge.steps.intake import Submission

router = APIRouter(prefix="/bundles")

_RECENT = 15


@router.get("", name="bundles")
async def show(
    request: Request, app: App, caller: Annotated[Caller, look(Command.RUN_READ)]
) -> Response:
    """A place to drop a file on, and the newest dry runs, to compare two."""
    wanted = RunFilter(caller.narrow(), None, "dry_run")
    runs = await app.show_run.page(caller.tenant, wanted, Page(_RECENT))
    return await render(request, caller, "bundles.html", runs=runs)


@router.post("", name="plan_bundle")
async def plan(
    app: App,
    caller: Annotated[Caller, look(Command.BUNDLE_PLAN)],
    bundle: Annotated[UploadFile, File()],
) -> Response:
    """Plan the file: nothing runs, and the page of the dry run says what would."""
    submission = Submission(caller.tenant, caller.actor, "dry_run", project_id=caller.narrow())
    result = await app.submit_bundle(await bundle.read(), submission, policy_token=None)
    return go_to(f"/runs/{result.bundle_run_id}")
