"""Rows into records: the columns of a query are the fields of its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")


def to_record(kind: type[T], row: asyncpg.Record) -> T:
    """Build the record; arrays become tuples."""
    return kind(**{name: _frozen(value) for name, value in row.items()})


def _frozen(value: Any) -> Any:  # noqa: ANN401 (a column value of any type)
    return tuple(value) if isinstance(value, list) else value
