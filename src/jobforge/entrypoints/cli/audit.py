"""`jobforge audit`: what was decided, and whether the record of it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from jobforge.bootstrap import Application
from jobforge.core.audit import ChainVerdict
from jobforge.entrypoints.cli.files import open_to_write
from jobforge.entrypoints.cli.options import AsJson, Limit
from jobforge.entrypoints.cli.scopes import read_chain
from jobforge.entrypoints.cli.session import errors, new_table, out, print_json, run

app = typer.Typer(help="List, verify and export the audit log.", no_args_is_help=True)


OneChain = Annotated[
    str | None,
    typer.Option(
        "--tenant", "-t", metavar="T", help="Whose log; without it, that of acts on everything."
    ),
]


@app.command("list")
def list_entries(tenant: OneChain = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List the newest audit entries of a tenant, or of an operator's acts on everything."""

    async def command(app: Application) -> int:
        entries = await app.read_audit.newest(await read_chain(app, tenant), limit)
        if as_json:
            print_json(
                [
                    {
                        "seq": e.seq,
                        "at": e.at.isoformat(),
                        "actor": e.actor,
                        "event": e.event,
                        "subject": e.subject,
                        "hash": e.hash.hex(),
                    }
                    for e in entries
                ]
            )
            return 0
        table = new_table("seq", "at", "actor", "event", "subject")
        for e in entries:
            when = e.at.isoformat(sep=" ", timespec="milliseconds")
            table.add_row(str(e.seq), when, Text(e.actor), Text(e.event), Text(e.subject))
        out.print(table)
        return 0

    run(command, as_json=as_json)


@app.command()
def verify(
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", "-t", metavar="T", help="One tenant; every chain by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify every audit chain; names the first bad entry. A broken chain exits with 1."""

    async def command(app: Application) -> int:
        owner = None if tenant is None else await app.names.tenant(tenant)
        verdicts = await app.verify_audit(owner)
        if as_json:
            print_json({"ok": _hold(verdicts), "chains": [_to_json(v) for v in verdicts]})
        for verdict in () if as_json else verdicts:
            _say(verdict)
        return 0 if _hold(verdicts) else 1

    run(command, as_json=as_json)


@app.command()
def export(
    tenant: OneChain = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; default: standard output."),
    ] = None,
) -> None:
    """Write a whole log as JSON Lines, which docs/reference/verify_audit.py verifies."""

    async def command(app: Application) -> int:
        owner = await read_chain(app, tenant)
        if output is None:
            async for line in app.read_audit.export(owner):
                typer.echo(line)
            return 0
        count = 0
        with open_to_write(output) as file:
            async for line in app.read_audit.export(owner):
                file.write(line.encode() + b"\n")
                count += 1
        errors.print(f"Wrote {count} entries to {output}", markup=False)
        return 0

    run(command)


def _hold(verdicts: tuple[ChainVerdict, ...]) -> bool:
    return all(verdict.is_intact for verdict in verdicts)


def _say(verdict: ChainVerdict) -> None:
    if verdict.is_intact:
        out.print(
            f"[green]ok[/] tenant {verdict.tenant_id}: {verdict.entries} entries, "
            f"proven up to {verdict.proven_until} by a signed checkpoint"
        )
        return
    out.print(f"[bold red]BROKEN[/] tenant {verdict.tenant_id}, first bad entry", end=" ")
    out.print(f"{verdict.first_bad}: {verdict.message}", markup=False)


def _to_json(verdict: ChainVerdict) -> dict[str, object]:
    return {
        "tenant_id": str(verdict.tenant_id),
        "ok": verdict.is_intact,
        "entries": verdict.entries,
        "last_seq": verdict.last_seq,
        "proven_until": verdict.proven_until,
        "first_bad": verdict.first_bad,
        "problem": verdict.problem,
        "message": verdict.message,
    }
