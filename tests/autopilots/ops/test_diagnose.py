"""Tests of `autopilot.ops.diagnose`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jobforge.autopilots.ops import DIAGNOSE
from jobforge.autopilots.ops.diagnose import DiagnoseResult, handle
from jobforge.core.errors import DatasetMissing, PayloadInvalid, SourceMalformed
from jobforge.testing.context import MemoryContext

START = 1_768_000_000
BASE = {"symptom": "slow", "affected_resources": ["web"]}


def metrics(jump: float) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": START + 60 * n,
            "service": service,
            "metric": "cpu",
            "value": 10 + (n * 7 % 5) + (jump if n >= 90 and service == "cart" else 0),
        }
        for n in range(100)
        for service in ("web", "cart", "db")
    ]


async def run(context: MemoryContext, **payload: Any) -> DiagnoseResult:  # noqa: ANN401 (JSON)
    return await handle(DIAGNOSE.parse_payload(BASE | payload), context)


async def test_a_change_and_a_log_of_the_suspect_speak_for_it() -> None:
    context = MemoryContext()
    context.data.datasets["metrics"] = metrics(40)
    onset = START + 60 * 90

    bare = await run(context, metrics="metrics", incident_start=_iso(onset))
    told = await run(
        context,
        metrics="metrics",
        incident_start=_iso(onset),
        context_events=[{"at": onset - 60, "service": "cart", "kind": "deploy"}],
    )

    assert bare.hypotheses[0].service == told.hypotheses[0].service == "cart"
    assert told.confidence > bare.confidence
    assert told.timeline[0].kind == "deploy"
    assert told.recommendations[0].startswith("undo deploy of cart")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


async def test_a_change_after_the_onset_is_no_suspect() -> None:
    context = MemoryContext()
    context.data.datasets["metrics"] = metrics(40)
    onset = START + 60 * 90

    result = await run(
        context,
        metrics="metrics",
        incident_start=_iso(onset),
        context_events=[{"at": onset + 60, "service": "db", "kind": "deploy"}],
    )

    assert result.contributing_factors == ()


async def test_quiet_metrics_make_it_abstain_with_a_reason() -> None:
    context = MemoryContext()
    context.data.datasets["metrics"] = metrics(0)

    result = await run(context, metrics="metrics", incident_start=_iso(START + 60 * 90))

    assert result.abstained is True
    assert result.confidence == 0.0
    assert result.root_cause_analysis.startswith("No cause is named")


async def test_changes_alone_are_a_weak_hint() -> None:
    events = [
        {"at": START, "service": "cart", "kind": "deploy"},
        {"at": START + 60, "service": "db", "kind": "config"},
    ]

    result = await run(MemoryContext(), context_events=events)

    assert {hypothesis.service for hypothesis in result.hypotheses} == {"cart", "db"}
    assert result.confidence < 0.3
    assert "no metrics were given" in result.notices[0]


async def test_the_blast_radius_is_who_calls_the_suspect() -> None:
    context = MemoryContext()
    context.data.datasets = {
        "metrics": metrics(40),
        "topology": [{"caller": "web", "callee": "cart"}, {"caller": "app", "callee": "web"}],
    }

    result = await run(
        context, metrics="metrics", topology="topology", incident_start=_iso(START + 60 * 90)
    )

    assert result.blast_radius == ("app", "web")


async def test_past_incidents_that_are_alike_are_shown() -> None:
    context = MemoryContext()
    context.data.datasets["incidents"] = [
        {"incident_id": "1", "service": "web", "title": "web is slow", "cause": "pool"},
        {"incident_id": "2", "service": "web", "title": "certificate expired"},
        {"incident_id": "3", "service": "mail", "title": "slow delivery"},
    ]
    events = [{"at": START, "service": "web", "kind": "deploy"}]

    result = await run(
        context, symptom="the web is slow today", incidents="incidents", context_events=events
    )

    assert result.similar_incidents[0].incident_id == "1"
    assert "2" not in {incident.incident_id for incident in result.similar_incidents}


async def test_nothing_to_judge_by_is_an_error() -> None:
    with pytest.raises(DatasetMissing, match="neither metrics"):
        await run(MemoryContext())
    with pytest.raises(DatasetMissing):
        await run(MemoryContext(), metrics="nope")


async def test_malformed_rows_are_named() -> None:
    context = MemoryContext()
    context.data.datasets["metrics"] = [{"service": "a", "metric": "m", "timestamp": "x"}]

    with pytest.raises(SourceMalformed, match="metrics row 0"):
        await run(context, metrics="metrics")


@pytest.mark.parametrize(
    "payload",
    [{"symptom": ""}, {"affected_resources": []}, {"options": {"correlation_window_minutes": 0}}],
)
def test_the_contracts_bounds_hold(payload: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        DIAGNOSE.parse_payload(BASE | payload)
