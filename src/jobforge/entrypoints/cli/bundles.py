"""`jobforge bundle`: plan and execute request bundles."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobforge.bootstrap import Application
from jobforge.contract.results import BundleResult, Mode
from jobforge.core.answer import refused
from jobforge.core.errors import InvalidInput, ProjectUnknown, TenantUnknown
from jobforge.core.lifecycle import is_terminal
from jobforge.core.plan import Effects
from jobforge.entrypoints.cli.options import AsJson, BundleFile, PolicyToken, Project, Tenant
from jobforge.entrypoints.cli.run_view import exit_code_of_run, show_run
from jobforge.entrypoints.cli.session import local_actor, run
from jobforge.entrypoints.cli.waiting import wait_for_run
from jobforge.ports.records import TenantRecord
from jobforge.steps.intake import Submission

app = typer.Typer(help="Plan and execute request bundles.", no_args_is_help=True)


class OnPolicyFailure(StrEnum):
    """What to do with the rest of a bundle whose actions have no valid token."""

    deny_all = "deny_all"
    deny_actions = "deny_actions"


PolicyFailure = Annotated[
    OnPolicyFailure,
    typer.Option(
        "--on-policy-failure",
        help="Where an action has no valid token: deny the whole bundle, or only the actions.",
    ),
]


@app.command()
def plan(
    file: BundleFile,
    tenant: Tenant,
    project: Project = None,
    policy_token: PolicyToken = None,
    on_policy_failure: PolicyFailure = OnPolicyFailure.deny_all,
    as_json: AsJson = False,
) -> None:
    """Decide request by request what would run, and store the plan. Nothing runs.

    Example: jobforge bundle plan examples/autopilot-request-bundle.json --tenant acme
    """

    async def command(app: Application) -> int:
        result = await _submit(
            app, file, tenant, project, policy_token, ("dry_run", on_policy_failure)
        )
        await _show(app, result, tenant, as_json=as_json)
        return exit_code_of_run(result)

    run(command, as_json=as_json)


@app.command()
def execute(  # noqa: PLR0913, PLR0917 (an option each)
    file: BundleFile,
    tenant: Tenant,
    project: Project = None,
    policy_token: PolicyToken = None,
    on_policy_failure: PolicyFailure = OnPolicyFailure.deny_all,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait until every child run has ended, those of earlier runs included."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Queue what may run. Actions need a policy token for exactly this plan.

    Example: jobforge bundle execute bundle.json --tenant acme --wait
    """

    async def command(app: Application) -> int:
        result = await _submit(
            app, file, tenant, project, policy_token, ("execute", on_policy_failure)
        )
        if wait and result.bundle_run_id is not None:
            owner = await app.names.tenant(tenant)
            await _wait_for_children(app, owner, result)
            result = await app.show_run(result.bundle_run_id, owner)
        await _show(app, result, tenant, as_json=as_json)
        return exit_code_of_run(result)

    run(command, as_json=as_json)


async def _wait_for_children(app: Application, tenant: TenantRecord, result: BundleResult) -> None:
    """Wait for the run's own jobs, then for those that skipped children were submitted as."""
    if result.summary.queued and result.bundle_run_id is not None:
        await wait_for_run(app, tenant, result.bundle_run_id)
    earlier = [c.job_id for c in result.child_runs if c.status == "skipped" and c.job_id]
    jobs = [await app.show_job(job_id, tenant) for job_id in earlier]
    for run_id in dict.fromkeys(job.run_id for job in jobs if not is_terminal(job.status)):
        await wait_for_run(app, tenant, run_id)


@app.command()
def queue(  # noqa: PLR0913, PLR0917 (an option each)
    file: BundleFile,
    tenant: Tenant,
    project: Project = None,
    policy_token: PolicyToken = None,
    on_policy_failure: PolicyFailure = OnPolicyFailure.deny_all,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan it then, and no more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Queue the executor: a worker decides the bundle later. The job carries no token.

    Example: jobforge bundle queue bundle.json --tenant acme
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        submission = Submission(
            tenant=owner,
            actor=local_actor(),
            mode="dry_run" if dry_run else "execute",
            project_id=await app.names.project(owner, project),
            on_policy_failure=on_policy_failure.value,
        )
        raw = read_input(file)
        result = await app.queue_bundle(raw, submission, policy_token=policy_token)
        show_run(result, {}, as_json=as_json)
        return exit_code_of_run(result)

    run(command, as_json=as_json)


async def _submit(
    app: Application,
    file: Path,
    tenant: str,
    project: str | None,
    policy_token: str | None,
    how: tuple[Mode, OnPolicyFailure],
) -> BundleResult:
    """Submit the file; a name that is nobody's refuses the bundle like any other fault."""
    raw = read_input(file)
    mode, on_policy_failure = how
    try:
        owner = await app.names.tenant(tenant)
        project_id = await app.names.project(owner, project)
    except (TenantUnknown, ProjectUnknown) as error:
        return refused(error, mode=mode, at=app.clock.now())
    submission = Submission(
        tenant=owner,
        actor=local_actor(),
        mode=mode,
        project_id=project_id,
        on_policy_failure=on_policy_failure.value,
    )
    return await app.submit_bundle(raw, submission, policy_token=policy_token)


async def _show(app: Application, result: BundleResult, tenant: str, *, as_json: bool) -> None:
    effects: Effects = {}
    if result.bundle_run_id is not None and not as_json:
        owner = await app.names.tenant(tenant)
        effects = await app.show_run.effects(result.bundle_run_id, owner)
    show_run(result, effects, as_json=as_json)


def read_input(file: Path) -> bytes:
    """The bytes of a file, or of standard input for `-`.

    Raises:
        InvalidInput: there is no such file, or it cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
