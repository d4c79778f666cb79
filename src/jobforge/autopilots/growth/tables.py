"""Reads the tables that lie beside the code of this domain."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def package_table(path: str) -> dict[str, Any]:
    """The TOML file at this path below the domain's package, without its suffix."""
    return tomllib.loads(files(__package__).joinpath(f"{path}.toml").read_text(encoding="utf-8"))
