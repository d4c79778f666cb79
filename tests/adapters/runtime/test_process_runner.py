from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from jobforge.adapters.runtime.process_runner import ProcessRunner
from jobforge.adapters.telemetry.tracing import Tracing
from jobforge.core.context import DatasetFile
from jobforge.core.errors import EgressDenied, HandlerFailed, TimeLimit
from jobforge.testing import MemoryContext
from jobforge.testing.misbehaving import Deed, MisbehavingPayload, load_catalog

TYPE = load_catalog().find("jobforge.testing.misbehave")
OTHER_TENANT = UUID(int=2)


@pytest.fixture
async def runner() -> AsyncIterator[ProcessRunner]:
    made = ProcessRunner(
        "jobforge.testing.misbehaving:load_catalog", slots=2, memory_megabytes=2048
    )
    yield made
    made.close()


async def do(
    runner: ProcessRunner, deed: Deed, text: str = "", context: MemoryContext | None = None
) -> dict[str, Any]:
    assert TYPE is not None
    payload = MisbehavingPayload(deed=deed, text=text)
    result: Any = await runner.run(TYPE, payload, (), context or MemoryContext())
    return dict(result.seen)


async def test_a_time_limit_stops_a_handler_that_never_yields(runner: ProcessRunner) -> None:
    with pytest.raises(TimeLimit, match="2 seconds"):
        await do(runner, "spin")


async def test_a_memory_limit_holds(runner: ProcessRunner) -> None:
    with pytest.raises(HandlerFailed, match="MemoryError"):
        await do(runner, "hog")


async def test_a_crash_costs_one_attempt_and_nobody_elses(runner: ProcessRunner) -> None:
    sleeping = asyncio.create_task(do(runner, "sleep", "1"))
    await asyncio.sleep(0.1)

    with pytest.raises(HandlerFailed, match="SIGSEGV"):
        await do(runner, "crash")

    assert await sleeping == {}
    assert "pid" in await do(runner, "count")


async def test_what_a_handler_raises_is_told_with_its_type(runner: ProcessRunner) -> None:
    with pytest.raises(HandlerFailed, match="RuntimeError: no luck"):
        await do(runner, "raise", "no luck")


async def test_a_trace_goes_on_in_the_handlers_process(runner: ProcessRunner) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    with Tracing().span("job.run", traceparent, {}):
        assert await do(runner, "trace") == {"traceparent": traceparent}
    # The same warm process does not keep it.
    assert await do(runner, "trace") == {}


async def test_a_handler_finds_no_secret_around_itself(
    runner: ProcessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBFORGE_POLICY_TOKEN_SECRET", "canary-secret")

    seen = await do(runner, "spy")

    assert "canary" not in str(seen)
    names = {entry.partition("=")[0] for entry in seen["environment"].split("\0") if entry}
    assert names == {"PATH", "LC_ALL", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    harmless = ("socket:", "pipe:", "anon_inode:", "/dev/null", "/proc/")
    assert [file for file in seen["files"] if file and not file.startswith(harmless)] == []


async def test_a_handler_uses_every_part_of_its_context(
    runner: ProcessRunner, tmp_path: Path
) -> None:
    context = MemoryContext(seed=7, scratch=tmp_path / "scratch")
    (tmp_path / "scratch").mkdir()
    context.http.add("http://site.example/", "hello")
    numbers = tmp_path / "numbers.ndjson"
    numbers.write_text('{"n": 0.1}\n{"n": 2}\n')
    context.data.files["numbers"] = DatasetFile(path=numbers, format="ndjson", checksum="")

    seen = await do(runner, "ask", context=context)

    assert seen == {
        "ref": "artifact:sha256:06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8",
        "body": "hello",
        "inline": "1.5",
        "named": ["0.1", "2"],
        "file": "new",
        "files": ["f.txt"],
        "earlier": True,
        "seed": 7,
        "tenant": "acme",
    }
    assert context.artifacts.stored == {"a.bin": b"\x00\xff"}
    assert (tmp_path / "scratch" / "note").read_text() == "kept"
    assert context.reported == [(0.5, "half")]
    assert context.logged == [("asked", {"number": 1, "path": "x"})]


async def test_many_questions_can_be_open_at_a_time(runner: ProcessRunner) -> None:
    context = MemoryContext()
    context.http.add("http://site.example/", "hello")

    assert await do(runner, "ask_many", context=context) == {"answers": 50}


async def test_an_error_of_the_context_reaches_the_handler_as_itself(
    runner: ProcessRunner,
) -> None:
    class Closed:
        async def fetch(self, request: object) -> None:
            raise EgressDenied(f"{request} is not public")

    closed: Any = Closed()
    context = replace(MemoryContext(), http=closed)

    with pytest.raises(EgressDenied, match="not public"):
        await do(runner, "ask_many", context=context)


async def test_a_handler_may_ask_for_nothing_else(runner: ProcessRunner) -> None:
    with pytest.raises(HandlerFailed, match="may not ask for storage"):
        await do(runner, "lie")


async def test_a_warm_process_serves_one_tenant_until_it_is_recycled() -> None:
    runner = ProcessRunner("jobforge.testing.misbehaving:load_catalog", slots=1, jobs_per_process=2)
    mine = MemoryContext()
    other = MemoryContext(job=mine.job.model_copy(update={"tenant_id": OTHER_TENANT}))
    try:
        first = await do(runner, "count", context=mine)
        second = await do(runner, "count", context=mine)
        third = await do(runner, "count", context=mine)
        foreign = await do(runner, "count", context=other)
    finally:
        runner.close()

    assert first == second
    assert len({first["pid"], third["pid"], foreign["pid"]}) == 3


async def test_closing_ends_every_process(runner: ProcessRunner) -> None:
    pid = (await do(runner, "count"))["pid"]

    runner.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_cancelling_a_job_ends_its_process(runner: ProcessRunner) -> None:
    running = asyncio.create_task(do(runner, "sleep", "1.5"))
    await asyncio.sleep(1)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert "pid" in await do(runner, "count")
