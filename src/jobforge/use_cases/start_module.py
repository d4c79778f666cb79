"""Run a registered module command for a running job."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.contract.canonical import canonical_bytes
from jobforge.core.errors import Missing
from jobforge.core.starting import ModuleOrder, ModuleRun
from jobforge.ports.engine import Attempt
from jobforge.ports.starting import ModuleRunner
from jobforge.ports.storage import Storage


@dataclass(frozen=True, slots=True)
class StartModule:
    """Runs what the tenant's operator registered under the name, and nothing else."""

    storage: Storage
    runner: ModuleRunner

    async def __call__(self, order: ModuleOrder, attempt: Attempt) -> ModuleRun:
        """Run it.

        Raises:
            Missing: no such command is registered for the tenant.
            SourceMalformed: what it wrote is no plain file, or too large.
        """
        async with self.storage.transaction(attempt.ref.tenant_id) as unit:
            command = await unit.modules.find(order.command)
        if command is None:
            raise Missing(
                f"there is no module command {order.command}", hint="jobforge module add NAME"
            )
        names = {
            "tenant": attempt.tenant_slug,
            "tenant_id": str(attempt.ref.tenant_id),
            "project": "" if attempt.project_id is None else str(attempt.project_id),
            "trace_id": attempt.trace_id,
        }
        run = await self.runner.run(command, canonical_bytes(order.inputs), names)
        return run.model_copy(update={"program": command.words[0]})
