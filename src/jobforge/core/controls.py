"""What holds work back: kill switches, pauses, windows and limits, and what they hold for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal
from uuid import UUID

from typing_extensions import override

from jobforge.core.errors import InvalidInput

INSTALLATION = UUID(int=0)
"""The id of the tenant that nobody is: what is kept under it holds for all."""

EVERY_TYPE = "*"

SwitchKind = Literal["kill", "pause"]
WindowKind = Literal["open", "closed"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_WINDOW = timedelta(days=7)

_DURATION = re.compile(r"(?:(\d{1,3})h)?(?:(\d{1,4})m)?")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose work, and of which type. Without tenant everybody's, without job type every type."""

    tenant_id: UUID = INSTALLATION
    tenant_slug: str | None = None
    job_type: str | None = None

    @property
    def stored_type(self) -> str:
        """The job type as rows have it."""
        return self.job_type or EVERY_TYPE

    @override
    def __str__(self) -> str:
        """In words."""
        if self.tenant_slug is None:
            return "everything" if self.job_type is None else f"every {self.job_type}"
        return f"tenant {self.tenant_slug}" + (f", {self.job_type}" if self.job_type else "")


@dataclass(frozen=True, slots=True)
class Weekly:
    """Comes back on weekdays (ISO numbers, Monday is 1), at a time of day of a zone."""

    weekdays: tuple[int, ...]
    starts: time
    duration: timedelta
    zone: str

    @override
    def __str__(self) -> str:
        """In words."""
        days = ", ".join(WEEKDAYS[day - 1] for day in self.weekdays)
        minutes = self.duration // timedelta(minutes=1)
        return f"{days} at {self.starts:%H:%M} {self.zone} for {minutes} minutes"


@dataclass(frozen=True, slots=True)
class Once:
    """From one moment to another, which is not within it any more."""

    starts_at: datetime
    ends_at: datetime

    @override
    def __str__(self) -> str:
        """In words."""
        return f"from {self.starts_at.isoformat()} to {self.ends_at.isoformat()}"


def weekly(days: str, at: str, duration: str, zone: str) -> Weekly:
    """Read a weekly window as people write it: `mon,sat` or `daily`, `02:00`, `1h30m`.

    Raises:
        InvalidInput: one of them is not of that form, or it lasts over a week.
    """
    names = WEEKDAYS if days == "daily" else tuple(days.lower().split(","))
    unknown = sorted(set(names) - set(WEEKDAYS))
    if unknown:
        raise InvalidInput(f"{unknown[0]!r} is no day", hint="mon,tue,wed,thu,fri,sat,sun or daily")
    clock = _TIME.fullmatch(at)
    if clock is None:
        raise InvalidInput(f"{at!r} is no time of day", hint="hours and minutes, as in 02:00")
    return Weekly(
        weekdays=tuple(sorted({WEEKDAYS.index(name) + 1 for name in names})),
        starts=time(int(clock[1]), int(clock[2])),
        duration=_read_duration(duration),
        zone=zone,
    )


def once(starts_at: datetime, ends_at: datetime) -> Once:
    """A window that comes once.

    Raises:
        InvalidInput: a time has no zone, or the end is not after the start.
    """
    if starts_at.utcoffset() is None or ends_at.utcoffset() is None:
        raise InvalidInput("a window's times need a zone", hint="2026-12-24T18:00:00+01:00")
    if ends_at <= starts_at:
        raise InvalidInput("a window ends after it starts")
    return Once(starts_at, ends_at)


def _read_duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    hours, minutes = (found[1] or "0", found[2] or "0") if found else ("0", "0")
    duration = timedelta(hours=int(hours), minutes=int(minutes))
    if not timedelta(0) < duration <= MAX_WINDOW:
        raise InvalidInput(
            f"{text!r} is no duration of a window", hint="as in 4h, 90m or 1h30m; a week at most"
        )
    return duration


@dataclass(frozen=True, slots=True)
class Limits:
    """What one tenant may have at most; None is no limit.

    `running_cap` counts its jobs in the queue and running; `rate_per_minute` its jobs' starts;
    `daily_jobs` those released in a UTC day. `targets_per_action` and `targets_per_day` bound what
    its actions may change.
    """

    running_cap: int = 200
    rate_per_minute: int | None = None
    daily_jobs: int | None = None
    targets_per_action: int | None = 20
    targets_per_day: int | None = 200
