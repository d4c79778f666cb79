"""`/v1/modules`: run module commands. Registering one is an act at the machine itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from jobforge.contract.results import BundleResult, Mode
from jobforge.core.authorization import Command
from jobforge.core.single_request import to_bundle
from jobforge.core.starting import MODULE_RUNNER
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.bundles import answer_of
from jobforge.entrypoints.http.model import Body, NamePath
from jobforge.entrypoints.http.openapi import READ, WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.entrypoints.http.work import refuse_ambiguous, to_submission
from jobforge.steps.intake import Submission

router = APIRouter(prefix="/v1/modules", tags=["modules"], route_class=ApiRoute)


class ModuleView(BaseModel):
    """A module command, without its words and variables: they tell of the machine it runs on."""

    name: str
    timeout_seconds: int
    max_output_bytes: int
    created_at: datetime


class ModuleList(BaseModel):
    """The tenant's module commands, by name."""

    items: list[ModuleView]


class ModuleRunBody(Body):
    """What the module is given, and what is done with the bundle it writes."""

    inputs: dict[str, Any] = Field(default_factory=dict)
    mode: Mode = "dry_run"
    project_id: UUID | None = None


@router.get("", responses=READ, operation_id="list_modules")
async def list_modules(
    app: App, caller: Annotated[Caller, permit(Command.MODULE_READ)]
) -> ModuleList:
    """List the module commands that can be run for the tenant."""
    found = await app.modules.all(caller.tenant)
    names = ModuleView.model_fields
    return ModuleList(items=[ModuleView(**{n: getattr(m, n) for n in names}) for m in found])


@router.post(
    "/{name}/run",
    response_model=BundleResult,
    status_code=202,
    responses={**WRITE, 200: {"model": BundleResult, "description": "Nothing was queued"}},
    operation_id="run_module",
)
async def run(
    request: Request,
    app: App,
    caller: Annotated[Caller, permit(Command.MODULE_RUN)],
    name: NamePath,
    body: ModuleRunBody,
) -> Response:
    """Queue a module command. Its report and bundle are taken in as anybody's."""
    await refuse_ambiguous(request)
    await app.modules.find(name, caller.tenant)
    asked = Submission(caller.tenant, caller.actor, "execute", body.project_id)
    submission = await to_submission(app, caller, asked)
    payload = {"command": name, "inputs": body.inputs, "mode": body.mode}
    key = f"module-run:{app.ids.uuid()}"
    bundle = to_bundle(MODULE_RUNNER, payload, tenant=caller.tenant.slug, key=key)
    return answer_of(await app.submit_bundle.translated(bundle, submission))
