"""Rows of CSV, JSON and NDJSON: strict, in one encoding, faults named by line and column.

Python's own readers, not DuckDB's: its CSV sniffer takes a later line for the header where the
lines have different lengths, and drops what came before (tried with DuckDB 2.0), and its JSON
reader makes binary fractions of decimal ones.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

ROW_KEYS = ("rows", "events", "data", "records", "billing_events")
"""The keys under which a JSON document may carry its list of rows."""

if TYPE_CHECKING:
    from _csv import Reader as _CsvReader

_DELIMITERS = ",;\t|"
_MAX_FIELD_BYTES = 16 * 1024 * 1024
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def decoded_lines(lines: Iterable[bytes], name: str) -> Iterator[str]:
    """The lines as text, line ends kept; a UTF-8 byte order mark is dropped.

    Raises:
        SourceMalformed: a line is not UTF-8, or has a NUL.
    """
    for number, line in enumerate(lines, start=1):
        if number == 1 and line[:2] in _BOMS:
            raise SourceMalformed(f"{name} is {_BOMS[line[:2]]}; save it as UTF-8")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise SourceMalformed(
                f"{name}, line {number}, byte {error.start + 1}: not UTF-8",
                hint="save the file as UTF-8",
            ) from None
        if "\0" in text:
            raise SourceMalformed(f"{name}, line {number}: a NUL character; is it a text file?")
        yield text


def csv_table(lines: Iterable[bytes], name: str) -> tuple[tuple[str, ...], Iterator[Row]]:
    """The columns, named by the first record, and one row for each further record.

    Every value is text, also an empty one. The delimiter is the one of `, ; tab |` most frequent in
    the first line outside quotes. Blank lines are skipped; a column without a name is called
    `column` and its number, from 1.

    Raises:
        SourceMalformed: no header, a column twice, a record of another length, a stray quote.
    """
    # The limit is the module's, not the reader's; every reader of ours wants the same one.
    csv.field_size_limit(_MAX_FIELD_BYTES)
    text = decoded_lines(lines, name)
    first = next(text, "")
    reader = csv.reader(_chain(first, text), delimiter=_delimiter(first), strict=True)
    records = _numbered_records(reader, name)
    _, header = next(records, (1, []))
    columns = _column_names(header, name)
    return columns, _rows_of_records(records, columns, name)


def _rows_of_records(
    records: Iterator[tuple[int, list[str]]], columns: tuple[str, ...], name: str
) -> Iterator[Row]:
    for line, record in records:
        if len(record) != len(columns):
            raise SourceMalformed(
                f"{name}, line {line}: {len(record)} values for {len(columns)} columns"
            )
        yield dict(zip(columns, record, strict=True))


def _numbered_records(reader: _CsvReader, name: str) -> Iterator[tuple[int, list[str]]]:
    try:
        for record in reader:
            if record:
                yield reader.line_num, record
    except csv.Error as error:
        raise SourceMalformed(f"{name}, line {reader.line_num}: {error}") from None


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _delimiter(line: str) -> str:
    outside = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _column_names(header: list[str], name: str) -> tuple[str, ...]:
    columns = tuple(cell.strip() or f"column{n}" for n, cell in enumerate(header, start=1))
    if not columns:
        raise SourceMalformed(f"{name}, line 1: no header; the first line names the columns")
    column, count = Counter(columns).most_common(1)[0]
    if count > 1:
        raise SourceMalformed(f"{name}, line 1: the column {column!r} is there {count} times")
    return columns


def ndjson_rows(lines: Iterable[bytes], name: str) -> Iterator[Row]:
    """One JSON object a line; blank lines are skipped. Numbers with a fraction are Decimal.

    Raises:
        SourceMalformed: a line is not one JSON object.
    """
    for number, line in enumerate(decoded_lines(lines, name), start=1):
        if line.strip():
            value = _parse(line.rstrip(), name, first_line=number)
            if not isinstance(value, dict):
                raise SourceMalformed(f"{name}, line {number}: not a JSON object")
            yield value


def json_rows(lines: Iterable[bytes], name: str) -> list[Row]:
    """A list of objects, or an object with such a list under exactly one of `ROW_KEYS`.

    Raises:
        SourceMalformed: it is not JSON, or has another shape.
    """
    value = _parse("".join(decoded_lines(lines, name)), name, first_line=1)
    if isinstance(value, dict):
        value = value[_row_key(value, name)]
    if not isinstance(value, list):
        raise SourceMalformed(f"{name}: a list of objects is expected")
    for index, row in enumerate(value):
        if not isinstance(row, dict):
            raise SourceMalformed(f"{name}, entry {index}: not a JSON object", pointer=f"/{index}")
    return value


def _row_key(document: dict[str, Any], name: str) -> str:
    found = [key for key in ROW_KEYS if key in document]
    if len(found) != 1:
        raise SourceMalformed(
            f"{name}: a list of objects is expected, or an object with one under exactly one of "
            f"{', '.join(ROW_KEYS)}; found {', '.join(found) or 'none of them'}"
        )
    return found[0]


def _parse(text: str, name: str, *, first_line: int) -> Any:  # noqa: ANN401 (any JSON value)
    try:
        value = _DECODER.decode(text)
        _refuse_what_is_no_text(text, value)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise SourceMalformed(f"{name}, line {line}, column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise SourceMalformed(f"{name}, line {first_line} or below: {error}") from None
    except RecursionError:
        raise SourceMalformed(f"{name}, line {first_line} or below: nested too deep") from None
    return value


def _refuse_what_is_no_text(text: str, value: object) -> None:
    # Escapes can spell what neither UTF-8 nor PostgreSQL can hold; better named here than later.
    if "\\u" not in text:
        return
    if _NUL_ESCAPE.search(text):
        raise ValueError("a NUL character")
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False, default=str).encode()


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        key, count = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {key!r} is there {count} times")
    return row


_DECODER = json.JSONDecoder(
    parse_float=Decimal,
    parse_constant=_refuse_constant,
    object_pairs_hook=_object_without_duplicates,
)
