"""Tables in files, as DuckDB is told to read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jobforge.core.errors import SourceMalformed

_CSV = (
    "all_varchar=true, header=true, delim=',', quote='\"', escape='\"', comment='', skip=0,"
    " normalize_names=false, nullstr=['NULL', '']"
)
"""RFC 4180 and nothing else: what DuckDB guesses may take other delimiters, and skips lines."""


def csv_source(path: Path) -> str:
    """A CSV file (also gzipped) as a source of SQL; values are text, blank and NULL are null."""
    return f"read_csv({_quoted(path)}, {_CSV})"


def parquet_source(path: Path) -> str:
    """A Parquet file as a source of SQL."""
    return f"read_parquet({_quoted(path)})"


def json_source(path: Path) -> str:
    """A JSON or NDJSON file as a source of SQL."""
    return f"read_json_auto({_quoted(path)})"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def refuse_one_column(path: Path, names: Sequence[str]) -> None:
    """A table of one column was separated by something else.

    Raises:
        SourceMalformed: names the column.
    """
    if len(names) == 1:
        raise SourceMalformed(
            f"{path.name} has one column {names[0]!r}: is the delimiter right?",
            hint="columns of a cost file are separated by commas",
        )


def explain(error: Exception, path: Path) -> str:
    """What DuckDB says of a file, in one line and without the folder it lies in."""
    text = str(error).replace(str(path), path.name)
    if "sniffing" in text or "not utf-8" in text:
        line = text.splitlines()[0].partition("CSV Error on ")[2]
        return f"it is not text in UTF-8, separated by commas{f' ({line})' if line else ''}"
    return text.splitlines()[0]
