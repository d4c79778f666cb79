"""Reading rows of the tenant's data: times, numbers and texts, with errors that name the row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from jobforge.core.errors import SourceMalformed

Row = Mapping[str, Any]


def text_of(row: Row, *names: str, default: str = "") -> str:
    """The first of these columns that has a value, as text."""
    value = _first(row, names)
    return default if value is None else str(value)


def required_text(row: Row, number: int, source: str, *names: str) -> str:
    """As `text_of`; `number` is the row's, from 0.

    Raises:
        SourceMalformed: none of the columns has a value.
    """
    value = text_of(row, *names)
    if not value:
        raise SourceMalformed(f"{source} row {number}: no {' or '.join(names)}")
    return value


def time_of(row: Row, number: int, source: str, *names: str) -> datetime | None:
    """The first of these columns as an aware instant; Unix seconds and ISO 8601 are understood.

    Raises:
        SourceMalformed: the value is neither.
    """
    value = _first(row, names)
    if value is None:
        return None
    try:
        return to_instant(value)
    except ValueError as error:
        raise SourceMalformed(f"{source} row {number}: {names[0]} {error}") from None


def required_time(row: Row, number: int, source: str, *names: str) -> datetime:
    """As `time_of`.

    Raises:
        SourceMalformed: there is no value, or it is no time.
    """
    found = time_of(row, number, source, *names)
    if found is None:
        raise SourceMalformed(f"{source} row {number}: no {' or '.join(names)}")
    return found


def to_instant(value: object) -> datetime:
    """An aware instant in UTC; a time without a zone is taken as UTC.

    Raises:
        ValueError: the value is no time.
    """
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _from_seconds(float(value))
    else:
        text = str(value).strip()
        if text.replace(".", "", 1).isdigit():
            return _from_seconds(float(text))
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text[:40]!r} is no time") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _from_seconds(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{seconds} is no time in Unix seconds") from None


def number_of(row: Row, number: int, source: str, *names: str) -> float | None:
    """The first of these columns as a finite number; an empty text is none.

    Raises:
        SourceMalformed: the value is no finite number.
    """
    value = _first(row, names)
    if value is None or value == "":
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise SourceMalformed(f"{source} row {number}: {names[0]} {value!r} is no number") from None
    if found != found or found in {float("inf"), float("-inf")}:  # noqa: PLR0124 (NaN)
        return None
    return found


def _first(row: Row, names: Iterable[str]) -> Any:  # noqa: ANN401 (a column's value)
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def edges_of(rows: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    """Calls (caller, callee) of a topology dataset.

    Raises:
        SourceMalformed: a row has no caller or no callee.
    """
    return tuple(
        (
            required_text(row, number, "topology", "caller", "source", "from"),
            required_text(row, number, "topology", "callee", "target", "to"),
        )
        for number, row in enumerate(rows)
    )
