"""`jobforge replay`: a past run under today's rules and code."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.options import AsJson, Tenant
from jobforge.entrypoints.cli.session import local_actor, new_table, out, print_json, run
from jobforge.use_cases.replay_run import Replay


def replay(
    run_id: Annotated[UUID, typer.Argument(metavar="RUN", help="The bundle run's id.")],
    tenant: Tenant,
    as_json: AsJson = False,
) -> None:
    """Plan a past run anew, under today's rules and code, and say what is different. Nothing runs.

    Ends with 1 where something is different. Example: jobforge replay RUN --tenant acme
    """

    async def command(app: Application) -> int:
        found = await app.replay_run(run_id, await app.names.tenant(tenant), local_actor())
        if as_json:
            print_json(found.to_json())
        else:
            _show(found)
        return 0 if found.is_same else 1

    run(command, as_json=as_json)


def _show(found: Replay) -> None:
    if found.is_same:
        out.print(f"{found.requests} requests: decided the same, and would change the same")
        return
    table = new_table("request", "what", "then", "now", "why")
    for changed in found.decisions:
        table.add_row(
            changed.request_id, "decision", changed.then or "-", changed.now or "-", changed.reason
        )
    for drift in found.effects:
        what = f"{drift.kind} {drift.subject}"
        table.add_row(drift.request_id, what, drift.planned or "-", drift.current or "-", "")
    out.print(table)
