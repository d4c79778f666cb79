"""Finds the JSON pointer of a place in a text that may not be valid JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from jobforge.contract.pointer import to_pointer

_MARK = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},:]', re.DOTALL)
_LOCATABLE_CHARACTERS = 1024 * 1024


class _Frame:
    """One open array (it has an index) or object (it has a key once that was read)."""

    __slots__ = ("index", "is_array", "key", "last_text")

    def __init__(self, *, is_array: bool) -> None:
        self.is_array = is_array
        self.index = 0
        self.key: str | None = None
        self.last_text = ""

    def part(self) -> str | int | None:
        return self.index if self.is_array else self.key

    def take(self, mark: str) -> None:
        """Follow a string, a colon or a comma that lies directly in this frame."""
        if mark == ",":
            self.index += 1
            self.key = None
        elif mark == ":":
            self.key = self.last_text
        else:
            self.last_text = _text_of(mark)


def pointer_at(text: str, position: int) -> str:
    """The pointer of the value that is being read at `position`, an index into `text`.

    A place after the first 1,048,576 characters is not looked for: it gives the whole document.
    """
    if position > _LOCATABLE_CHARACTERS:
        return ""
    frames: list[_Frame] = []
    for _ in _follow(text, position, frames):
        pass
    return _pointer_of(frames)


def pointer_of_depth(text: str, depth: int) -> str:
    """The pointer of the first array or object that lies deeper than `depth`; '' where none is."""
    frames: list[_Frame] = []
    for reached in _follow(text, _LOCATABLE_CHARACTERS, frames):
        if reached > depth:
            return _pointer_of(frames[:-1])
    return ""


def _follow(text: str, end: int, frames: list[_Frame]) -> Iterator[int]:
    """Keep `frames` as they are after each mark before `end`; yields how many are open."""
    for match in _MARK.finditer(text, 0, end):
        mark = match.group()
        if mark in "[{":
            frames.append(_Frame(is_array=mark == "["))
        elif mark in "]}":
            if frames:
                frames.pop()
        elif frames:
            frames[-1].take(mark)
        yield len(frames)


def _text_of(mark: str) -> str:
    try:
        text = str(json.loads(mark))
    except json.JSONDecodeError:
        text = mark[1:]
    return text.encode(errors="replace").decode()


def _pointer_of(frames: list[_Frame]) -> str:
    parts = (frame.part() for frame in frames)
    return to_pointer(part for part in parts if part is not None)
