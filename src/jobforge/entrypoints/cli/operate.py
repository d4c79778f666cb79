"""Commands about this installation: init, doctor, flags, worker, demo."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from jobforge.bootstrap import Application, harden_process, read_flags
from jobforge.config import Flags
from jobforge.contract.errors import JobForgeError
from jobforge.entrypoints.cli.options import AsJson
from jobforge.entrypoints.cli.session import (
    errors,
    new_table,
    out,
    print_json,
    run,
    show_setting_error,
)

MEASURE_EVERY_SECONDS = 15.0


def init(as_json: AsJson = False) -> None:
    """Start the database, migrate it, and make the keys this installation needs."""

    async def command(app: Application) -> int:
        facts = await app.examine()
        if as_json:
            print_json({"home": str(app.home), "checks": [check.to_json() for check in facts]})
        else:
            out.print(f"JobForge is ready; its home is {app.home}", markup=False)
        return 0

    run(command, as_json=as_json)


def doctor(as_json: AsJson = False) -> None:
    """Check and explain database, clock, engine, backlog, audit, secrets and switches."""

    async def command(app: Application) -> int:
        checks = await app.examine()
        is_well = all(check.is_well for check in checks)
        if as_json:
            print_json({"ok": is_well, "checks": [check.to_json() for check in checks]})
        for check in () if as_json else checks:
            sign = "[green]ok  [/]" if check.is_well else "[red]FAIL[/]"
            out.print(f"{sign} {check.name:12}", end=" ")
            out.print(check.message, markup=False)
            if check.hint:
                out.print(f"     {'':12} {check.hint}", markup=False)
        return 0 if is_well else 5

    run(command, as_json=as_json)


def flags(as_json: AsJson = False) -> None:
    """Show the switches. Everything is off unless someone turned it on."""
    try:
        current = read_flags()
    except ValidationError as error:
        raise typer.Exit(show_setting_error(error, as_json=as_json)) from None
    values = current.model_dump()
    if as_json:
        print_json(values)
        return
    table = new_table("variable", "is", "what it does")
    for name, field in Flags.model_fields.items():
        table.add_row(
            f"JOBFORGE_{name.upper()}", "on" if values[name] else "off", field.description
        )
    out.print(table)


def worker(
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", min=1, max=10_000, help="Jobs at a time.")
    ] = 400,
    drain: Annotated[
        bool, typer.Option("--drain", help="Stop once nothing is queued any more.")
    ] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            min=1,
            max=65_535,
            metavar="PORT",
            help="Serve Prometheus metrics at this port of 127.0.0.1.",
        ),
    ] = None,
) -> None:
    """Work the jobs of every tenant. SIGTERM and Ctrl-C finish what runs, then stop."""

    async def command(app: Application) -> int:
        harden_process()
        worker = app.make_worker(concurrency)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        errors.print(f"Worker with {concurrency} places; Ctrl-C stops it")
        async with _watched(app, metrics_port):
            await worker.run(drain=drain)
        return 0

    # Until its loop listens there is nothing to finish, so a worker that starts just leaves.
    signal.signal(signal.SIGTERM, _leave)
    run(command)


@asynccontextmanager
async def _watched(app: Application, port: int | None) -> AsyncIterator[None]:
    """Serve metrics while the block runs, where a port was given."""
    if port is None:
        yield
        return
    with app.metrics.serve(port):
        measuring = asyncio.create_task(_keep_measuring(app))
        try:
            yield
        finally:
            measuring.cancel()


async def _keep_measuring(app: Application) -> None:
    while True:
        # Without its database there is nothing to measure, and the worker says so itself.
        with suppress(JobForgeError):
            await app.measure_backlog()
        await asyncio.sleep(MEASURE_EVERY_SECONDS)


def _leave(*_: object) -> NoReturn:
    sys.exit(0)


def demo(context: typer.Context) -> None:
    """Run the main job end to end, on an embedded database and data of its own making."""
    # Its server, files and story are of no use to any other command.
    from jobforge.entrypoints.cli.demo import run_demo

    raise typer.Exit(run_demo(context.find_root().command))
