"""Who takes a ticket, and until when: the rules a tenant edits, applied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, field_validator, model_validator

from jobforge.core.errors import InvalidInput
from jobforge.core.model import Model

HUMAN_REVIEW = "human-review"
_FRIDAY = 5
_MAX_DAYS = 3_660


def _to_time(value: object) -> object:
    try:
        return time.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("not a time of day like 09:00") from None


def _to_date(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("not a date like 2026-01-15") from None


ClockTime = Annotated[time, BeforeValidator(_to_time)]
Day = Annotated[date, BeforeValidator(_to_date)]


class BusinessHours(Model):
    """When the clock of a service level runs; weekdays are 1 (Monday) to 7."""

    timezone: str = "UTC"
    weekdays: frozenset[int] = Field(default=frozenset(range(1, _FRIDAY + 1)), strict=False)
    opens: ClockTime = time(9)
    closes: ClockTime = time(17)
    holidays: frozenset[Day] = Field(default=frozenset(), strict=False)

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("there is no time zone of that name") from None
        return name

    @model_validator(mode="after")
    def _opens_at_all(self) -> BusinessHours:
        if not self.weekdays or not self.weekdays <= set(range(1, 8)) or self.opens >= self.closes:
            raise ValueError("business hours need weekdays from 1 to 7, and to open before closing")
        return self


class Agent(Model):
    """Somebody who takes tickets. `tiers`: customers served (empty: all)."""

    agent_id: str = Field(min_length=1, max_length=256)
    queues: frozenset[str] = Field(strict=False)
    skills: frozenset[str] = Field(default=frozenset(), strict=False)
    tiers: frozenset[str] = Field(default=frozenset(), strict=False)
    open_tickets: int = Field(default=0, ge=0)
    max_open: int = Field(default=20, ge=0)


class RoutingRules(Model):
    """What a tenant sets. Response times are by priority, 1 to 5, in business hours."""

    queues: dict[str, str] = Field(
        default_factory=dict, description="Queue by category; a category not named is its own."
    )
    skills: dict[str, Annotated[frozenset[str], Field(strict=False)]] = Field(
        default_factory=dict, description="Skills that a category needs."
    )
    agents: tuple[Agent, ...] = Field(default=(), strict=False)
    response_hours: dict[str, float] = Field(
        default_factory=dict, description='Hours to answer, by priority "1" to "5".'
    )
    business_hours: BusinessHours | None = Field(
        default=None, description="None: the clock always runs."
    )


class Route(Model):
    """Where a ticket goes; without a fitting agent who has room, to the queue alone."""

    queue: str
    agent_id: str | None
    due_at: datetime | None
    reasons: tuple[str, ...]


def route_ticket(
    rules: RoutingRules,
    *,
    category: str,
    priority: int,
    languages: Sequence[str] = (),
    tier: str | None = None,
    opened_at: datetime,
) -> Route:
    """Apply the rules: the queue, the least loaded agent who fits, and the time to answer by.

    A language other than English asks for the skill `language:<code>`. Ties go by agent id.
    """
    queue = rules.queues.get(category, category)
    needed = set(rules.skills.get(category, ())) | {f"language:{code}" for code in languages}
    reasons = [f"category {category} goes to {queue}"]
    fitting = [
        agent
        for agent in rules.agents
        if queue in agent.queues
        and needed <= agent.skills
        and (not agent.tiers or tier in agent.tiers)
    ]
    with_room = [agent for agent in fitting if agent.open_tickets < agent.max_open]
    chosen = min(with_room, key=lambda agent: (_load(agent), agent.agent_id), default=None)
    if chosen is not None:
        reasons.append(f"{chosen.agent_id} has {chosen.open_tickets} of {chosen.max_open} open")
    elif rules.agents:
        reasons.append("everybody who fits is full" if fitting else "nobody fits")
    hours = rules.response_hours.get(str(priority))
    due_at = None
    if hours is not None:
        due_at = add_business_time(opened_at, timedelta(hours=hours), rules.business_hours)
        reasons.append(f"priority {priority} is to be answered within {hours:g} hours")
    return Route(
        queue=queue,
        agent_id=chosen.agent_id if chosen else None,
        due_at=due_at,
        reasons=tuple(reasons),
    )


def _load(agent: Agent) -> float:
    return agent.open_tickets / max(agent.max_open, 1)


def add_business_time(
    start: datetime, duration: timedelta, hours: BusinessHours | None
) -> datetime:
    """Return when `duration` of business time has passed since `start`, in the start's zone.

    Days are counted on the wall clock of the business hours' zone.

    Raises:
        InvalidInput: the start has no time zone, or no business day is found in ten years.
    """
    if start.tzinfo is None:
        raise InvalidInput("the time a ticket was opened needs a time zone")
    if hours is None:
        return start + duration
    zone, left = ZoneInfo(hours.timezone), duration
    day = start.astimezone(zone).date()
    for _ in range(_MAX_DAYS):
        if day.isoweekday() in hours.weekdays and day not in hours.holidays:
            opens = datetime.combine(day, hours.opens, zone)
            closes = datetime.combine(day, hours.closes, zone)
            begins = max(opens.astimezone(start.tzinfo), start)
            room = closes.astimezone(start.tzinfo) - begins
            if left <= room:
                return begins + left
            left -= max(room, timedelta(0))
        day += timedelta(days=1)
    raise InvalidInput("the business hours leave no day to answer on")
