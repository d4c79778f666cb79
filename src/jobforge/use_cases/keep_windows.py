"""Add a maintenance window, list them, remove one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.catalog import JobCatalog
from jobforge.core.controls import Once, Scope, Weekly, WindowKind
from jobforge.core.errors import InvalidInput, Missing
from jobforge.core.names import check_name
from jobforge.ports.controls import WindowRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock


@dataclass(frozen=True, slots=True)
class KeepWindows:
    """Keeps the windows. What may not begin now waits in its place."""

    storage: Storage
    catalog: JobCatalog
    clock: Clock
    release_all: Callable[[], Awaitable[int]]

    async def add(
        self,
        name: str,
        kind: WindowKind,
        scope: Scope,
        times: Weekly | Once,
        actor: Actor,
        *,
        only_actions: bool = True,
    ) -> WindowRecord:
        """Add one.

        Raises:
            InvalidInput: the name is none, or there is no such job type or time zone.
            AlreadyExists: the name is taken.
        """
        if scope.job_type is not None and self.catalog.find(scope.job_type) is None:
            raise InvalidInput(f"there is no job type {scope.job_type}", hint="jobforge types list")
        window = WindowRecord(
            name=check_name(name, "window name"),
            kind=kind,
            job_type=scope.stored_type,
            only_actions=only_actions,
            times=times,
            actor=actor.name,
            created_at=self.clock.now(),
        )
        details = {"kind": kind, "times": str(times), "job_type": window.job_type}
        async with self.storage.transaction(scope.tenant_id) as unit:
            await unit.controls.insert_window(window)
            await unit.audit.append([self._entry("window.added", name, scope, actor, details)])
        return window

    async def all(self, scope: Scope) -> tuple[WindowRecord, ...]:
        """The windows of a tenant, or of everything, by name."""
        async with self.storage.transaction(scope.tenant_id) as unit:
            return await unit.controls.windows()

    async def remove(self, name: str, scope: Scope, actor: Actor) -> None:
        """Forget one, and let go on what waited for it.

        Raises:
            Missing: there is none of that name.
        """
        async with self.storage.transaction(scope.tenant_id) as unit:
            if not await unit.controls.remove_window(name):
                raise Missing(f"there is no window {name} of {scope}", hint="jobforge window list")
            await unit.audit.append([self._entry("window.removed", name, scope, actor, {})])
        await self.release_all()

    def _entry(
        self, event: str, name: str, scope: Scope, actor: Actor, details: dict[str, str]
    ) -> AuditEntry:
        return AuditEntry(
            tenant_id=scope.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event=event,
            subject=f"window:{name}",
            details=details,
        )
