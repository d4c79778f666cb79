"""Show and change what a tenant may have at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.controls import Limits
from jobforge.core.errors import InvalidInput
from jobforge.core.names import check_name
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock

_BOUNDS: Mapping[str, tuple[int, int]] = {
    "running_cap": (1, 10_000),
    "rate_per_minute": (1, 600_000),
    "daily_jobs": (0, 1_000_000_000),
    "targets_per_action": (0, 100_000),
    "targets_per_day": (0, 1_000_000_000),
}


@dataclass(frozen=True, slots=True)
class KeepLimits:
    """Keeps the tenants' limits. A change holds from the next release on, without a restart."""

    storage: Storage
    clock: Clock

    async def __call__(self, tenant: TenantRecord) -> Limits:
        """The tenant's limits."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.controls.limits()

    async def change(
        self, tenant: TenantRecord, changes: Mapping[str, int | None], reason: str, actor: Actor
    ) -> Limits:
        """Change some of them, by the names of `Limits`; None takes a limit away.

        Raises:
            InvalidInput: there is no such limit, its value is out of bounds, or there is no reason.
        """
        for name, value in changes.items():
            _check(name, value)
        at = self.clock.now()
        async with self.storage.transaction(tenant.tenant_id) as unit:
            before = await unit.controls.limits()
            values: dict[str, Any] = {**asdict(before), **changes}
            after = Limits(**values)
            await unit.controls.set_limits(after)
            await unit.jobs.release(at)
            entry = AuditEntry(
                tenant_id=tenant.tenant_id,
                at=at,
                actor=actor.name,
                event="limits.changed",
                subject=f"tenant:{tenant.tenant_id}",
                details={
                    "reason": check_name(reason, "reason"),
                    "was": asdict(before),
                    "is": asdict(after),
                },
            )
            await unit.audit.append([entry])
        return after


def _check(name: str, value: int | None) -> None:
    if name not in _BOUNDS:
        raise InvalidInput(f"there is no limit {name}", hint=f"one of {', '.join(_BOUNDS)}")
    least, most = _BOUNDS[name]
    if value is None and name == "running_cap":
        raise InvalidInput("a tenant has a running cap: it keeps others from waiting")
    if value is not None and not least <= value <= most:
        raise InvalidInput(f"{name} is from {least} to {most}")
