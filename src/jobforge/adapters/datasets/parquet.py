"""Rows of Parquet, read by a DuckDB that can reach this one file and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "temp_directory": "",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
}
_BATCH_ROWS = 10_000
_INSTANT = "TIMESTAMP WITH TIME ZONE"


@contextmanager
def locked_down(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that may read `path` only, and whose settings are locked."""
    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        connection.execute("SET allowed_paths = $paths", {"paths": [str(path)]})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def parquet_rows(path: Path, name: str) -> Iterator[Row]:
    """The file's rows with Python values; instants with a time zone are aware UTC.

    Raises:
        SourceMalformed: it is not Parquet, or is damaged.
    """
    with _faults_named(path, name), locked_down(path) as connection:
        kinds = _kinds(connection, path)
        connection.execute(_selection(kinds), {"path": str(path)})
        while batch := connection.fetchmany(_BATCH_ROWS):
            for values in batch:
                yield _to_row(kinds, values)


def parquet_shape(path: Path, name: str) -> tuple[tuple[str, ...], int]:
    """The column names and the number of rows, from the file's own footer.

    Raises:
        SourceMalformed: it is not Parquet, or is damaged.
    """
    with _faults_named(path, name), locked_down(path) as connection:
        kinds = _kinds(connection, path)
        connection.execute("SELECT count(*) FROM read_parquet($path)", {"path": str(path)})
        counted = connection.fetchone()
    return tuple(kinds), int(counted[0]) if counted else 0


def _kinds(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    connection.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": str(path)})
    return {column: kind for column, kind, *_ in connection.fetchall()}


def _selection(kinds: dict[str, str]) -> str:
    columns = ", ".join(_column(column, kind) for column, kind in kinds.items())
    return f"SELECT {columns} FROM read_parquet($path)"  # noqa: S608 (names are quoted; one file)


def _column(column: str, kind: str) -> str:
    quoted = '"' + column.replace('"', '""') + '"'
    # DuckDB needs one more library to hand over an instant; its microseconds need none.
    return f"make_timestamp(epoch_us({quoted}))" if kind == _INSTANT else quoted


def _to_row(kinds: dict[str, str], values: tuple[object, ...]) -> Row:
    pairs = zip(kinds.items(), values, strict=True)
    return {column: _to_aware(value, kind) for (column, kind), value in pairs}


def _to_aware(value: object, kind: str) -> object:
    if kind == _INSTANT and isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value


@contextmanager
def _faults_named(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        first_line = str(error).partition("\n")[0].replace(str(path), name)
        raise SourceMalformed(f"{name}: not readable as Parquet: {first_line}") from None
