"""Progress bars while a run goes on; silence where nobody sits at a terminal."""

from __future__ import annotations

from uuid import UUID

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.session import errors
from jobforge.ports.records import TenantRecord
from jobforge.ports.runtime import RunProgress


async def wait_for_run(app: Application, tenant: TenantRecord, run_id: UUID) -> None:
    """Wait until the run is closed, with a bar on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("children", total=None)

        def on_change(progress: RunProgress) -> None:
            said = ", ".join(
                f"{request_id} {fraction:.0%} {message}".rstrip()
                for request_id, fraction, message in progress.running[:2]
            )
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                description=said or "children",
            )

        await app.waiter.wait_closed(tenant.tenant_id, run_id, on_change)
