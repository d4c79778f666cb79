"""The characters of HCL text: a position that moves over blanks, comments and tokens."""

from __future__ import annotations

import bisect
import re

MAX_DEPTH = 80
_SPACE = re.compile(r"(?:[ \t\r]+|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_SPACE_LINES = re.compile(r"(?:\s+|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_IDENTIFIER = re.compile(r"[^\W\d][\w-]*")


class MalformedHcl(ValueError):
    """The text is no HCL; the message names the line."""


class Scanner:
    """A position in the text, and how deep it is nested."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0
        self.depth_in_brackets = 0
        self._gap = (-1, -1)
        self._lines = [match.start() for match in re.finditer("\n", text)]

    def line(self, position: int | None = None) -> int:
        """The line of a position, from 1."""
        at = self.position if position is None else position
        return bisect.bisect_left(self._lines, at) + 1

    def fail(self, what: str) -> MalformedHcl:
        """The fault at this place, to raise."""
        return MalformedHcl(f"line {self.line()}: {what}")

    def skip(self, lines: bool = True) -> None:
        """Move over blanks and comments, and ends of lines where they mean nothing."""
        match = (_SPACE_LINES if lines else _SPACE).match(self.text, self.position)
        if match and match.end() > self.position:
            if self.position != self._gap[1]:
                self._gap = (self.position, self.position)
            self.position = match.end()
            self._gap = (self._gap[0], self.position)

    def end_of_last(self) -> int:
        """Where the last token ends: before the blanks and comments that were skipped after it."""
        return self._gap[0] if self._gap[1] == self.position else self.position

    def peek(self, token: str) -> bool:
        """Whether the token stands here."""
        return self.text.startswith(token, self.position)

    def take(self, token: str) -> bool:
        """Move over the token, if it stands here."""
        if self.text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def expect(self, token: str) -> None:
        """Move over the token, which must stand here."""
        if not self.take(token):
            found = self.text[self.position : self.position + 10]
            raise self.fail(f"expected {token!r}, found {found!r}")

    def identifier(self) -> str | None:
        """Move over a name, if one stands here."""
        match = _IDENTIFIER.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match.group()

    def deeper(self) -> None:
        """Go one level down; `depth` is set back by who went."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"nested deeper than {MAX_DEPTH}")

    def label(self) -> str:
        """Move over a quoted label."""
        end = self.text.find('"', self.position + 1)
        if end < 0:
            raise self.fail("a label is not closed")
        label = self.text[self.position + 1 : end]
        self.position = end + 1
        return label
