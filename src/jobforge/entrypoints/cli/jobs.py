"""`jobforge job`: single jobs."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.text import Text

from jobforge.bootstrap import Application
from jobforge.contract.errors import ContractViolation, JobForgeError
from jobforge.contract.parsing import parse_json
from jobforge.contract.results import BundleResult, JobAnswer, JobStatus
from jobforge.core.answer import refused, to_denied_answer
from jobforge.core.errors import InvalidInput, ProjectUnknown, TenantUnknown
from jobforge.core.policy_token import read_token
from jobforge.core.single_request import key_for_token, to_bundle
from jobforge.core.waiting import WaitingReason
from jobforge.entrypoints.cli.bundles import OnPolicyFailure, PolicyFailure, read_input
from jobforge.entrypoints.cli.options import AsJson, Limit, PolicyToken, Project, Tenant
from jobforge.entrypoints.cli.session import (
    exit_code_of,
    local_actor,
    new_table,
    out,
    print_json,
    run,
)
from jobforge.entrypoints.cli.waiting import wait_for_run
from jobforge.ports.records import TenantRecord
from jobforge.steps.intake import Submission

app = typer.Typer(help="Run, show, cancel and retry single jobs.", no_args_is_help=True)

JobId = Annotated[UUID, typer.Argument(metavar="ID", help="The job's id.")]


class Status(StrEnum):
    """Where a job can stand."""

    queued = "queued"
    running = "running"
    executed = "executed"
    error = "error"
    denied = "denied"
    canceled = "canceled"


@app.command("run")
def run_job(  # noqa: PLR0913, PLR0917 (an option each)
    job_type: Annotated[str, typer.Argument(metavar="TYPE", help="See `jobforge types list`.")],
    payload: Annotated[
        Path, typer.Option("--payload", metavar="FILE", help="Its payload; - reads it.")
    ],
    tenant: Tenant,
    project: Project = None,
    policy_token: PolicyToken = None,
    on_policy_failure: PolicyFailure = OnPolicyFailure.deny_all,
    as_json: AsJson = False,
) -> None:
    """Run one job through the same gates as a bundle, and wait for it.

    Example: echo '{"targets": ["https://example.com"]}' |
    jobforge job run autopilot.ops.scan --payload - --tenant acme
    """

    async def command(app: Application) -> int:
        try:
            document = read_payload(payload)
            owner = await app.names.tenant(tenant)
            project_id = await app.names.project(owner, project)
        except (ContractViolation, InvalidInput, TenantUnknown, ProjectUnknown) as error:
            if not as_json:
                raise
            show_answer(_refusal(app, error, job_type), as_json=True)
            return exit_code_of(error)
        submission = Submission(
            tenant=owner,
            actor=local_actor(),
            mode="execute",
            project_id=project_id,
            on_policy_failure=on_policy_failure.value,
        )
        token = policy_token or _token_in(document)
        bundle = to_bundle(job_type, document, tenant=owner.slug, key=_key(app, token))
        result = await app.submit_bundle.translated(bundle, submission, policy_token=token)
        answer = await answer_of(app, owner, result, job_type)
        show_answer(answer, as_json=as_json)
        return exit_code_of_answer(answer)

    run(command, as_json=as_json)


def _refusal(app: Application, error: JobForgeError, job_type: str) -> JobAnswer:
    """The answer to a job that was refused before anything could be decided about it."""
    return to_denied_answer(refused(error, mode="execute", at=app.clock.now()), job_type)


def _token_in(document: dict[str, Any]) -> str | None:
    """A token inside the payload counts only where no other is given."""
    token = document.get("policy_token")
    return token if isinstance(token, str) else None


def _key(app: Application, token: str | None) -> str:
    """A token names its one use; without one, every run is a new one."""
    claims = None if token is None else read_token(token, keyring=app.token_keyring)
    return key_for_token(app.ids.uuid() if claims is None else claims.jti)


async def answer_of(
    app: Application, tenant: TenantRecord, result: BundleResult, job_type: str
) -> JobAnswer:
    """The answer of a run of one job, once that has ended."""
    child = result.child_runs[0] if result.child_runs else None
    if child is None or child.status != "queued" or child.job_id is None:
        return to_denied_answer(result, job_type)
    if result.bundle_run_id is None:
        return to_denied_answer(result, job_type)
    await wait_for_run(app, tenant, result.bundle_run_id)
    return await app.show_job.answer(child.job_id, tenant)


def read_payload(file: Path) -> dict[str, Any]:
    """A payload: one JSON object.

    Raises:
        ContractViolation: it is not valid JSON.
        InvalidInput: it is no object, or cannot be read.
    """
    document = parse_json(read_input(file))
    if not isinstance(document, dict):
        raise InvalidInput("a payload is a JSON object", pointer="")
    return document


@app.command("list")
def list_jobs(
    tenant: Tenant,
    status: Annotated[Status | None, typer.Option("--status", help="Only these.")] = None,
    job_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only of this job type.")
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List a tenant's newest jobs."""

    async def command(app: Application) -> int:
        wanted: JobStatus | None = None if status is None else status.value
        jobs = await app.show_job.newest(
            await app.names.tenant(tenant), status=wanted, job_type=job_type, limit=limit
        )
        if as_json:
            print_json(
                [
                    {
                        "id": str(j.job_id),
                        "job_type": j.job_type,
                        "status": j.status,
                        "attempt": j.attempt,
                        "run_id": str(j.run_id),
                        "created_at": j.created_at.isoformat(),
                        "error": None if j.error is None else json.loads(j.error),
                    }
                    for j in jobs
                ]
            )
            return 0
        table = new_table("id", "job type", "status", "attempt", "created")
        for j in jobs:
            when = j.created_at.isoformat(sep=" ", timespec="seconds")
            attempts = f"{j.attempt}/{j.max_attempts}"
            table.add_row(str(j.job_id), Text(j.job_type), j.status, attempts, when)
        out.print(table if jobs else "No such job.")
        return 0

    run(command, as_json=as_json)


