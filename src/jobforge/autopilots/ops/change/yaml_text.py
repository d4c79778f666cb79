"""Patching the text of a YAML file: comments, order, quotes, anchors and indentation stay."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from jobforge.autopilots.ops.change.patch import PatchOperation, apply_patch
from jobforge.core.errors import PayloadInvalid, SourceMalformed

MAX_ALIASES = 500
"""More references to anchors than any configuration has: a file made to explode."""
_INDENTS = ((2, 2, 0), (2, 4, 2), (4, 4, 0), (4, 4, 2), (4, 6, 4), (2, 3, 1))


def patch_yaml(
    text: str, patch: tuple[PatchOperation, ...], *, path: str, document: int | None = None
) -> str:
    """The text after the patch; lines that the patch does not touch stay byte for byte.

    A file of several documents needs `document`, counted from 0.

    Raises:
        SourceMalformed: no YAML, a repeated key, too many aliases, or too deep.
        PayloadInvalid: the patch does not fit, or `document` is missing or out of range.
    """
    documents = parse_yaml(text, path=path)
    position = _pick(documents, document, path=path)
    writer, baseline = _closest_writer(text, documents)
    documents[position] = apply_patch(documents[position], patch)
    return _carry_over(text, baseline, _write(writer, documents, text))


def parse_yaml(text: str, *, path: str) -> list[Any]:
    """All documents of the text, ready for a round trip.

    Raises:
        SourceMalformed: no YAML, a repeated key, too many aliases, or too deep.
    """
    reader = _yaml()
    try:
        aliases = sum(event.__class__.__name__ == "AliasEvent" for event in reader.parse(text))
        if aliases > MAX_ALIASES:
            raise SourceMalformed(f"{path} holds {aliases} aliases, more than {MAX_ALIASES}")
        return list(_yaml().load_all(text))
    except YAMLError as error:
        # The library's whole text quotes the file.
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SourceMalformed(
            f"{path} is not valid YAML{where}: {problem or ''}".rstrip(": ")
        ) from None
    except (RecursionError, ValueError) as error:
        raise SourceMalformed(f"{path} cannot be read as YAML: {error}") from None


def _pick(documents: list[Any], document: int | None, *, path: str) -> int:
    if document is None and len(documents) != 1:
        raise PayloadInvalid(
            f"{path} holds {len(documents)} documents; say which", pointer="/change/document"
        )
    position = document or 0
    if position >= len(documents):
        raise PayloadInvalid(
            f"{path} holds {len(documents)} documents, none is number {position}",
            pointer="/change/document",
        )
    return position


def _yaml(indent: tuple[int, int, int] = (2, 2, 0)) -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    mapping, sequence, offset = indent
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    return yaml


def _closest_writer(text: str, documents: list[Any]) -> tuple[YAML, str]:
    """The layout that writes the untouched documents most like the text, and what it writes."""
    best: tuple[float, YAML, str] | None = None
    for indent in _INDENTS:
        writer = _yaml(indent)
        written = _write(writer, documents, text)
        if written == text:
            return writer, written
        same = sum(
            one == other for one, other in zip(text.split("\n"), written.split("\n"), strict=False)
        )
        if best is None or same > best[0]:
            best = (same, writer, written)
    assert best is not None  # noqa: S101 (the loop ran at least once)
    return best[1], best[2]


def _write(writer: YAML, documents: list[Any], text: str) -> str:
    lines = text.split("\n")
    writer.explicit_start = any(line.startswith("---") for line in lines[:1]) or None
    stream = io.StringIO()
    writer.dump_all(documents, stream)
    written = stream.getvalue()
    if not text.endswith("\n"):
        written = written.removesuffix("\n")
    return written.replace("\n", "\r\n") if "\r\n" in text else written


def _carry_over(text: str, baseline: str, patched: str) -> str:
    """Apply the difference between `baseline` and `patched` to `text`.

    The writer may normalise lines that the patch does not touch (a blank, a quote). Those come from
    the text: only regions where `patched` differs from `baseline` are taken over.
    """
    if text == baseline:
        return patched
    old, base, new = (part.splitlines(keepends=True) for part in (text, baseline, patched))
    places = _line_places(base, old)
    result: list[str] = []
    taken = 0
    for tag, low, high, new_low, new_high in _opcodes(base, new):
        if tag == "equal":
            continue
        start, end = places[low], places[high]
        result += old[taken:start] + new[new_low:new_high]
        taken = end
    return "".join(result + old[taken:])


def _opcodes(one: list[str], other: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    yield from difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()


def _line_places(base: list[str], old: list[str]) -> list[int]:
    """For each line of `base`, and its end, the place in `old` where it stands."""
    places = [0] * (len(base) + 1)
    for tag, low, high, old_low, old_high in _opcodes(base, old):
        for offset in range(high - low):
            place = old_low + offset
            places[low + offset] = place if tag == "equal" else min(place, old_high)
    places[len(base)] = len(old)
    return places
