"""JSON documents that are no list of rows: the finops module's ledger is one object."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from jobforge.core.context import JobContext, Row
from jobforge.core.data_source import DataSource, InlineRows
from jobforge.core.errors import SourceMalformed


async def read_document(source: DataSource, context: JobContext) -> list[Row]:
    """The rows of a source; a JSON file that holds one object is one row.

    Raises:
        SourceMalformed: not JSON, or neither an object nor a list of objects.
    """
    if isinstance(source, InlineRows):
        return await context.data.rows(source)
    file = await context.data.file(source)
    if file.format != "json":
        return await context.data.rows(source)
    return _parse(file.path)


def _parse(path: Path) -> list[Row]:
    try:
        value = json.loads(path.read_bytes(), parse_float=Decimal, parse_constant=_refuse)
    except ValueError as error:
        raise SourceMalformed(f"{path.name} is not JSON: {error}") from None
    rows: Any = [value] if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SourceMalformed(f"{path.name} is neither an object nor a list of objects")
    return list(rows)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
