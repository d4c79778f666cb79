"""Tests of alert correlation: rules that are really evaluated, and a measured confidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.ops import ALERT_CORRELATE, Alert, correlate_alerts
from jobforge.autopilots.ops.alert_correlate import handle
from jobforge.autopilots.ops.alerts.model import alerts_of
from jobforge.core.errors import DatasetMissing, SourceMalformed
from jobforge.testing.context import MemoryContext

BEGIN = datetime(2026, 1, 10, tzinfo=UTC)


def alert(name: str, minutes: float, service: str = "web", title: str = "") -> Alert:
    return Alert(name, service, "warning", title, BEGIN + timedelta(minutes=minutes))


FAR = (alert("x", -5000, "x"), alert("y", 5000, "y"))


def test_unrelated_alerts_at_the_same_time_form_no_group() -> None:
    alerts = [alert("a", 0, "web"), alert("b", 1, "mail"), alert("c", 2, "billing")]

    assert correlate_alerts(alerts, calls=[("web", "db")]) == ()


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        (alert("b", 3, "web"), "same_service"),
        (alert("b", 3, "db"), "topology"),
        (alert("b", 3, "mail", "latency of checkout above 2 s"), "similar_text"),
    ],
)
def test_each_rule_links_and_can_be_switched_off(other: Alert, rule: str) -> None:
    alerts = [alert("a", 0, "web", "checkout latency above 3 s"), other, *FAR]
    calls = [("web", "cart"), ("cart", "db")]

    (group,) = correlate_alerts(alerts, calls=calls)

    assert group.links[0].rules == (rule,)
    assert correlate_alerts(alerts, calls=calls, disabled_rules=[rule]) == ()


def test_services_further_than_two_calls_apart_are_not_linked() -> None:
    calls = [("a", "b"), ("b", "c"), ("c", "d")]

    assert correlate_alerts([alert("1", 0, "a"), alert("2", 1, "d")], calls=calls) == ()


def test_a_late_alert_joins_through_the_latest_member() -> None:
    alerts = [alert(str(n), 8 * n) for n in range(5)]

    (group,) = correlate_alerts([*alerts, *FAR], window=timedelta(minutes=10))

    assert group.alert_ids == ("0", "1", "2", "3", "4")
    assert group.last_at - group.first_at == timedelta(minutes=32)


def test_the_cause_is_what_the_others_depend_on_else_what_came_first() -> None:
    calls = [("web", "cart"), ("cart", "db")]
    alerts = [alert("1", 0, "web"), alert("2", 1, "cart"), alert("3", 2, "db")]

    (below,) = correlate_alerts([*alerts, *FAR], calls=calls)
    (first,) = correlate_alerts([alert("1", 0), alert("2", 1), *FAR])

    assert below.probable_cause == "db"
    assert "depend on it" in below.cause_reason
    assert (first.probable_cause, "came first" in first.cause_reason) == ("web", True)


def test_confidence_is_high_for_a_burst_and_low_in_constant_noise() -> None:
    burst = correlate_alerts([alert("a", 0), alert("b", 1), alert("c", 2), *FAR])
    noise = correlate_alerts([alert(str(n), 5 * n) for n in range(30)])

    assert burst[0].confidence > 0.95
    assert noise[0].confidence < 0.6


@given(st.lists(st.tuples(st.floats(0, 500), st.sampled_from("abc")), max_size=12))
def test_groups_are_disjoint_and_order_does_not_matter(parts: list[tuple[float, str]]) -> None:
    alerts = [alert(str(n), minutes, service) for n, (minutes, service) in enumerate(parts)]

    groups = correlate_alerts(alerts)

    members = [name for group in groups for name in group.alert_ids]
    assert len(members) == len(set(members))
    assert all(len(group.alert_ids) > 1 for group in groups)
    reordered = {group.alert_ids for group in correlate_alerts(alerts[::-1])}
    assert reordered == {group.alert_ids for group in groups}


ROWS: list[dict[str, object]] = [
    {"alert_id": "a", "service": "web", "started_at": "2026-01-10T00:00:00Z", "title": "t"},
    {"id": "b", "service": "web", "timestamp": 1768003260, "title": "t"},
    {"id": "c", "service": "mail", "timestamp": "2026-01-20T00:00:00+02:00"},
]


async def test_a_modules_claim_is_checked_not_believed() -> None:
    context = MemoryContext()
    context.data.datasets["alerts"] = [dict(row) for row in ROWS]
    claim = {"alert_ids": ["a", "c"], "correlation_group_id": "g", "confidence": 0.99}

    result = await handle(ALERT_CORRELATE.parse_payload(claim), context)

    assert result.claim is not None
    assert result.claim.holds is False
    assert result.ungrouped_alert_ids == ("c",)
    assert result.groups[0].alert_ids == ("a", "b")


async def test_alerts_that_are_not_there_are_told_or_an_error() -> None:
    context = MemoryContext()
    context.data.datasets["alerts"] = [dict(row) for row in ROWS]

    some = await handle(ALERT_CORRELATE.parse_payload({"alert_ids": ["a", "zz"]}), context)

    assert some.missing_alert_ids == ("zz",)
    with pytest.raises(DatasetMissing):
        await handle(ALERT_CORRELATE.parse_payload({"alert_ids": ["zz"]}), context)
    context.data.datasets["alerts"] = []
    with pytest.raises(DatasetMissing):
        await handle(ALERT_CORRELATE.parse_payload({}), context)
    with pytest.raises(DatasetMissing):
        await handle(ALERT_CORRELATE.parse_payload({}), MemoryContext())


@pytest.mark.parametrize(
    "row",
    [
        {"service": "a", "timestamp": 1},
        {"id": "a", "timestamp": 1},
        {"id": "a", "service": "b"},
        {"id": "a", "service": "b", "timestamp": "soon"},
        {"id": "a", "service": "b", "timestamp": 1e20},
    ],
)
def test_a_row_that_is_no_alert_is_named(row: dict[str, object]) -> None:
    with pytest.raises(SourceMalformed, match="alerts row 0"):
        alerts_of([row])
