"""Examine this installation: database, clock, engine, backlog, chains, secrets, switches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from jobforge.contract.errors import JobForgeError
from jobforge.core.admission import Switches
from jobforge.core.audit import ChainVerdict
from jobforge.ports.engine import JobEngine
from jobforge.ports.overview import Overview
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock
from jobforge.ports.telemetry import Backlog

MAX_SKEW = timedelta(seconds=5)
"""Policy tokens end at their second, and a job's time comes by the worker's clock."""

LATE_AFTER = timedelta(minutes=5)


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
    overview: Overview
    verify_audit: Callable[[], Awaitable[tuple[ChainVerdict, ...]]]
    clock: Clock
    settings: _HasSecret
    switches: Callable[[], Switches]

    async def __call__(self) -> tuple[Check, ...]:
        """Look at everything; nothing raises."""
        looks = (
            ("database", self._database),
            ("clock", self._clock),
            ("engine", self._engine),
            ("backlog", self._backlog),
            ("stuck jobs", self._stuck),
            ("audit", self._chains),
        )
        checks = [await _guarded(name, look) for name, look in looks]
        return (*checks, self._secret(), self._switches())

    async def readiness(self) -> Check:
        """Whether work can be taken: the database answers."""
        return await _guarded("database", self._answers)

    async def _answers(self) -> Check:
        await self.storage.find_tenant("")
        return Check("database", is_well=True, message="answers")

    async def _database(self) -> Check:
        tenants = await self.storage.list_tenants()
        return Check("database", is_well=True, message=f"answers; {len(tenants)} tenants")

    async def _clock(self) -> Check:
        before = self.clock.now()
        theirs = await self.overview.database_time()
        after = self.clock.now()
        # Between asking and hearing it may have been any moment.
        skew = max(before - theirs, theirs - after, timedelta(0))
        seconds = skew.total_seconds()
        if skew > MAX_SKEW:
            return Check(
                "clock",
                is_well=False,
                message=f"it differs from the database's by {seconds:.1f} s",
                hint="Synchronise both machines (NTP): tokens end and jobs begin by them.",
            )
        return Check(
            "clock", is_well=True, message=f"within {max(seconds, 0.1):.1f} s of the database's"
        )

    async def _engine(self) -> Check:
        moved = await self.engine.sweep()
        said = "nothing is stranded" if moved == 0 else f"{moved} jobs were put back into the queue"
        return Check("engine", is_well=True, message=said)

    async def _backlog(self) -> Check:
        backlog = await self.overview.measure_backlog(self.clock.now())
        is_worked = await self.overview.is_worker_present()
        is_late = backlog.oldest > LATE_AFTER
        said = _to_words(backlog) + (", a worker runs" if is_worked else ", no worker runs")
        if not is_late:
            return Check("backlog", is_well=True, message=said)
        hint = (
            "More workers, or a look at a tenant's cap, switches and windows: jobforge job list"
            if is_worked
            else "Start one: jobforge worker"
        )
        return Check("backlog", is_well=False, message=said, hint=hint)

    async def _stuck(self) -> Check:
        stuck = (await self.overview.measure_backlog(self.clock.now())).stuck
        if stuck == 0:
            return Check("stuck jobs", is_well=True, message="none")
        return Check(
            "stuck jobs",
            is_well=False,
            message=f"{stuck} say that they run, and no worker was heard of for a minute",
            hint="The next worker takes them up again: jobforge worker",
        )

    async def _chains(self) -> Check:
        verdicts = await self.verify_audit()
        broken = [verdict for verdict in verdicts if not verdict.is_intact]
        if broken:
            return Check(
                "audit",
                is_well=False,
                message=f"tenant {broken[0].tenant_id}: {broken[0].message}",
                hint="jobforge audit verify says all; keep database and files as they are",
            )
        entries = sum(verdict.entries for verdict in verdicts)
        return Check(
            "audit", is_well=True, message=f"{len(verdicts)} chains hold, {entries} entries"
        )

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


async def _guarded(name: str, look: Callable[[], Awaitable[Check]]) -> Check:
    """What was seen, or why nothing could be."""
    try:
        return await look()
    except JobForgeError as error:
        return Check(name, is_well=False, message=error.message, hint=error.hint)


def _to_words(backlog: Backlog) -> str:
    """The counts, and how long the oldest has been there."""
    if backlog.waiting + backlog.released + backlog.running == 0:
        return "nothing waits"
    minutes, seconds = divmod(round(backlog.oldest.total_seconds()), 60)
    return (
        f"{backlog.waiting + backlog.released} jobs wait, {backlog.running} run; "
        f"the oldest could have run {minutes} min {seconds} s ago"
    )
