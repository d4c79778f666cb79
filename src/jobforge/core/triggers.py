"""What an event starts: matching, duplicates, cooldown and rate; decided, not looked up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from jobforge.contract.canonical import checksum_of
from jobforge.contract.event import EventEnvelope
from jobforge.core.errors import InvalidInput, PayloadInvalid

Outcome = Literal[
    "fired", "disabled", "not_matched", "duplicate", "cooldown", "rate_limited", "denied", "failed"
]

SEVERITIES: dict[str, int] = {
    "debug": 0,
    "info": 1,
    "notice": 1,
    "opportunity": 1,
    "low": 2,
    "warning": 3,
    "medium": 3,
    "error": 4,
    "high": 4,
    "critical": 5,
}
"""Severities of every module on one scale: an event's must be at least the rule's."""

PRIORITIES: dict[str, int] = {
    "low": 0,
    "normal": 1,
    "medium": 1,
    "high": 2,
    "urgent": 3,
    "critical": 3,
}

HOUR = timedelta(hours=1)
EVENT_KEY = "$event"
_MAX_KEY = 256
_PLACE = re.compile(r"\{([A-Za-z0-9_.-]*)\}")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What rules look at. Severity and priority are members of the event's payload."""

    event_type: str
    source_module: str | None
    severity: str | None
    priority: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """When to start something. Empty tuples and None match everything.

    `event_types` are exact, or end in `.*` for all that lie below; `dedupe_template` names members
    of the event in braces.
    """

    event_types: tuple[str, ...]
    source_modules: tuple[str, ...]
    min_severity: str | None
    min_priority: str | None
    cooldown_seconds: int
    max_runs_per_hour: int
    dedupe_template: str | None
    dedupe_seconds: int
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class History:
    """What the rule did before: all of it from the database, and so of every process."""

    last_fired_at: datetime | None
    fired_last_hour: int
    is_duplicate: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the rule starts its work for this event, and why or why not."""

    outcome: Outcome
    reason: str

    @property
    def fires(self) -> bool:
        """Whether it does."""
        return self.outcome == "fired"


def facts_of(event: EventEnvelope) -> EventFacts:
    """What rules look at in an event."""
    return EventFacts(
        event_type=event.event_type,
        source_module=event.source_module,
        severity=_word(event.payload.get("severity")),
        priority=_word(event.payload.get("priority")),
    )


def judge(rule: Rule, event: EventFacts, history: History, now: datetime) -> Verdict:
    """Decide about one rule and one event."""
    if not rule.is_enabled:
        return Verdict("disabled", "the rule is off")
    mismatch = _mismatch(rule, event)
    if mismatch is not None:
        return Verdict("not_matched", mismatch)
    held = _held_back(rule, history, now)
    return held or Verdict("fired", "type, source, severity and priority match")


def _held_back(rule: Rule, history: History, now: datetime) -> Verdict | None:
    """Why a rule that matches does not fire now, if it does not."""
    if history.is_duplicate:
        window = rule.dedupe_seconds
        return Verdict("duplicate", f"its key was fired for within {window} seconds")
    last = history.last_fired_at
    cooldown = timedelta(seconds=rule.cooldown_seconds)
    if last is not None and now - last < cooldown:
        left = int((last + cooldown - now).total_seconds()) + 1
        return Verdict("cooldown", f"it fired at {last.isoformat()}: {left} seconds to go")
    if history.fired_last_hour >= rule.max_runs_per_hour:
        count = history.fired_last_hour
        return Verdict("rate_limited", f"it fired {count} times within the last hour")
    return None


def _mismatch(rule: Rule, event: EventFacts) -> str | None:
    """The first thing that does not match, in words."""
    if rule.event_types and not any(_is_of(event.event_type, t) for t in rule.event_types):
        return f"the type is {event.event_type}"
    if rule.source_modules and event.source_module not in rule.source_modules:
        return f"the source module is {event.source_module or 'not given'}"
    return _below("severity", event.severity, rule.min_severity, SEVERITIES) or _below(
        "priority", event.priority, rule.min_priority, PRIORITIES
    )


def _below(what: str, got: str | None, least: str | None, scale: Mapping[str, int]) -> str | None:
    if least is None:
        return None
    if got is None:
        return f"the event has no {what}"
    if got not in scale:
        return f"the {what} {got[:64]!r} is not one we know"
    return None if scale[got] >= scale[least] else f"the {what} is {got}"


def _is_of(event_type: str, pattern: str) -> bool:
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern


def check_rule(rule: Rule) -> None:
    """Make sure that every word of it is known.

    Raises:
        InvalidInput: one is not, or a bound is out of range.
    """
    for what, word, scale in (
        ("severity", rule.min_severity, SEVERITIES),
        ("priority", rule.min_priority, PRIORITIES),
    ):
        if word is not None and word not in scale:
            raise InvalidInput(f"there is no {what} {word}", hint=f"one of {', '.join(scale)}")
    if rule.cooldown_seconds < 0 or rule.dedupe_seconds < 1 or rule.max_runs_per_hour < 1:
        raise InvalidInput("cooldown is from 0 seconds, dedupe and runs per hour from 1")
    if rule.dedupe_template is not None and not _PLACE.search(rule.dedupe_template):
        raise InvalidInput(
            "the dedupe template names nothing of the event", hint="like {event_type}:{subject.id}"
        )


def dedupe_key(template: str | None, envelope: Mapping[str, Any]) -> str | None:
    """The key of this event; None without a template.

    Raises:
        PayloadInvalid: the event has no such member.
    """
    if template is None:
        return None
    key = _PLACE.sub(lambda place: _text_at(envelope, place[1].split(".")), template)
    return key if len(key) <= _MAX_KEY else checksum_of(key.encode())


def fill(payload: Any, envelope: Mapping[str, Any]) -> Any:  # noqa: ANN401 (any JSON value)
    """The payload with each `{"$event": "/pointer"}` replaced by that value of the event.

    Values come whole and keep their kind; nothing is pasted into a text.

    Raises:
        PayloadInvalid: the event has nothing there.
    """
    if isinstance(payload, Mapping):
        if set(payload) == {EVENT_KEY}:
            return _value_at(envelope, str(payload[EVENT_KEY]))
        return {key: fill(value, envelope) for key, value in payload.items()}
    if isinstance(payload, list):
        return [fill(value, envelope) for value in payload]
    return payload


def has_places(payload: Any) -> bool:  # noqa: ANN401 (any JSON value)
    """Whether something of the event belongs into it."""
    if isinstance(payload, Mapping):
        return EVENT_KEY in payload or any(map(has_places, payload.values()))
    return isinstance(payload, list) and any(map(has_places, payload))


def _value_at(envelope: Mapping[str, Any], pointer: str) -> Any:  # noqa: ANN401 (any JSON value)
    if not pointer:
        return dict(envelope)
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    value = _walk(envelope, parts) if pointer.startswith("/") else _MISSING
    if value is _MISSING:
        raise PayloadInvalid("the event has nothing there", pointer=pointer)
    return value


def _text_at(envelope: Mapping[str, Any], parts: list[str]) -> str:
    value = _walk(envelope, parts)
    if not isinstance(value, str | int | float | bool):
        raise PayloadInvalid(f"the event has no {'.'.join(parts)}", pointer="/" + "/".join(parts))
    return str(value)


def _walk(value: Any, parts: list[str]) -> Any:  # noqa: ANN401 (any JSON value)
    for part in parts:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _MISSING
    return value


def _word(value: object) -> str | None:
    return value.lower() if isinstance(value, str) else None
