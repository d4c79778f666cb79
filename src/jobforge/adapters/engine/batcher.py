"""Gathers single calls into batches: while one batch is on its way, the next one fills."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Turns `await submit(item)` into calls of `run(items)`, at most `limit` items each.

    There is no timer: a lone item leaves at once, and a crowd leaves together. An error of a
    batch reaches each of its callers.
    """

    def __init__(
        self,
        run: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        limit: int = 200,
        lanes: int = 1,
    ) -> None:
        self._run = run
        self._limit = limit
        self._lanes = lanes
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._flushing = 0
        self._flushes: set[asyncio.Task[None]] = set()

    async def submit(self, item: T) -> R:
        """Hand in one item and wait for its own answer."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._flushing < self._lanes:
            self._flushing += 1
            flush = asyncio.create_task(self._flush())
            self._flushes.add(flush)
            flush.add_done_callback(self._flushes.discard)
        return await answer

    async def _flush(self) -> None:
        # Counted down in the same step that finds nobody waiting: a task is done a turn before its
        # callbacks run, and whoever came in between would wait for a flush that is over.
        try:
            # One turn of the loop lets everybody who is ready now come along.
            await asyncio.sleep(0)
            while self._waiting:
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._answer(batch)
        finally:
            self._flushing -= 1

    async def _answer(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._run([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 (it is handed to every caller of the batch)
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), result in zip(batch, results, strict=True):
            if not answer.done():
                answer.set_result(result)
