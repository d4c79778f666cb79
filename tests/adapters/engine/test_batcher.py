"""The batcher: everybody gets an answer of their own, whenever they come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from jobforge.adapters.engine.batcher import Batcher


async def double(items: Sequence[int]) -> list[int]:
    return [2 * item for item in items]


async def test_a_crowd_leaves_together_and_in_batches_of_the_limit() -> None:
    sizes = []

    async def run(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        return await double(items)

    batcher: Batcher[int, int] = Batcher(run, limit=4)

    answers = await asyncio.gather(*map(batcher.submit, range(10)))

    assert answers == [2 * n for n in range(10)]
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize("turns", range(8))
async def test_who_comes_as_a_flush_ends_is_not_forgotten(turns: int) -> None:
    opened = asyncio.get_running_loop().create_future()

    async def run(items: Sequence[int]) -> list[int]:
        await opened
        return await double(items)

    batcher: Batcher[int, int] = Batcher(run)
    first = asyncio.create_task(batcher.submit(1))
    for _ in range(4):
        await asyncio.sleep(0)

    opened.set_result(None)
    for _ in range(turns):
        await asyncio.sleep(0)
    second = asyncio.create_task(batcher.submit(2))

    async with asyncio.timeout(5):
        assert (await first, await second) == (2, 4)


async def test_a_fault_reaches_everybody_of_its_batch_and_nobody_after() -> None:
    async def run(items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise OSError
        return await double(items)

    batcher: Batcher[int, int] = Batcher(run)

    failed = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)

    assert [type(error) for error in failed] == [OSError, OSError]
    assert await batcher.submit(3) == 6
