"""JSON pointers (RFC 6901), which every fault in an input names."""

from __future__ import annotations

from collections.abc import Iterable


def to_pointer(parts: Iterable[str | int]) -> str:
    """Write the path as a JSON pointer; the empty path is the whole document, ''."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
