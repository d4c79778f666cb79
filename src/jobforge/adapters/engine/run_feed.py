"""How runs go, for any number of watchers: each change is read once and given to all of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from jobforge.adapters.engine.engine import RUN_CHANNEL
from jobforge.core.errors import Missing, Unavailable
from jobforge.core.lifecycle import is_terminal
from jobforge.ports.feed import RunMoment
from jobforge.ports.storage import Storage

if TYPE_CHECKING:
    from jobforge.adapters.postgres.database import Database

MAX_WATCHERS = 5_000
_RETRY_SECONDS = 2.0


@dataclass
class _Watched:
    """A run that somebody watches."""

    tenant_id: UUID
    moment: RunMoment | None = None
    watchers: set[asyncio.Event] = field(default_factory=set)
    is_dirty: bool = False
    reading: asyncio.Task[None] | None = None


class RunFeed:
    """Implements `ports.feed.RunFeed` over notifications; one connection listens for everybody."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        self._stack = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._is_listening = False
        self._watched: dict[UUID, _Watched] = {}
        self._count = 0

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return self._count

    async def close(self) -> None:
        """Stop listening."""
        for watched in self._watched.values():
            if watched.reading is not None:
                watched.reading.cancel()
        await self._stack.aclose()

    async def watch(self, tenant_id: UUID, run_id: UUID) -> AsyncGenerator[RunMoment, None]:
        """The run as it is now, and then each time it changed, until it is closed.

        Raises:
            Missing: the tenant has no such run.
            Unavailable: too many watch already.
        """
        if self._count >= MAX_WATCHERS:
            raise Unavailable("too many watch runs here already")
        await self._listen()
        changed = asyncio.Event()
        watched = self._watched.setdefault(run_id, _Watched(tenant_id))
        watched.watchers.add(changed)
        self._count += 1
        try:
            seen = await self._read(tenant_id, run_id)
            yield seen
            while not seen.is_closed:
                await changed.wait()
                changed.clear()
                if watched.moment is not None and watched.moment != seen:
                    seen = watched.moment
                    yield seen
        finally:
            self._count -= 1
            watched.watchers.discard(changed)
            if not watched.watchers:
                self._watched.pop(run_id, None)

    async def _listen(self) -> None:
        async with self._starting:
            if not self._is_listening:
                await self._stack.enter_async_context(
                    self._database.listen(RUN_CHANNEL, self._note)
                )
                self._is_listening = True

    def _note(self, payload: str | None) -> None:
        """A run changed, or, after a gap, any of them may have."""
        if payload is None:
            for run_id, watched in self._watched.items():
                self._look(run_id, watched)
            return
        with contextlib.suppress(ValueError):
            run_id = UUID(payload)
            if run_id in self._watched:
                self._look(run_id, self._watched[run_id])

    def _look(self, run_id: UUID, watched: _Watched) -> None:
        watched.is_dirty = True
        if watched.reading is None or watched.reading.done():
            watched.reading = asyncio.create_task(self._refresh(run_id, watched))

    async def _refresh(self, run_id: UUID, watched: _Watched) -> None:
        while watched.is_dirty and watched.watchers:
            watched.is_dirty = False
            try:
                watched.moment = await self._read(watched.tenant_id, run_id)
            except Missing:
                return
            except Unavailable:
                watched.is_dirty = True
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            for changed in watched.watchers:
                changed.set()

    async def _read(self, tenant_id: UUID, run_id: UUID) -> RunMoment:
        async with self._storage.transaction(tenant_id) as unit:
            status = await unit.runs.status(run_id)
            children = () if status is None else await unit.jobs.progress_of(run_id)
        if status is None:
            raise Missing(f"there is no run {run_id}")
        counts: dict[str, int] = {}
        for child in children:
            counts[child.status] = counts.get(child.status, 0) + 1
        document = {
            "run_id": str(run_id),
            "status": status,
            "done": sum(is_terminal(child.status) for child in children),
            "total": len(children),
            "jobs": counts,
            "children": {child.request_id: child.status for child in children},
            "running": [
                {
                    "request_id": child.request_id,
                    "progress": child.progress,
                    "message": child.progress_message,
                }
                for child in children
                if child.status == "running"
            ],
        }
        text = json.dumps(document)
        number = hashlib.sha256(text.encode()).hexdigest()[:24]
        return RunMoment(number, is_closed=status != "open", document=text)
