"""What a job finds in its folder, attempt by attempt, on the real engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.application import Harness, Text, make_type, open_harness, say

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.core.context import JobContext
from jobforge.core.errors import HandlerFailed
from jobforge.ports.jobs import JobRecord


async def note(payload: Text, context: JobContext) -> Text:
    """Leave a note at every attempt; the third finds two, where it is made on this machine."""
    folder = await context.scratch_folder()
    found = sorted(path.name for path in folder.iterdir())
    (folder / str(context.job.attempt)).touch()
    if context.job.attempt < 3:
        raise HandlerFailed(payload.text)
    return Text(text=",".join(found))


_TYPES = [make_type("note", note), make_type("note-twice", note, max_attempts=2)]


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    async with open_harness(database_access, tmp_path, job_types=_TYPES) as harness:
        yield harness


async def ended(app: Harness, verb: str) -> JobRecord:
    result = await app.run(say(1, job_type=f"autopilot.ops.{verb}"))
    return await app.job_of(result.child_runs[0])


def kept(app: Harness) -> list[Path]:
    return list((app.app.home / "scratch").glob("*/*"))


async def test_an_attempt_finds_what_the_ones_before_it_left_and_nothing_stays(
    app: Harness,
) -> None:
    job = await ended(app, "note")

    assert json.loads(job.result or "") == {"text": "1,2"}
    assert kept(app) == []


async def test_nothing_stays_of_a_job_that_failed_for_good(app: Harness) -> None:
    job = await ended(app, "note-twice")

    assert (job.status, job.attempt) == ("error", 2)
    assert kept(app) == []
