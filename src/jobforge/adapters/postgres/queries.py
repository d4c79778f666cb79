"""Named SQL: `sql/<table>.sql` holds queries, each under its name and one line of purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

_HEADER = re.compile(r"^-- name: *(?P<name>.*)\n-- (?P<purpose>\S.*)\n", re.MULTILINE)
_NAME_LINE = re.compile(r"^-- name:", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Queries:
    """The queries of one file, as attributes: `QUERIES.find_job` is its SQL."""

    def __init__(self, source: str, text: str) -> None:
        self._source = source
        self._queries = dict(_parsed(source, text))

    def __getattr__(self, name: str) -> str:
        try:
            return self._queries[name]
        except KeyError:
            known = ", ".join(sorted(self._queries))
            raise AttributeError(f"no query {name} in {self._source}; there are {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def __getitem__(self, name: str) -> str:
        return self._queries[name]


def load_queries(table: str) -> Queries:
    """Read `sql/<table>.sql` of this package.

    Raises:
        ValueError: a query has no name, no purpose or no text, or two have one name.
    """
    path = files("jobforge.adapters.postgres").joinpath("sql", f"{table}.sql")
    return Queries(f"{table}.sql", path.read_text(encoding="utf-8"))


def _parsed(source: str, text: str) -> Iterator[tuple[str, str]]:
    headers = list(_HEADER.finditer(text))
    if len(headers) != len(_NAME_LINE.findall(text)) or text[: _start(headers, text)].strip():
        raise ValueError(f"{source}: each query needs a name and a line of purpose above it")
    seen: set[str] = set()
    for header, end in zip(headers, [*(h.start() for h in headers[1:]), len(text)], strict=True):
        name, sql = header["name"].strip(), text[header.end() : end].strip().removesuffix(";")
        if not _NAME.fullmatch(name) or name in seen or not sql:
            raise ValueError(f"{source}: {name!r} is no name, or used twice, or has no query")
        seen.add(name)
        yield name, f"-- {name}: {header['purpose']}\n{sql}"


def _start(headers: list[re.Match[str]], text: str) -> int:
    return headers[0].start() if headers else len(text)
