"""`/v1/bundles`: plan and execute request bundles."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from jobforge.contract.results import BundleResult, Mode
from jobforge.core.admission import OnPolicyFailure
from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.openapi import WRITE
from jobforge.entrypoints.http.problems import problem_of, respond
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.steps.intake import Submission

router = APIRouter(prefix="/v1/bundles", tags=["bundles"], route_class=ApiRoute)

_EXAMPLE_TENANT = "7c0f5c6e-2f1b-4c55-9a57-0d8a7f3b1e10"
BUNDLE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A request bundle in any of the dialects.",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "schema_version": "1.0.0",
                    "bundle_id": "bundle-1",
                    "tenant_id": _EXAMPLE_TENANT,
                    "trace_id": "trace-1",
                    "requests": [
                        {
                            "id": "triage-1",
                            "tenant_id": _EXAMPLE_TENANT,
                            "job_type": "autopilot.support.triage",
                            "payload": {
                                "ticket_id": "T-1",
                                "ticket_content": {"subject": "Login", "body": "It fails."},
                            },
                            "idempotency_key": "triage-T-1",
                        }
                    ],
                    "metadata": {"source": "docs", "triggered_at": "2026-03-01T08:00:00Z"},
                },
            }
        },
    }
}

PolicyToken = Annotated[
    SecretStr | None,
    Header(alias="Policy-Token", description="The policy token that actions need."),
]
Project = Annotated[UUID | None, Query(description="The project it runs in.")]
PolicyFailure = Annotated[
    OnPolicyFailure,
    Query(description="Where an action has no valid token: deny everything, or the actions."),
]


@router.post(
    "/plan", response_model=BundleResult, responses=WRITE, openapi_extra=BUNDLE_BODY,
    operation_id="plan_bundle",
)  # fmt: skip
async def plan(
    request: Request,
    app: App,
    caller: Annotated[Caller, permit(Command.BUNDLE_PLAN)],
    policy_token: PolicyToken = None,
    project: Project = None,
    on_policy_failure: PolicyFailure = "deny_all",
) -> Response:
    """Decide request by request what would run, and store the plan. Nothing runs."""
    submission = _submission(caller, "dry_run", project, on_policy_failure)
    return answer_of(await _submit(request, app, submission, policy_token))


@router.post(
    "/execute",
    response_model=BundleResult,
    status_code=202,
    responses={**WRITE, 200: {"model": BundleResult, "description": "Nothing was queued"}},
    openapi_extra=BUNDLE_BODY,
    operation_id="execute_bundle",
)
async def execute(
    request: Request,
    app: App,
    caller: Annotated[Caller, permit(Command.BUNDLE_EXECUTE)],
    policy_token: PolicyToken = None,
    project: Project = None,
    on_policy_failure: PolicyFailure = "deny_all",
) -> Response:
    """Queue what may run. Actions need a policy token, or approvals, for exactly this plan."""
    submission = _submission(caller, "execute", project, on_policy_failure)
    return answer_of(await _submit(request, app, submission, policy_token))


def _submission(
    caller: Caller, mode: Mode, project: UUID | None, on_policy_failure: OnPolicyFailure
) -> Submission:
    return Submission(
        tenant=caller.tenant,
        actor=caller.actor,
        mode=mode,
        project_id=caller.narrow(project),
        on_policy_failure=on_policy_failure,
    )


async def _submit(
    request: Request, app: App, submission: Submission, token: SecretStr | None
) -> BundleResult:
    if submission.project_id is not None:
        await app.names.project(submission.tenant, str(submission.project_id))
    policy_token = None if token is None else token.get_secret_value()
    return await app.submit_bundle(await request.body(), submission, policy_token=policy_token)


def answer_of(result: BundleResult) -> Response:
    """The bundle result; a refusal of the whole bundle is one and a problem at once."""
    document = result.model_dump(mode="json")
    error = result.manifest.error
    if error is not None:
        code = str(error["code"])
        status = 403 if code == "FEATURE_FLAG_DISABLED" else 422
        problem = problem_of(status, code, str(error["message"]), error)
        return respond(problem, **document)
    is_queued = result.summary.queued > 0
    response = JSONResponse(document, status_code=202 if is_queued else 200)
    if result.bundle_run_id is not None:
        response.headers["Location"] = f"/v1/runs/{result.bundle_run_id}"
    return response
