"""Patching the text of a JSON file: order, indentation and the spelling of numbers stay."""

from __future__ import annotations

import json
import re
from typing import Any

from jobforge.autopilots.ops.change.patch import PatchOperation, apply_patch
from jobforge.core.errors import SourceMalformed

_MARK = "\ue000"


class _SpelledFloat(float):
    """A float that remembers how the file wrote it, say `1.10` or `1e3`."""

    spelling: str

    @classmethod
    def parse(cls, text: str) -> float:
        value = cls(text)
        value.spelling = text
        return value


def patch_json(text: str, patch: tuple[PatchOperation, ...], *, path: str) -> str:
    """The text after the patch, laid out like the text before.

    Raises:
        SourceMalformed: `text` is no JSON, repeats a key, or holds NaN or infinity.
        PayloadInvalid: the patch does not fit the document.
    """
    document = parse_json(text, path=path)
    layout = _layout_of(text, document)
    return _write(apply_patch(document, patch), layout)


def parse_json(text: str, *, path: str) -> Any:  # noqa: ANN401 (any JSON value)
    """Parse strictly; `path` is for the message.

    Raises:
        SourceMalformed: no JSON, a repeated key, NaN or infinity, or too deep.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_refuse_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_SpelledFloat.parse,
        )
    except (ValueError, RecursionError) as error:
        raise SourceMalformed(f"{path} is not valid JSON: {error}") from None


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated in one object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class _Layout:
    """How a file is laid out: what `json.dumps` needs to write it the same way."""

    def __init__(self, text: str, indent: int | str | None, compact: bool) -> None:
        self.indent = indent
        self.separators = (",", ":") if compact else ((", " if indent is None else ","), ": ")
        self.is_ascii = text.isascii()
        self.end = text[len(text.rstrip()) :]
        self.newline = "\r\n" if "\r\n" in text else "\n"


def _layout_of(text: str, document: object) -> _Layout:
    first = re.search(r"\n([ \t]+)\S", text)
    guess = first.group(1) if first else None
    compact = _Layout(text, guess, compact=True)
    roomy = _Layout(text, guess, compact=False)
    return compact if _write(document, compact) == text else roomy


def _write(document: object, layout: _Layout) -> str:
    mark = _unused_mark(document)
    written = json.dumps(
        _to_marked(document, mark),
        indent=layout.indent,
        separators=layout.separators,
        ensure_ascii=False,
    )
    unmarked = re.sub(f'"{mark}([^"]*)"', r"\1", written)
    if layout.is_ascii:
        unmarked = re.sub(r"[^\x00-\x7f]", _escape, unmarked)
    return unmarked.replace("\n", layout.newline) + layout.end


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]


def _unused_mark(document: object) -> str:
    text = json.dumps(document, ensure_ascii=False)
    mark = _MARK
    while mark in text:
        mark += _MARK
    return mark


def _to_marked(value: object, mark: str) -> object:
    """Replace remembered numbers by marked text, which `_write` turns back into bare numbers."""
    match value:
        case _SpelledFloat():
            return mark + value.spelling
        case dict():
            return {key: _to_marked(item, mark) for key, item in value.items()}
        case list():
            return [_to_marked(item, mark) for item in value]
        case _:
            return value
