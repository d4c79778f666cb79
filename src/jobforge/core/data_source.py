"""How a payload says where its rows come from: a named dataset, a tenant's file, or inline."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from jobforge.core.model import Model

DataFormat = Literal["csv", "json", "ndjson", "parquet", "mt940", "camt053"]
"""The last two are bank statements: SWIFT MT940, and ISO 20022 CAMT.053 in XML."""


class NamedDataset(Model):
    """A dataset that was registered with `jobforge data add`."""

    type: Literal["dataset"] = "dataset"
    name: str = Field(min_length=1, max_length=256)


class FileSource(Model):
    """A file inside the tenant's folder; the path is relative to that folder."""

    type: Literal["file"] = "file"
    path: str = Field(min_length=1, max_length=4096)
    format: DataFormat | None = None


class InlineRows(Model):
    """Rows carried by the payload itself."""

    type: Literal["inline"] = "inline"
    rows: tuple[dict[str, Any], ...]


def _expand(value: object) -> object:
    if isinstance(value, str):
        return {"type": "dataset", "name": value}
    if isinstance(value, list):
        return {"type": "inline", "rows": tuple(value)}
    if isinstance(value, dict) and isinstance(value.get("rows"), list):
        # What a validator hands on is no longer JSON, where strict mode takes a list as a tuple.
        return {**value, "rows": tuple(value["rows"])}
    return value


DataSource = Annotated[
    Annotated[NamedDataset | FileSource | InlineRows, Field(discriminator="type")],
    BeforeValidator(_expand),
]
"""A bare string names a dataset; a bare list is inline rows."""
