"""Correcting a triage: what was judged wrongly is kept, and learned from."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.application import OPERATOR, Harness, Json, say

from jobforge.core.errors import InvalidInput, Missing
from jobforge.use_cases.correct_triage import CORRECTIONS, TRIAGE


def triage(number: int, **more: object) -> Json:
    content = {"subject": f"Kettle {number}", "body": "It leaks when it boils."}
    return {
        "id": f"triage-{number}",
        "job_type": TRIAGE,
        "payload": {"ticket_id": f"T-{number}", "ticket_content": content, **more},
        "idempotency_key": f"triage-key-{number}",
    }


def lines_of(path: str) -> list[Json]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


async def test_each_correction_is_a_line_and_the_last_of_a_text_is_learned(app: Harness) -> None:
    done = await app.run(triage(1))
    job_id = done.child_runs[0].job_id
    assert job_id is not None

    await app.app.correct_triage(job_id, "plumbing", app.tenant, OPERATOR)
    kept = await app.app.correct_triage(job_id, "leaking kettles", app.tenant, OPERATOR)

    lines = lines_of(kept.path)
    assert [line["category"] for line in lines] == ["plumbing", "leaking kettles"]
    assert lines[0]["ticket_id"] == "T-1"
    assert kept.row_count == 2
    assert (await app.events())[-1] == "triage.corrected"

    again = await app.run(triage(2, corrections=CORRECTIONS))
    record = await app.job_of(again.child_runs[0])
    assert record.status == "executed"
    found = json.loads(record.result or "{}")
    assert "leaking kettles" in {found["category"], *(a["category"] for a in found["alternatives"])}


async def test_corrections_at_once_lose_none(app: Harness) -> None:
    done = await app.run(triage(1))
    job_id = done.child_runs[0].job_id
    assert job_id is not None

    await asyncio.gather(
        *(app.app.correct_triage(job_id, f"c{n}", app.tenant, OPERATOR) for n in range(3))
    )

    (kept,) = await app.app.datasets.all(app.tenant)
    assert kept.row_count == 3


async def test_only_a_triage_of_the_tenants_own_is_corrected(app: Harness) -> None:
    done = await app.run(say())
    job_id = done.child_runs[0].job_id
    assert job_id is not None
    other = await app.new_tenant("other")

    with pytest.raises(InvalidInput):
        await app.app.correct_triage(job_id, "x", app.tenant, OPERATOR)
    with pytest.raises(Missing):
        await app.app.correct_triage(job_id, "x", other, OPERATOR)
    assert await app.app.datasets.all(app.tenant) == ()
