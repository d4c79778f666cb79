"""`jobforge module`: commands that run autopilot modules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobforge.bootstrap import Application
from jobforge.core.single_request import to_bundle
from jobforge.core.starting import MODULE_RUNNER
from jobforge.entrypoints.cli.jobs import answer_of, exit_code_of_answer, read_payload, show_answer
from jobforge.entrypoints.cli.listing import Listing, show_removed
from jobforge.entrypoints.cli.options import AsJson, Project, Tenant
from jobforge.entrypoints.cli.session import local_actor, out, print_json, run
from jobforge.ports.starting import ModuleCommand
from jobforge.steps.intake import Submission
from jobforge.use_cases.keep_modules import ModuleWish

app = typer.Typer(help="Register and run module commands.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The command's name.")]


@app.command()
def add(  # noqa: PLR0913, PLR0917 (an option each)
    name: Name,
    words: Annotated[
        list[str], typer.Argument(metavar="PROGRAM ARGUMENTS", help="The command, after --.")
    ],
    tenant: Tenant,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="VARIABLE", help="Hand it this variable of the worker's."),
    ] = None,
    time_limit: Annotated[
        int, typer.Option("--time-limit", metavar="SECONDS", help="Stop it after so long.")
    ] = 300,
    output_limit: Annotated[
        int, typer.Option("--output-limit", metavar="BYTES", help="Stop it after so much output.")
    ] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """Register a module command. There is no shell; {inputs} and {output} are filled in.

    Example: jobforge module add ops --tenant acme -- /usr/bin/node /opt/ops/cli.js analyze --input {inputs} --output {output}
    """  # noqa: E501 (an example is one line)

    async def command(app: Application) -> int:
        wish = ModuleWish(name, words, tuple(env or ()), time_limit, output_limit)
        record = await app.modules.add(wish, await app.names.tenant(tenant), local_actor())
        if as_json:
            print_json(to_json(record))
        else:
            out.print(f"Registered module command {name}", markup=False)
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_modules(tenant: Tenant, as_json: AsJson = False) -> None:
    """List a tenant's module commands."""

    async def command(app: Application) -> int:
        commands = await app.modules.all(await app.names.tenant(tenant))
        return _LISTING.show(commands, as_json=as_json)

    run(command, as_json=as_json)


@app.command()
def remove(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Forget a module command. Schedules and rules that name it fail from now on."""

    async def command(app: Application) -> int:
        await app.modules.remove(name, await app.names.tenant(tenant), local_actor())
        return show_removed(name, as_json=as_json)

    run(command, as_json=as_json)


@app.command("run")
def run_module(
    name: Name,
    tenant: Tenant,
    inputs: Annotated[
        Path | None, typer.Option("--inputs", metavar="FILE", help="A JSON object for the module.")
    ] = None,
    project: Project = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Execute its bundle; without, it is planned only.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a registered module now, take its report and bundle in, and wait for it.

    Example: jobforge module run ops --tenant acme --inputs window.json
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        payload = {
            "command": name,
            "inputs": {} if inputs is None else read_payload(inputs),
            "mode": "execute" if execute else "dry_run",
        }
        project_id = await app.names.project(owner, project)
        submission = Submission(owner, local_actor(), "execute", project_id)
        key = f"module-run:{app.ids.uuid()}"
        bundle = to_bundle(MODULE_RUNNER, payload, tenant=owner.slug, key=key)
        result = await app.submit_bundle.translated(bundle, submission)
        answer = await answer_of(app, owner, result, MODULE_RUNNER)
        show_answer(answer, as_json=as_json)
        return exit_code_of_answer(answer)

    run(command, as_json=as_json)


def to_json(command: ModuleCommand) -> dict[str, object]:
    """A module command as `--json` shows it."""
    return {
        "name": command.name,
        "words": list(command.words),
        "variables": list(command.variables),
        "timeout_seconds": command.timeout_seconds,
        "max_output_bytes": command.max_output_bytes,
        "created_by": command.created_by,
    }


def _to_row(command: ModuleCommand) -> tuple[str, ...]:
    names = ", ".join(command.variables) or "none"
    limits = (f"{command.timeout_seconds:,}", f"{command.max_output_bytes:,}")
    return command.name, " ".join(command.words), names, *limits


_LISTING = Listing(
    ("name", "command", "variables", "seconds", "bytes"),
    _to_row,
    to_json,
    "No module command yet: jobforge module add NAME",
)
