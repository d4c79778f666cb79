"""Cells of two tables made comparable: words, numbers, dates, durations."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

_WORD = re.compile(r"[^\W_]+(?:\.\d+)*")
_NUMBER = re.compile(r"^[^\w.+-]*([+-]?\d[\d,]*(?:\.\d+)?|\.\d+)\s*(?:%|[a-z]{3})?$", re.IGNORECASE)
_CLOCK = re.compile(r"^(?:(\d{1,2}):)?(\d{1,3}):(\d{2})$")
_DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d-%b-%y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%m/%d/%Y",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One value: its words, and what number or day it is, if it is one."""

    text: str
    words: tuple[str, ...]
    number: float | None
    day: int | None


def to_cell(value: object) -> Cell:
    """Read a value. A duration like 3:45 is its seconds; a blank has no words."""
    plain = "" if value is None else unicodedata.normalize("NFKC", str(value)).casefold().strip()
    plain = re.sub(r"\s+([,.'])", r"\1", plain)
    words = tuple(_WORD.findall(plain))
    return Cell(" ".join(words), words, _to_number(plain), _to_day(value, plain))


def _to_number(text: str) -> float | None:
    if clock := _CLOCK.match(text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return float(hours * 3600 + minutes * 60 + seconds)
    found = _NUMBER.match(text)
    return float(found[1].replace(",", "")) if found else None


def _to_day(value: object, text: str) -> int | None:
    if isinstance(value, datetime | date):
        return value.toordinal()
    if len(text) < 6 or not any(char.isdigit() for char in text):  # noqa: PLR2004 (d.m.yy)
        return None
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(text[:20], form).toordinal()  # noqa: DTZ007 (a day, no time)
        except ValueError:
            continue
    return None


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns both tables share; `whole` is the text of all of them together."""

    names: tuple[str, ...]

    @classmethod
    def shared(
        cls, left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]
    ) -> TableColumns:
        """Columns that occur on both sides, in the left one's order, without the id."""
        there = {name for row in right for name in row}
        names = dict.fromkeys(name for row in left for name in row if name in there)
        return cls(tuple(name for name in names if name != "id"))

    def cells(self, row: Mapping[str, Any]) -> tuple[Cell, ...]:
        """The row's cells, and last the whole row as one text."""
        cells = [to_cell(row.get(name)) for name in self.names]
        whole = " ".join(cell.text for cell in cells if cell.text)
        return (*cells, Cell(whole, tuple(whole.split()), None, None))
