"""Events from a dataset, as sorted arrays; DuckDB does the reading and the sorting.

People are told apart by a 64-bit hash of their id: among ten million of them, the chance that any
two share one is three in a million.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobforge.core.context import DatasetFile
from jobforge.core.errors import SourceMalformed

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_READERS = {
    "csv": "read_csv(?, header = true, all_varchar = true)",
    "parquet": "read_parquet(?)",
}
_JSON_FORMS = {"json": "auto", "ndjson": "newline_delimited"}
MAX_SEGMENTS = 20
NO_SEGMENT = "(none)"


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns that say who, what, when and, optionally, which group."""

    user: str = "user_id"
    event: str = "event"
    time: str = "timestamp"
    segment: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are there, each once."""
        all_four = (self.user, self.event, self.time, self.segment)
        return tuple(dict.fromkeys(name for name in all_four if name))


@dataclass(frozen=True, slots=True)
class SortedEvents:
    """Events by unit, time and step. `segments` are positions in `segment_names`, -1 for others."""

    units: Ints
    times: Ints
    steps: Ints
    segments: Ints
    segment_names: tuple[str, ...]
    first_day: str
    last_day: str
    days: int
    skipped: int


def read_file(
    file: DatasetFile, columns: Columns, steps: Sequence[str], *, only_steps: bool
) -> SortedEvents:
    """Read events from a file.

    Raises:
        SourceMalformed: a column is missing, no row has a time, or the file cannot be read.
    """
    import duckdb  # 40 MB of library that only this needs

    if file.format not in {*_READERS, *_JSON_FORMS}:
        raise SourceMalformed(f"a statement ({file.format}) holds no events")
    connection = duckdb.connect()
    try:
        connection.execute("SET threads = 2")
        connection.execute("SET enable_progress_bar = false")
        relation = _relation(connection, file, columns)
        return _read(connection, relation, [str(file.path)], columns, steps, only_steps)
    except duckdb.Error as error:
        raise SourceMalformed(f"the events cannot be read: {str(error)[:200]}") from None
    finally:
        connection.close()


def read_rows(
    rows: Sequence[Mapping[str, Any]], columns: Columns, steps: Sequence[str], *, only_steps: bool
) -> SortedEvents:
    """Read events that are in memory already.

    Raises:
        SourceMalformed: a column is missing, or no row has a time.
    """
    import duckdb

    names = columns.names
    for name in names:
        if not any(name in row for row in rows):
            raise SourceMalformed(f"the events have no column {name!r}")
    connection = duckdb.connect()
    try:
        lists = [[_text(row.get(name)) for row in rows] for name in names]
        parts = ", ".join(f"unnest(?::VARCHAR[]) AS {_quoted(name)}" for name in names)
        connection.execute(f"CREATE TABLE given AS SELECT {parts}", lists)
        return _read(connection, "SELECT * FROM given", [], columns, steps, only_steps)
    finally:
        connection.close()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _read(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: list[str],
    columns: Columns,
    steps: Sequence[str],
    only_steps: bool,
) -> SortedEvents:
    types = _column_types(connection, relation, parameters, columns)
    segment = _quoted(columns.segment) if columns.segment else "NULL"
    connection.execute(  # names and texts in these queries are quoted by the functions below
        f"CREATE TEMP TABLE raw AS SELECT hash({_quoted(columns.user)}::VARCHAR) AS who, "  # noqa: S608 - quoted
        f"{_quoted(columns.user)} IS NULL AS is_nobody, "
        f"{_step_case(columns.event, steps)} AS step, "
        f"epoch_us({_instant(columns.time, types[columns.time])}) AS instant, "
        f"{segment}::VARCHAR AS segment FROM ({relation})",
        parameters,
    )
    names = _segment_names(connection) if columns.segment else []
    wanted = "NOT is_nobody AND instant IS NOT NULL" + (" AND step >= 0" if only_steps else "")
    found = connection.execute(
        f"SELECT who, instant, step, {_segment_case(names)} AS segment FROM raw "  # noqa: S608 - quoted
        f"WHERE {wanted} ORDER BY who, instant, step"
    ).fetchnumpy()
    return _sorted(connection, found, tuple(names))


def _relation(connection: duckdb.DuckDBPyConnection, file: DatasetFile, columns: Columns) -> str:
    """The query that reads the file, with one parameter, its path.

    JSON is read as texts: a type guessed from the first rows would refuse later ones.
    """
    if file.format not in _JSON_FORMS:
        return f"SELECT * FROM {_READERS[file.format]}"  # noqa: S608 - one of our own readers
    form = f"format = {_literal(_JSON_FORMS[file.format])}"
    whole = f"SELECT * FROM read_json(?, {form}, maximum_depth = 1)"  # noqa: S608 - our own form
    _column_types(connection, whole, [str(file.path)], columns)
    wanted = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in columns.names)
    return f"SELECT * FROM read_json(?, {form}, columns = {{{wanted}}})"  # noqa: S608 - quoted


def _column_types(
    connection: duckdb.DuckDBPyConnection, relation: str, parameters: list[str], columns: Columns
) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE {relation}", parameters).fetchall()
    types = {row[0]: str(row[1]) for row in described}
    for name in columns.names:
        if name not in types:
            raise SourceMalformed(
                f"the events have no column {name!r}; there are {', '.join(sorted(types))}"
            )
    return types


def _step_case(column: str, steps: Sequence[str]) -> str:
    cases = " ".join(f"WHEN {_literal(name)} THEN {n}" for n, name in enumerate(steps))
    return f"CASE {_quoted(column)}::VARCHAR {cases} ELSE -1 END"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _instant(column: str, kind: str) -> str:
    """A time as the database has it, as ISO 8601 in whatever form, or as Unix seconds."""
    name = _quoted(column)
    if kind.startswith("TIMESTAMP"):
        return f"{name} AT TIME ZONE 'UTC'" if "TIME ZONE" in kind else name
    if kind in ("DATE",):
        return f"{name}::TIMESTAMP"
    text = f"{name}::VARCHAR"
    return (
        f"coalesce(try_cast({text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC', "
        f"make_timestamp((try_cast({text} AS DOUBLE) * 1000000)::BIGINT))"
    )


def _segment_case(names: Sequence[str]) -> str:
    if not names:
        return "-1"
    cases = " ".join(f"WHEN {_literal(name)} THEN {n}" for n, name in enumerate(names))
    return f"CASE coalesce(segment, {_literal(NO_SEGMENT)}) {cases} ELSE -1 END"


def _segment_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "SELECT coalesce(segment, ?) FROM raw WHERE step = 0 GROUP BY 1 "
        "ORDER BY count(*) DESC, 1 LIMIT ?",
        [NO_SEGMENT, MAX_SEGMENTS],
    ).fetchall()
    return [row[0] for row in rows]


def _sorted(
    connection: duckdb.DuckDBPyConnection, found: Mapping[str, Any], names: tuple[str, ...]
) -> SortedEvents:
    import numpy as np

    first, last, bad = connection.execute(
        "SELECT min(make_timestamp(instant))::DATE, max(make_timestamp(instant))::DATE, "
        "count(*) FILTER (is_nobody OR instant IS NULL) FROM raw"
    ).fetchall()[0]
    if first is None:
        raise SourceMalformed("no event has a user and a readable time")
    who = np.asarray(found["who"], dtype=np.uint64)
    changes = np.zeros(len(who), dtype=np.int64)
    changes[1:] = who[1:] != who[:-1]
    return SortedEvents(
        units=np.cumsum(changes),
        times=np.asarray(found["instant"], dtype=np.int64),
        steps=np.asarray(found["step"], dtype=np.int64),
        segments=np.asarray(found["segment"], dtype=np.int64),
        segment_names=names,
        first_day=first.isoformat(),
        last_day=last.isoformat(),
        days=(last - first).days + 1,
        skipped=bad,
    )
