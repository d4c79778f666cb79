from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobforge.autopilots.support import RoutingRules, add_business_time, route_ticket
from jobforge.autopilots.support.routing import BusinessHours, Route
from jobforge.core.errors import InvalidInput

FRIDAY_AT_FOUR = datetime(2026, 1, 16, 16, 0, tzinfo=UTC)
RULES = {
    "queues": {"billing": "money"},
    "skills": {"billing": ["invoices"]},
    "agents": [
        {"agent_id": "ann", "queues": ["money"], "skills": ["invoices"], "open_tickets": 9},
        {"agent_id": "bob", "queues": ["money"], "skills": ["invoices"], "open_tickets": 2},
        {"agent_id": "cem", "queues": ["money"], "open_tickets": 0},
        {
            "agent_id": "dee",
            "queues": ["money"],
            "skills": ["invoices", "language:de"],
            "tiers": ["enterprise"],
            "open_tickets": 1,
        },
    ],
    "response_hours": {"2": 4},
    "business_hours": {"opens": "09:00", "closes": "17:00"},
}


def route(rules: dict[str, Any], **more: Any) -> Route:  # noqa: ANN401 - passed on as they are
    given_: dict[str, Any] = {"category": "billing", "priority": 2, "opened_at": FRIDAY_AT_FOUR}
    return route_ticket(RoutingRules.model_validate(rules), **{**given_, **more})


def test_the_least_loaded_agent_with_the_skills_takes_the_ticket() -> None:
    found = route(RULES)

    assert (found.queue, found.agent_id) == ("money", "bob")


def test_an_agent_for_a_tier_takes_that_tier_only() -> None:
    assert route(RULES, tier="enterprise").agent_id == "dee"
    assert route(RULES, tier="free").agent_id == "bob"


def test_a_language_is_a_skill() -> None:
    assert route(RULES, languages=["de"], tier="enterprise").agent_id == "dee"
    assert route(RULES, languages=["fr"]).agent_id is None


def test_where_everybody_is_full_the_queue_alone_gets_it_and_says_so() -> None:
    full = {"agents": [{"agent_id": "a", "queues": ["billing"], "open_tickets": 5, "max_open": 5}]}

    found = route(full)

    assert found.agent_id is None
    assert "everybody who fits is full" in found.reasons


def test_the_clock_stops_at_night_and_over_the_weekend() -> None:
    assert route(RULES).due_at == datetime(2026, 1, 19, 12, 0, tzinfo=UTC)


def test_without_business_hours_the_clock_always_runs() -> None:
    due = add_business_time(FRIDAY_AT_FOUR, timedelta(hours=4), None)

    assert due == FRIDAY_AT_FOUR + timedelta(hours=4)


def test_a_holiday_does_not_count() -> None:
    hours = BusinessHours.model_validate({"holidays": ["2026-01-19"]})

    due = add_business_time(FRIDAY_AT_FOUR, timedelta(hours=4), hours)

    assert due == datetime(2026, 1, 20, 12, 0, tzinfo=UTC)


def test_hours_are_those_of_the_tenants_zone_across_the_change_of_clocks() -> None:
    hours = BusinessHours(timezone="Europe/Berlin", weekdays=frozenset(range(1, 8)))
    saturday = datetime(2026, 3, 28, 15, 0, tzinfo=UTC)

    due = add_business_time(saturday, timedelta(hours=2), hours)

    assert due == datetime(2026, 3, 29, 8, 0, tzinfo=UTC)


def test_a_ticket_from_before_opening_starts_at_opening() -> None:
    early = datetime(2026, 1, 19, 3, 0, tzinfo=UTC)

    due = add_business_time(early, timedelta(hours=1), BusinessHours())

    assert due == datetime(2026, 1, 19, 10, 0, tzinfo=UTC)


@given(st.integers(0, 10_000), st.integers(1, 5_000))
def test_more_time_is_never_due_earlier(offset: int, minutes: int) -> None:
    start = FRIDAY_AT_FOUR + timedelta(minutes=offset)

    sooner = add_business_time(start, timedelta(minutes=minutes), BusinessHours())
    later = add_business_time(start, timedelta(minutes=minutes + 1), BusinessHours())

    assert start < sooner < later


@pytest.mark.parametrize(
    "hours",
    [
        {"timezone": "Mars/Base"},
        {"weekdays": []},
        {"weekdays": [0]},
        {"opens": "17:00", "closes": "09:00"},
    ],
)
def test_impossible_business_hours_are_refused(hours: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BusinessHours.model_validate(hours)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        add_business_time(datetime(2026, 1, 1), timedelta(hours=1), None)  # noqa: DTZ001 - the fault under test
