"""Cost files of any size, summed by day before they become rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobforge.autopilots.finops.tables import (
    csv_source,
    explain,
    json_source,
    parquet_source,
    refuse_one_column,
)
from jobforge.core.context import DatasetFile, Row
from jobforge.core.errors import SourceMalformed

MEMORY_LIMIT = "1GB"
MAX_VALUES = 300
"""A column with more values than this (resources, SKUs) is summed over rather than kept."""
KEPT = (
    "SubAccountId",
    "BillingAccountId",
    "ServiceName",
    "RegionId",
    "ChargeCategory",
    "CommitmentDiscountStatus",
)
FEW_ONLY = ("ResourceId", "SkuId")
MEASURED = ("EffectiveCost", "BilledCost", "ConsumedQuantity")


def read_cost_file(file: DatasetFile, *, tags: Sequence[str] = ()) -> list[Row]:
    """Sum a FOCUS file by day and by what the drill-down needs.

    CSV (also gzipped), JSON, NDJSON and Parquet are read by DuckDB in a gigabyte of memory; sums
    are exact decimals. The result has FOCUS column names, and a column for each of the `tags`.

    Raises:
        SourceMalformed: no table, no ChargePeriodStart, no cost, or a value that is no number or
            date; the message has DuckDB's first line.
    """
    import duckdb

    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": 2}) as connection:
        try:
            connection.execute(f"CREATE VIEW costs AS SELECT * FROM {_reader(file)}")  # noqa: S608 (a quoted file name)
            columns = [str(row[0]) for row in connection.execute("DESCRIBE costs").fetchall()]
            refuse_one_column(file.path, columns)
            cursor = connection.execute(_query(connection, frozenset(columns), tags))
            names = [part[0] for part in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except duckdb.Error as error:
            raise SourceMalformed(
                f"{file.path.name} is not a readable cost table: {explain(error, file.path)}"
            ) from None


def _reader(file: DatasetFile) -> str:
    match file.format:
        case "parquet":
            return parquet_source(file.path)
        case "csv":
            return csv_source(file.path)
        case "json" | "ndjson":
            return json_source(file.path)
        case "mt940" | "camt053":
            raise SourceMalformed(f"{file.path.name} is a bank statement, not a table of costs")


def _query(
    connection: Any,  # noqa: ANN401 (a DuckDB connection)
    columns: frozenset[str],
    tags: Sequence[str],
) -> str:
    measured = [name for name in MEASURED if name in columns]
    if "ChargePeriodStart" not in columns or not measured:
        raise SourceMalformed(
            "the table has no ChargePeriodStart or no cost; its columns are "
            f"{', '.join(sorted(columns)[:10])}"
        )
    day = "CAST(CAST(ChargePeriodStart AS TIMESTAMP) AS DATE) AS ChargePeriodStart"
    groups = [name for name in (*KEPT, "BillingCurrency", "ConsumedUnit") if name in columns]
    groups += [name for name in FEW_ONLY if name in columns and _has_few(connection, name)]
    selected = [day, *groups]
    if "Tags" in columns:
        selected += [_tag(name) for name in tags]
    sums = [f"sum(CAST({name} AS DECIMAL(38, 12))) AS {name}" for name in measured]
    return f"SELECT {', '.join([*selected, *sums])} FROM costs GROUP BY ALL"  # noqa: S608 (fixed column names)


def _tag(name: str) -> str:
    """The tag's value as a column of its name; names have neither quotes nor backslashes."""
    path = name.replace("'", "''")
    return f"""json_extract_string(TRY_CAST(Tags AS JSON), '$."{path}"') AS "{name}\""""


def _has_few(connection: Any, column: str) -> bool:  # noqa: ANN401 (a DuckDB connection)
    counted = f"SELECT approx_count_distinct({column}) FROM costs"  # noqa: S608 (a fixed column name)
    return int(connection.execute(counted).fetchone()[0]) <= MAX_VALUES
