"""Reads the tables that lie beside the code."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """The TOML file of this name in this package."""
    return tomllib.loads(text(f"{name}.toml"))


@cache
def text(name: str) -> str:
    """The text of a file of this package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def words(name: str, key: str) -> frozenset[str]:
    """The words of one text of a table."""
    return frozenset(table(name)[key].split())
