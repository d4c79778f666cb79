"""Personal data goes in by every input; it must come out nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jobforge.autopilots.support import (
    BATCH_TRIAGE,
    DRAFT_REPLY,
    INGEST_KB,
    PROPOSE_KB_PATCH,
    TRIAGE,
)
from jobforge.contract.errors import JobForgeError
from jobforge.core.job_type import JobType
from jobforge.testing import MemoryContext

CANARIES = [
    "canary.person@mail.example",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "+49 30 901820 33",
    "123-45-6789",
    "sk-canary-abcdef123456",
    "192.168.77.5",
    "742 Evergreen Road",
]
TEXT = "How do I reset my password? My data: " + ", ".join(CANARIES) + "."
ROW = {
    "ticket_id": "T-1",
    "subject": f"Password of {CANARIES[0]}",
    "body": TEXT,
    "resolution": f"Choose Forgot password. We wrote to {CANARIES[0]} and {CANARIES[3]}.",
}
KNOWLEDGE = [{"article_id": "kb", "title": "Reset password", "body": "Choose Forgot password."}]
LABELLED = [{"text": f"{TEXT} {n}", "label": "ab"[n % 2]} for n in range(6)]
CONTENT = {"subject": ROW["subject"], "body": TEXT}
RUNS: list[tuple[JobType[Any, Any], dict[str, Any]]] = [
    (TRIAGE, {"ticket_id": "T", "ticket_content": CONTENT}),
    (TRIAGE, {"ticket_id": "T", "ticket_content": CONTENT, "training": LABELLED}),
    (BATCH_TRIAGE, {"tickets": [ROW, {**ROW, "ticket_id": "T-2"}], "corrections": LABELLED}),
    (DRAFT_REPLY, {"ticket_id": "T", "ticket_content": CONTENT, "knowledge": KNOWLEDGE}),
    (
        DRAFT_REPLY,
        {
            "ticket_id": "T",
            "ticket_content": {"subject": "", "body": f"What of {TEXT}"},
            "knowledge": [{"article_id": "x", "title": "Opening hours", "body": "Nine to five."}],
            "resolved_tickets": [{"article_id": "t", "title": "Password", "body": TEXT}],
        },
    ),
    (
        PROPOSE_KB_PATCH,
        {"source_ticket_ids": ["T-1"], "tickets": [ROW], "knowledge": KNOWLEDGE},
    ),
]
RUNS.append((INGEST_KB, {"resolved_tickets": [ROW], "queries": [TEXT]}))
FAULTS: list[tuple[JobType[Any, Any], dict[str, Any]]] = [
    (TRIAGE, {"ticket_id": "T", "ticket_content": CONTENT, "training": [{"text": TEXT}]}),
    (
        TRIAGE,
        {"ticket_id": "T", "ticket_content": CONTENT, "training": [{"x": TEXT, "label": "a"}]},
    ),
    (
        TRIAGE,
        {
            "ticket_id": "T",
            "ticket_content": CONTENT,
            "closed_tickets": [{"created_at": TEXT, "closed_at": TEXT}],
        },
    ),
    (TRIAGE, {"ticket_id": "T", "ticket_content": {"subject": TEXT, "body": 7}}),
    (TRIAGE, {"ticket_id": "T", "ticket_content": CONTENT, "opened_at": TEXT}),
    (BATCH_TRIAGE, {"tickets": [{"subject": TEXT, "body": TEXT}]}),
    (BATCH_TRIAGE, {"tickets": [{**ROW, "created_at": TEXT}]}),
    (DRAFT_REPLY, {"ticket_id": "T", "ticket_content": CONTENT, "knowledge": [{"title": TEXT}]}),
    (INGEST_KB, {"articles": [{"title": TEXT, "body": TEXT}]}),
    (INGEST_KB, {"articles": [{"article_id": "a", "title": CANARIES[0] + 2_000 * "!"}]}),
    (INGEST_KB, {"resolved_tickets": [{"ticket_id": "T", "subject": TEXT}]}),
    (
        PROPOSE_KB_PATCH,
        {
            "source_ticket_ids": ["T-1"],
            "tickets": [{**ROW, "handling_minutes": TEXT}],
            "knowledge": KNOWLEDGE,
        },
    ),
]


def find_canaries(shown: str) -> list[str]:
    return [one for one in CANARIES if one in shown or one.replace(" ", "") in shown]


async def run(job_type: JobType[Any, Any], given: Mapping[str, Any], context: MemoryContext) -> str:
    assert job_type.handle is not None
    result = await job_type.handle(job_type.parse_payload(given), context)
    return str(result.model_dump_json())


@pytest.mark.parametrize(("job_type", "given"), RUNS)
async def test_no_result_artifact_log_or_progress_shows_one(
    job_type: JobType[Any, Any], given: dict[str, Any]
) -> None:
    context = MemoryContext()

    shown = await run(job_type, given, context)

    shown += "".join(content.decode() for content in context.artifacts.stored.values())
    shown += repr(context.logged) + repr(context.reported) + repr(list(context.artifacts.stored))
    assert find_canaries(shown) == []


@pytest.mark.parametrize(("job_type", "given"), FAULTS)
async def test_no_error_shows_one(job_type: JobType[Any, Any], given: dict[str, Any]) -> None:
    with pytest.raises(JobForgeError) as caught:
        await run(job_type, given, MemoryContext())

    error = caught.value
    assert find_canaries(f"{error} {error!r} {getattr(error, 'hint', '')}") == []


def test_the_canaries_would_be_seen() -> None:
    assert find_canaries(TEXT) == CANARIES
