"""YAML and JSON with line numbers, read fast: nodes become dicts and lists that know their line."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_libyaml: Any = None
_LOADER: Any = None
with suppress(ImportError):
    # libyaml reads twenty times faster than any YAML parser in Python; both give the same nodes.
    _libyaml = importlib.import_module("yaml")
    _LOADER = getattr(_libyaml, "CSafeLoader", None)

MAX_NODES = 200_000
MAX_DEPTH = 100

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$")


class MalformedText(ValueError):
    """The text cannot be read."""


class LinedDict(dict[str, Any]):
    """A mapping that knows its line, and the line of each key; lines count from 1."""

    __slots__ = ("key_lines", "line")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.key_lines: dict[str, int] = {}


class LinedList(list[Any]):
    """A sequence that knows its line."""

    __slots__ = ("line",)

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


def line_of(value: object, key: str | None = None, default: int = 1) -> int:
    """The line where `value`, or its `key`, stands."""
    if key is not None and isinstance(value, LinedDict) and key in value.key_lines:
        return value.key_lines[key]
    return value.line if isinstance(value, LinedDict | LinedList) else default


def read_documents(text: str) -> list[Any]:
    """Every document of the text. Aliases are shared, not copied; a repeated key keeps the last.

    Raises:
        MalformedText: no YAML, too deep, or a bomb.
    """
    try:
        # A reader knows nodes by identity, which holds only while their document lives.
        return [_Reader().convert(node, 0) for node in _compose(text) if node is not None]
    except MalformedText:
        raise
    except RecursionError:
        raise MalformedText(f"nested deeper than {MAX_DEPTH}") from None
    except Exception as error:
        if isinstance(error, YAMLError) or type(error).__module__.startswith("yaml"):
            raise MalformedText(" ".join(str(error).split())[:300]) from None
        if isinstance(error, ValueError):
            raise MalformedText(str(error)) from None
        raise


def _compose(text: str) -> Iterator[Any]:
    _check_nesting(text)
    if _LOADER is not None:
        yield from _libyaml.compose_all(text, Loader=_LOADER)
    else:
        yield from YAML(typ="safe", pure=True).compose_all(text)


def _check_nesting(text: str) -> None:
    # The parsers recurse per level, in C where nothing catches it: look before.
    depth = deepest = 0
    for character in re.findall(r"[\[\]{}]", text):
        depth += 1 if character in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > 10 * MAX_DEPTH or _longest_dash_run(text) > MAX_DEPTH:
        raise MalformedText(f"nested deeper than {MAX_DEPTH}")


def _longest_dash_run(text: str) -> int:
    # `- - - x` opens a level per dash.
    return max((len(match) // 2 for match in re.findall(r"(?:- ){3,}", text)), default=0)


class _Reader:
    """Turns nodes into values; a node that is referred to again is the same value."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._open: set[int] = set()
        self._count = 0

    def convert(self, node: Any, depth: int) -> Any:  # noqa: ANN401 (nodes of two libraries)
        if id(node) in self._open:
            # Whoever walks such a value never comes to its end.
            raise MalformedText("an alias stands inside what it refers to")
        known = self._done.get(id(node))
        if known is not None:
            return known
        self._count += 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            raise MalformedText(f"more than {MAX_NODES:,} nodes or nested deeper than {MAX_DEPTH}")
        kind = node.id
        if kind == "scalar":
            return _scalar(node)
        self._open.add(id(node))
        read = self._sequence if kind == "sequence" else self._mapping
        value = read(node, depth)
        self._open.remove(id(node))
        return value

    def _sequence(self, node: Any, depth: int) -> LinedList:  # noqa: ANN401 (as above)
        items = LinedList(node.start_mark.line + 1)
        self._done[id(node)] = items
        items.extend(self.convert(item, depth + 1) for item in node.value)
        return items

    def _mapping(self, node: Any, depth: int) -> LinedDict:  # noqa: ANN401 (as above)
        mapping = LinedDict(node.start_mark.line + 1)
        self._done[id(node)] = mapping
        for key_node, value_node in node.value:
            value = self.convert(value_node, depth + 1)
            if key_node.value == "<<" and isinstance(value, dict):
                for key, inherited in value.items():
                    mapping.setdefault(key, inherited)
                continue
            key = str(key_node.value) if key_node.id == "scalar" else "?"
            mapping[key] = value
            mapping.key_lines[key] = key_node.start_mark.line + 1
        return mapping


def _scalar(node: Any) -> Any:  # noqa: ANN401 (nodes of two libraries)
    text: str = node.value
    if node.style or not node.tag.startswith("tag:yaml.org,2002:"):
        return text
    return plain_scalar(text)


def plain_scalar(  # noqa: PLR0911 (one per type)
    text: str,
) -> str | int | float | bool | None:
    """The value of an unquoted YAML scalar (core schema, and yes/no as Kubernetes reads it)."""
    if text in _NULLS:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _INT.match(text):
        return int(text) if len(text) < 19 else text  # noqa: PLR2004 (64 bits)
    if _FLOAT.match(text):
        return float(text)
    return text
