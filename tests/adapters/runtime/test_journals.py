"""The journal of an action, on the real engine: kept over attempts, and closed to a lost one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from tests.application import Harness, Text, make_type, open_harness, say

from jobforge.adapters.engine.engine import PostgresEngine
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.runtime.journals import NoJournal, StoredJournal
from jobforge.core.context import JobContext
from jobforge.core.errors import AttemptLost, Denied, HandlerFailed, Postponed
from jobforge.ports.engine import Attempt, JobRef

LATER = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


async def note(payload: Text, context: JobContext) -> Text:
    """Write a line at each attempt; the second gives all it finds."""
    number = context.job.attempt
    await context.journal.write(0, "begun", f"attempt {number}, password=hunter2-hunter2")
    if number < 2:
        raise HandlerFailed(payload.text)
    entries = await context.journal.entries()
    return Text(text=" | ".join(f"{e.attempt} {e.step} {e.state}: {e.note}" for e in entries))


async def wait(payload: Text, context: JobContext) -> Text:
    """Start only at the second attempt."""
    if context.job.attempt < 2:
        raise Postponed(LATER)
    return payload


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    types = [make_type("note", note), make_type("wait", wait)]
    async with open_harness(database_access, tmp_path, job_types=types) as harness:
        yield harness


async def test_the_next_attempt_finds_what_the_one_before_wrote_masked(app: Harness) -> None:
    result = await app.run(say(1, job_type="autopilot.ops.note"))
    job = await app.job_of(result.child_runs[0])

    found = json.loads(job.result or "{}")["text"]

    assert found.startswith("1 0 begun: attempt 1")
    assert " | 2 0 begun: attempt 2" in found
    assert "hunter2" not in found


async def test_an_attempt_that_lost_its_job_writes_nothing(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    job_id = result.child_runs[0].job_id
    assert job_id is not None
    engine = PostgresEngine(app.app.database, app.app.clock, app.app.checkpoints)
    (attempt,) = await engine.begin([JobRef(app.tenant.tenant_id, job_id)])
    assert isinstance(attempt, Attempt)
    journal = StoredJournal(app.app.storage, app.app.clock, attempt)
    await journal.write(0, "begun")
    (again,) = await engine.begin([attempt.ref])
    assert isinstance(again, Attempt)

    with pytest.raises(AttemptLost, match="attempt 1"):
        await journal.write(0, "done")
    await StoredJournal(app.app.storage, app.app.clock, again).write(0, "done")

    assert [(e.attempt, e.state) for e in await journal.entries()] == [(1, "begun"), (2, "done")]
    elsewhere = replace(again, ref=JobRef(app.tenant.tenant_id, UUID(int=7)))
    with pytest.raises(AttemptLost):
        await StoredJournal(app.app.storage, app.app.clock, elsewhere).write(0, "begun")


async def test_a_plan_has_no_journal() -> None:
    assert await NoJournal().entries() == ()
    with pytest.raises(Denied):
        await NoJournal().write(0, "begun")


async def test_a_job_that_is_early_is_queued_until_its_time(app: Harness) -> None:
    result = await app.run(say(1, job_type="autopilot.ops.wait"))

    job = await app.job_of(result.child_runs[0])
    assert (job.status, job.available_at) == ("executed", LATER)
    assert "job.postponed" in await app.events()
