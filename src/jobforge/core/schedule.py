"""When work is due: cron in a time zone, jitter, and what becomes of times that were missed.

Times are instants in UTC; a time zone only says how a cron expression is read. Source of the rules
around changes of the clock: Debian's cron, which `cronsim` follows. A fixed time that the clock
skips is due at the first moment after the gap, one that comes twice is due once; expressions whose
minute or hour starts with `*` follow the wall clock as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from jobforge.core.errors import InvalidInput

OnMissed = Literal["skip", "run_once", "run_all"]

MISSED_AFTER = timedelta(seconds=60)
"""An occurrence that is looked at later than this was missed: nobody worked when it was due."""

MOST_CATCH_UP = 100
"""`run_all` runs the newest missed occurrences, as many as this, and skips what is older."""

MAX_JITTER = timedelta(days=1)
_MAX_EXPRESSION = 256
_FIELDS = 5
_ONE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Timing:
    """When: by a cron expression, or once at an instant. Exactly one of the two is given."""

    cron: str | None
    at: datetime | None
    timezone: str = "UTC"
    jitter: timedelta = timedelta()
    on_missed: OnMissed = "run_once"

    @property
    def recurs(self) -> bool:
        """Whether it comes again."""
        return self.cron is not None


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one occurrence, and when the next one is due; None where none is left."""

    is_fired: bool
    reason: str
    next_due: datetime | None


def check_timing(timing: Timing) -> None:
    """Make sure that it can be read, and that it comes at all.

    Raises:
        InvalidInput: it is neither or both, the expression or the time zone is not one, or the
            jitter is out of bounds.
    """
    if (timing.cron is None) == (timing.at is None):
        raise InvalidInput(
            "a schedule has either a cron expression or one instant", pointer="/cron"
        )
    if timing.at is not None and timing.at.tzinfo is None:
        raise InvalidInput(
            "the instant has no offset", pointer="/at", hint="like 2026-01-31T12:00:00Z"
        )
    if not timedelta() <= timing.jitter <= MAX_JITTER:
        raise InvalidInput("jitter is between 0 seconds and a day", pointer="/jitter_seconds")
    _zone(timing.timezone)
    if timing.cron is not None:
        _check_expression(timing.cron)


def next_due(timing: Timing, after: datetime) -> datetime | None:
    """The first occurrence after `after`, without jitter; None where there is none any more."""
    if timing.at is not None:
        return timing.at if timing.at > after else None
    return next(_occurrences(timing, after), None)


def upcoming(timing: Timing, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next `count` occurrences after `after`, without jitter."""
    if timing.at is not None:
        return (timing.at,) if timing.at > after else ()
    return tuple(islice(_occurrences(timing, after), count))


def fires_at(schedule_id: UUID, timing: Timing, due: datetime) -> datetime:
    """The occurrence with its jitter: the same for whoever asks, another for each occurrence."""
    seconds = int(timing.jitter.total_seconds())
    if seconds == 0:
        return due
    seed = hashlib.sha256(schedule_id.bytes + due.isoformat().encode()).digest()
    return due + timedelta(seconds=int.from_bytes(seed[:8]) % (seconds + 1))


def decide(schedule_id: UUID, timing: Timing, due: datetime, now: datetime) -> Step:
    """Decide about an occurrence whose time has come."""
    late = now - fires_at(schedule_id, timing, due)
    if late <= MISSED_AFTER:
        return Step(is_fired=True, reason="due", next_due=next_due(timing, due))
    said = f"missed by {int(late.total_seconds())} seconds"
    match timing.on_missed:
        case "skip":
            return Step(is_fired=False, reason=f"{said}: skipped", next_due=next_due(timing, now))
        case "run_once":
            reason = f"{said}: run once for all that was missed"
            return Step(is_fired=True, reason=reason, next_due=next_due(timing, now))
        case "run_all":
            return _catch_up(timing, due, now, said)


def _catch_up(timing: Timing, due: datetime, now: datetime, said: str) -> Step:
    oldest = _oldest_to_run(timing, now)
    if oldest is not None and due < oldest:
        reason = f"{said}: more than {MOST_CATCH_UP} were missed"
        return Step(is_fired=False, reason=reason, next_due=oldest)
    return Step(is_fired=True, reason=f"{said}: run late", next_due=next_due(timing, due))


def _oldest_to_run(timing: Timing, now: datetime) -> datetime | None:
    """The first of the newest missed occurrences; None where there are fewer."""
    if timing.cron is None:
        return None
    backwards = CronSim(timing.cron, _local(timing, now + _ONE), reverse=True)
    return next(
        islice((found.astimezone(UTC) for found in backwards), MOST_CATCH_UP - 1, None), None
    )


def _occurrences(timing: Timing, after: datetime) -> Iterator[datetime]:
    assert timing.cron is not None  # noqa: S101 (the callers look)
    last = after
    for found in CronSim(timing.cron, _local(timing, after)):
        due = found.astimezone(UTC)
        # An hour that comes twice must not give an instant twice, nor one of the past.
        if due > last:
            last = due
            yield due


def _local(timing: Timing, instant: datetime) -> datetime:
    return instant.astimezone(_zone(timing.timezone))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidInput(
            f"there is no time zone {name!r}",
            pointer="/timezone",
            hint="a name of the IANA database, like Europe/Berlin",
        ) from None


def _check_expression(cron: str) -> None:
    hint = "five fields: minute hour day month weekday, like 30 6 * * MON-FRI"
    if len(cron) > _MAX_EXPRESSION or len(cron.split()) != _FIELDS:
        raise InvalidInput("a cron expression has five fields", pointer="/cron", hint=hint)
    try:
        first = next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        said = str(error)
        raise InvalidInput(
            f"{said[:1].lower()}{said[1:]} in {cron!r}", pointer="/cron", hint=hint
        ) from None
    if first is None:
        raise InvalidInput(f"{cron!r} never comes", pointer="/cron", hint=hint)
