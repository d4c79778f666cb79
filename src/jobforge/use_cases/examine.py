"""Examine this installation: database, engine, secrets, switches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from jobforge.contract.errors import JobForgeError
from jobforge.core.admission import Switches
from jobforge.ports.engine import JobEngine
from jobforge.ports.storage import Storage


class _HasSecret(Protocol):
    @property
    def policy_token_secret(self) -> Any: ...  # noqa: ANN401 (only whether it is there matters)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    is_well: bool
    message: str
    hint: str | None = None

    def to_json(self) -> dict[str, object]:
        """As the command line prints it."""
        return {
            "name": self.name,
            "ok": self.is_well,
            "message": self.message,
            "hint": self.hint,
        }


@dataclass(frozen=True, slots=True)
class Examine:
    """Examines the installation."""

    storage: Storage
    engine: JobEngine
    settings: _HasSecret
    switches: Callable[[], Switches]

    async def __call__(self) -> tuple[Check, ...]:
        """Look at everything; nothing raises."""
        return (
            await self._database(),
            await self._engine(),
            self._secret(),
            self._switches(),
        )

    async def readiness(self) -> Check:
        """Whether work can be taken: the database answers."""
        try:
            await self.storage.find_tenant("")
        except JobForgeError as error:
            return Check("database", is_well=False, message=error.message, hint=error.hint)
        return Check("database", is_well=True, message="answers")

    async def _database(self) -> Check:
        try:
            tenants = await self.storage.list_tenants()
        except JobForgeError as error:
            return Check("database", is_well=False, message=error.message, hint=error.hint)
        return Check("database", is_well=True, message=f"answers; {len(tenants)} tenants")

    async def _engine(self) -> Check:
        try:
            moved = await self.engine.sweep()
        except JobForgeError as error:
            return Check("engine", is_well=False, message=error.message, hint=error.hint)
        said = "nothing is stranded" if moved == 0 else f"{moved} jobs were put back into the queue"
        return Check("engine", is_well=True, message=said)

    def _secret(self) -> Check:
        if self.settings.policy_token_secret is None:
            return Check(
                "tokens",
                is_well=True,
                message="no secret is set, so that no action can be permitted",
                hint="JOBFORGE_POLICY_TOKEN_SECRET: at least 32 random bytes",
            )
        return Check("tokens", is_well=True, message="policy tokens can be signed")

    def _switches(self) -> Check:
        switches = self.switches()
        autopilot = "on" if switches.autopilot_jobs else "off"
        actions = "on" if switches.action_jobs else "off"
        return Check(
            "switches", is_well=True, message=f"autopilot jobs {autopilot}, actions {actions}"
        )
