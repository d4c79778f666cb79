"""The rows of one open dataset file, whatever its format."""

from __future__ import annotations

import io
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from jobforge.adapters.datasets.camt_rows import camt_rows
from jobforge.adapters.datasets.mt940_rows import mt940_rows
from jobforge.adapters.datasets.parquet import parquet_rows
from jobforge.adapters.datasets.source import ReadLimits, detect_format, plain_stream
from jobforge.adapters.datasets.text_rows import csv_table, json_rows, ndjson_rows
from jobforge.core.context import Row
from jobforge.core.data_source import DataFormat
from jobforge.core.errors import SourceMalformed


def read_rows(
    raw: BinaryIO, name: str, data_format: DataFormat | None, limits: ReadLimits, scratch: Path
) -> list[Row]:
    """All rows of a file open at its start; `name` is what errors call it.

    Parquet is copied to a temporary folder below `scratch` first, because DuckDB opens by path.

    Raises:
        SourceMalformed: the content is not of its format, or exceeds the limits.
    """
    with plain_stream(raw, name, limits.max_bytes) as stream:
        chosen = data_format or detect_format(name, stream)
        rows = list(itertools.islice(_rows(stream, name, chosen, scratch), limits.max_rows + 1))
    if len(rows) > limits.max_rows:
        raise SourceMalformed(f"{name}: more than {limits.max_rows:,} rows")
    return rows


def _rows(
    stream: io.BufferedReader, name: str, data_format: DataFormat, scratch: Path
) -> Iterator[Row]:
    if data_format == "parquet":
        return _copied_parquet_rows(stream, name, scratch)
    return iter(STREAM_READERS[data_format](stream, name))


STREAM_READERS: dict[DataFormat, Callable[[io.BufferedReader, str], Iterable[Row]]] = {
    "csv": lambda stream, name: csv_table(stream, name)[1],
    "json": json_rows,
    "ndjson": ndjson_rows,
    "mt940": mt940_rows,
    "camt053": camt_rows,
}
"""Every format but Parquet, which DuckDB opens by path."""


def _copied_parquet_rows(stream: io.BufferedReader, name: str, scratch: Path) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder) / "rows.parquet"
        with path.open("wb") as copy:
            shutil.copyfileobj(stream, copy, 1024 * 1024)
        yield from parquet_rows(path, name)
