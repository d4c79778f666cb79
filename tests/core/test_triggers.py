"""Trigger rules: what matches, what holds a rule back, and what of an event gets into a payload."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.core.errors import InvalidInput, PayloadInvalid
from jobforge.core.triggers import (
    SEVERITIES,
    EventFacts,
    History,
    Rule,
    check_rule,
    dedupe_key,
    fill,
    has_places,
    judge,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
RULE = Rule(
    event_types=("ops.alert.raised",),
    source_modules=("ops",),
    min_severity="warning",
    min_priority="normal",
    cooldown_seconds=60,
    max_runs_per_hour=2,
    dedupe_template=None,
    dedupe_seconds=600,
    is_enabled=True,
)
EVENT = EventFacts("ops.alert.raised", "ops", "high", "high")
NEVER = History(last_fired_at=None, fired_last_hour=0, is_duplicate=False)


def outcome(rule: Rule = RULE, event: EventFacts = EVENT, history: History = NEVER) -> str:
    return judge(rule, event, history, NOW).outcome


def test_a_rule_fires_for_what_it_matches() -> None:
    assert outcome() == "fired"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_type": "ops.alert.raised.again"}, "the type is"),
        ({"event_type": "ops.alert"}, "the type is"),
        ({"source_module": "growth"}, "the source module is growth"),
        ({"source_module": None}, "the source module is not given"),
        ({"severity": "info"}, "the severity is info"),
        ({"severity": None}, "no severity"),
        ({"severity": "awful"}, "not one we know"),
        ({"priority": "low"}, "the priority is low"),
        ({"priority": None}, "no priority"),
    ],
)
def test_each_condition_must_hold_and_the_first_that_does_not_is_named(
    changes: dict[str, Any], reason: str
) -> None:
    verdict = judge(RULE, replace(EVENT, **changes), NEVER, NOW)

    assert verdict.outcome == "not_matched"
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("pattern", "event_type", "fires"),
    [
        ("ops.*", "ops.alert.raised", True),
        ("ops.*", "opsalert", False),
        ("ops.*", "ops", False),
        ("ops.alert.*", "ops.alertx.raised", False),
        ("*", "ops.alert.raised", False),
    ],
)
def test_a_pattern_covers_what_lies_below_and_nothing_else(
    pattern: str,
    event_type: str,
    fires: bool,
) -> None:
    rule, event = replace(RULE, event_types=(pattern,)), replace(EVENT, event_type=event_type)

    assert (outcome(rule, event) == "fired") is fires


def test_a_rule_that_is_off_fires_for_nothing() -> None:
    assert outcome(replace(RULE, is_enabled=False)) == "disabled"


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (replace(NEVER, is_duplicate=True), "duplicate"),
        (replace(NEVER, last_fired_at=NOW - timedelta(seconds=59)), "cooldown"),
        (replace(NEVER, last_fired_at=NOW - timedelta(seconds=60)), "fired"),
        (replace(NEVER, fired_last_hour=1), "fired"),
        (replace(NEVER, fired_last_hour=2), "rate_limited"),
    ],
)
def test_what_it_did_before_holds_it_back(history: History, expected: str) -> None:
    assert outcome(history=history) == expected


@given(st.sampled_from(sorted(SEVERITIES)), st.sampled_from(sorted(SEVERITIES)))
def test_severities_of_all_modules_are_on_one_scale(least: str, got: str) -> None:
    rule, event = replace(RULE, min_severity=least), replace(EVENT, severity=got)

    assert (outcome(rule, event) == "fired") == (SEVERITIES[got] >= SEVERITIES[least])


@pytest.mark.parametrize(
    "changes",
    [
        {"min_severity": "awful"},
        {"min_priority": "asap"},
        {"cooldown_seconds": -1},
        {"max_runs_per_hour": 0},
        {"dedupe_seconds": 0},
        {"dedupe_template": "always the same"},
    ],
)
def test_a_rule_of_unknown_words_or_bounds_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        check_rule(replace(RULE, **changes))


ENVELOPE = {
    "event_type": "t",
    "subject": {"id": "S-1"},
    "payload": {"n": 3, "deep": [{"a/b": None}]},
}


def test_a_key_names_members_of_the_event() -> None:
    assert dedupe_key("{event_type}:{subject.id}:{payload.n}", ENVELOPE) == "t:S-1:3"
    assert dedupe_key(None, ENVELOPE) is None
    for template in ("{subject.kind}", "{payload}", "{payload.deep}"):
        with pytest.raises(PayloadInvalid):
            dedupe_key(template, ENVELOPE)


def test_a_long_key_becomes_its_digest() -> None:
    key = dedupe_key("{event_type}", {"event_type": "x" * 1_000})

    assert key is not None
    assert key.startswith("sha256:")


def test_values_of_the_event_come_whole_and_nothing_is_pasted_into_texts() -> None:
    payload = {
        "count": {"$event": "/payload/n"},
        "list": [{"$event": "/payload/deep/0/a~1b"}, "{event_type}"],
        "all": {"$event": ""},
    }

    filled = fill(payload, ENVELOPE)

    assert filled == {"count": 3, "list": [None, "{event_type}"], "all": ENVELOPE}
    assert has_places(payload)
    assert not has_places(filled["list"])


@pytest.mark.parametrize("pointer", ["/payload/x", "/payload/deep/1", "payload", "/payload/n/-1"])
def test_what_the_event_lacks_is_named(pointer: str) -> None:
    with pytest.raises(PayloadInvalid) as refused:
        fill({"a": {"$event": pointer}}, ENVELOPE)

    assert refused.value.pointer == pointer
