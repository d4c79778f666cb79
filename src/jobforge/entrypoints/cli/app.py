"""The command tree: every command is listed here once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from jobforge import __version__
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.cli import (
    agents,
    artifacts,
    audit,
    bundles,
    changing_jobs,
    connections,
    datasets,
    events,
    impact,
    jobs,
    keys,
    limits,
    modules,
    operate,
    projects,
    replay,
    reports,
    retention,
    runs,
    schedules,
    serving,
    sql,
    switches,
    tenants,
    tokens,
    triggers,
    types,
    webhooks,
    windows,
)
from jobforge.entrypoints.cli.permissions import ask_first
from jobforge.entrypoints.cli.session import exit_code_of, show_error

app = typer.Typer(
    name="jobforge",
    help="Executes what autopilot modules recommend: planned, gated, walled off by tenant, proven.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.command("demo")(operate.demo)
app.command("init")(operate.init)
app.command("doctor")(operate.doctor)
app.command("flags")(operate.flags)
app.add_typer(tenants.app, name="tenant")
app.add_typer(projects.app, name="project")
app.add_typer(bundles.app, name="bundle")
app.add_typer(runs.app, name="run")
jobs.app.command("cancel")(changing_jobs.cancel)
jobs.app.command("retry")(changing_jobs.retry)
app.add_typer(jobs.app, name="job")
app.add_typer(schedules.app, name="schedule")
app.add_typer(events.app, name="event")
app.add_typer(triggers.app, name="trigger")
app.add_typer(modules.app, name="module")
app.add_typer(tokens.app, name="token")
app.add_typer(datasets.app, name="data")
app.add_typer(connections.app, name="connection")
app.add_typer(audit.app, name="audit")
app.add_typer(artifacts.app, name="artifact")
app.add_typer(reports.app, name="report")
app.add_typer(types.app, name="types")
app.add_typer(keys.app, name="key")
app.add_typer(sql.app, name="sql")
app.add_typer(webhooks.app, name="webhook")
app.command("worker")(operate.worker)
app.command("serve")(serving.serve)
app.command("mcp")(agents.mcp)
app.add_typer(switches.app, name="switch")
app.command("pause")(switches.pause)
app.command("resume")(switches.resume)
app.add_typer(windows.app, name="window")
app.add_typer(limits.app, name="limits")
app.add_typer(retention.app, name="retention")
app.command("impact")(impact.impact)
app.command("replay")(replay.replay)

ask_first(app)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"jobforge {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Executes what autopilot modules recommend: planned, gated, walled off by tenant, proven."""


def main() -> None:
    """Run the command line."""
    sys.exit(run_words(sys.argv[1:]))


def run_words(words: Sequence[str]) -> int:
    """Run a command as the shell gives it; the exit code.

    With --json even a fault in the words themselves is one document on standard output.
    """
    if "--json" not in words:
        app(list(words))
        return 0
    try:
        return app(list(words), standalone_mode=False) or 0
    except typer.Abort:
        return 1
    except TyperException as fault:
        error = InvalidInput(fault.format_message(), hint="jobforge --help lists the commands")
        show_error(error, as_json=True)
        return exit_code_of(error)
