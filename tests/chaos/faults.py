"""Which faults strike when, drawn from a seed; and how each is done."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal, get_args

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.chaos.proxy import FaultProxy
    from tests.chaos.workers import Workers

Kind = Literal[
    "worker killed",
    "worker frozen",
    "server killed",
    "server restarted",
    "connections cut",
    "connections held up",
    "statements canceled",
    "disk full",
    "clock stepped",
]
_WEIGHTS: dict[Kind, int] = {
    "worker killed": 20,
    "worker frozen": 16,
    "server killed": 6,
    "server restarted": 6,
    "connections cut": 16,
    "connections held up": 8,
    "statements canceled": 12,
    "disk full": 8,
    "clock stepped": 8,
}
_FULL_DISK = """
    CREATE SCHEMA chaos;
    CREATE TABLE chaos.disk (is_full boolean NOT NULL);
    INSERT INTO chaos.disk VALUES (false);
    CREATE FUNCTION chaos.write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog AS $$
    BEGIN
        IF (SELECT is_full FROM chaos.disk) THEN
            RAISE EXCEPTION 'could not extend file: No space left on device'
                USING ERRCODE = 'disk_full';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos AFTER INSERT OR UPDATE ON jobforge.jobs
        FOR EACH STATEMENT EXECUTE FUNCTION chaos.write();
    CREATE TRIGGER chaos AFTER INSERT ON jobforge.audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION chaos.write();
    CREATE TRIGGER chaos AFTER INSERT ON jobforge.artifact_chunks
        FOR EACH STATEMENT EXECUTE FUNCTION chaos.write();
    CREATE TRIGGER chaos AFTER INSERT ON pgqueuer.pgqueuer
        FOR EACH STATEMENT EXECUTE FUNCTION chaos.write();
"""
_CANCEL = """
    SELECT pg_cancel_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind, and a number in [0, 1) for each thing about it that is drawn."""

    kind: Kind
    which: float
    how_long: float


def draw_faults(count: int, random: Random) -> tuple[Fault, ...]:
    """Draw them; the first ones are one of each kind."""
    kinds = list(get_args(Kind))[:count]
    kinds += random.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count - len(kinds))
    random.shuffle(kinds)
    return tuple(Fault(kind, random.random(), random.random()) for kind in kinds)


@dataclass
class Injector:
    """Does them. `longest` is how many seconds a worker stays frozen at most."""

    owner_dsn: str
    data: Path
    proxy: FaultProxy
    workers: Workers
    random: Random
    longest: float
    done: dict[str, int] = field(default_factory=dict)
    _lasting: set[asyncio.Task[None]] = field(default_factory=set)

    async def prepare(self) -> None:
        """Give the database a disk that can be full."""
        async with self._owner() as owner:
            await owner.execute(_FULL_DISK)

    async def strike(self, fault: Fault) -> None:
        """Do it, and go on; what lasts ends by itself."""
        lasting = asyncio.create_task(self._do(fault))
        self._lasting.add(lasting)
        lasting.add_done_callback(self._lasting.discard)
        self.done[fault.kind] = self.done.get(fault.kind, 0) + 1

    async def relent(self) -> None:
        """Wait until nothing strikes any more."""
        await asyncio.gather(*self._lasting)

    async def _do(self, fault: Fault) -> None:
        match fault.kind:
            case "worker killed" | "worker frozen" | "clock stepped":
                await self._strike_worker(fault)
            case "server killed":
                self._signal_server(signal.SIGKILL)
            case "server restarted":
                self._signal_server(signal.SIGINT)
            case "connections cut":
                self.proxy.cut(0.2 + 0.8 * fault.how_long, self.random)
            case _:
                await self._strike_statements(fault)

    async def _strike_worker(self, fault: Fault) -> None:
        match fault.kind:
            case "worker killed":
                await self.workers.kill(fault.which)
            case "worker frozen":
                await self.workers.freeze(fault.which, fault.how_long * self.longest)
            case _:
                self.workers.step_clock(fault.which, 60 * fault.how_long - 30)

    async def _strike_statements(self, fault: Fault) -> None:
        match fault.kind:
            case "connections held up":
                await self.proxy.hold_up(3 * fault.how_long)
            case "statements canceled":
                await self._cancel()
            case _:
                await self._fill_disk(4 * fault.how_long)

    def _signal_server(self, number: signal.Signals) -> None:
        with suppress(FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            os.kill(int(self.data.read_text().split()[0]), number)

    async def _cancel(self) -> None:
        with suppress(asyncpg.PostgresError, OSError):
            async with self._owner() as owner:
                await owner.execute(_CANCEL)

    async def _fill_disk(self, seconds: float) -> None:
        await self._set_full("true")
        await asyncio.sleep(seconds)
        await self._set_full("false")

    async def _set_full(self, value: Literal["true", "false"]) -> None:
        """Again until it is done: a disk that stays full would be another test."""
        while True:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                async with self._owner() as owner:
                    await owner.execute(f"UPDATE chaos.disk SET is_full = {value}")  # noqa: S608 (one of two words)
                    return
            await asyncio.sleep(0.2)

    @asynccontextmanager
    async def _owner(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Not through the proxy."""
        connection = await asyncpg.connect(self.owner_dsn, timeout=5)
        try:
            yield connection
        finally:
            connection.terminate()


def describe(faults: Sequence[Fault]) -> str:
    """How many of which kind."""
    counts = {kind: sum(fault.kind == kind for fault in faults) for kind in get_args(Kind)}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())