@app.command()
def show(job_id: JobId, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show a job with its result."""

    async def command(app: Application) -> int:
        answer = await app.show_job.answer(job_id, await app.names.tenant(tenant))
        show_answer(answer, as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command()
def explain(job_id: JobId, tenant: Tenant, as_json: AsJson = False) -> None:
    """Say why a job has not begun yet: switch, window, limit, pause after a failure, no worker."""

    async def command(app: Application) -> int:
        reasons = await app.explain_waiting(job_id, await app.names.tenant(tenant))
        if as_json:
            print_json([_reason_to_json(reason) for reason in reasons])
            return 0
        for reason in reasons:
            until = "" if reason.until is None else f", until {reason.until.isoformat()}"
            out.print(f"{reason.code}: {reason.message}{until}", markup=False)
            if reason.hint:
                out.print(f"try: {reason.hint}", markup=False)
        return 0

    run(command, as_json=as_json)


def _reason_to_json(reason: WaitingReason) -> dict[str, object]:
    until = None if reason.until is None else reason.until.isoformat()
    return {"code": reason.code, "message": reason.message, "hint": reason.hint, "until": until}


def show_answer(answer: JobAnswer, *, as_json: bool) -> None:
    """Print a job's answer."""
    if as_json:
        print_json(answer.model_dump(mode="json"))
        return
    style = "green" if answer.success else "red"
    out.print(f"[{style}]{answer.status}[/] {answer.job_type} {answer.job_id or ''}")
    if answer.error is not None:
        where = f" at {answer.error['pointer']}" if answer.error.get("pointer") else ""
        said = f"{answer.error.get('code')}{where}: {answer.error.get('message')}"
        out.print(said, markup=False)
        if answer.error.get("hint"):
            out.print(f"try: {answer.error['hint']}", markup=False)
    if answer.data is not None:
        out.print_json(data=answer.data)
    for output in answer.manifest.outputs if answer.manifest else ():
        out.print(f"{output.name}  {output.size:,} bytes  {output.ref}", markup=False)


def exit_code_of_answer(answer: JobAnswer) -> int:
    """0 executed, 3 denied, else 4."""
    match answer.status:
        case "executed":
            return 0
        case "denied":
            return 3
        case _:
            return 4
