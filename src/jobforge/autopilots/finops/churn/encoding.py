"""Customers as numbers: which columns are numeric, which are categories, what is left out."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobforge.core.errors import InvalidInput

Floats = NDArray[np.float64]
Customer = Mapping[str, Any]
MIN_CATEGORY = 10
"""A category of fewer customers says nothing of its own; it joins the others."""
MAX_CATEGORIES = 50
MIN_NUMBERS = 6
"""A column of at most this many different numbers is a set of codes."""
_DAY_TEXT = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """A measured quantity; a blank takes the median and is flagged."""

    name: str
    median: float
    has_blanks: bool


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """A set of words; `usual` is the most frequent, an unknown word is none of them."""

    name: str
    words: tuple[str, ...]
    usual: str


@dataclass(frozen=True, slots=True)
class Encoding:
    """The columns in use; `left_out` says why others are not."""

    numeric: tuple[NumericColumn, ...]
    categories: tuple[CategoryColumn, ...]
    left_out: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """All columns in use."""
        return (*(c.name for c in self.numeric), *(c.name for c in self.categories))

    def numbers(self, rows: Sequence[Customer]) -> Floats:
        """The numeric columns, NaN where blank, `(n_rows, n_numeric)`."""
        table = np.empty((len(rows), len(self.numeric)))
        for at, column in enumerate(self.numeric):
            table[:, at] = [_number(row.get(column.name), column.name) for row in rows]
        return table

    def words(self, rows: Sequence[Customer]) -> NDArray[np.int32]:
        """The category columns as positions in `words`, -1 for any other."""
        table = np.empty((len(rows), len(self.categories)), np.int32)
        for at, column in enumerate(self.categories):
            codes = _Codes(column.words)
            table[:, at] = [codes[row.get(column.name)] for row in rows]
        return table


class _Codes(dict[Any, int]):
    """Codes by raw value; each different value is read once."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self._by_word = {word: code for code, word in enumerate(words)}

    def __missing__(self, value: Any) -> int:  # noqa: ANN401 (whatever a row holds)
        code = self._by_word.get(_word(value), -1)
        self[value] = code
        return code


def is_blank(value: object) -> bool:
    """Whether the value says nothing."""
    if isinstance(value, float) and math.isnan(value):
        return True
    return value is None or (isinstance(value, str) and not value.strip())


def read_day(value: object) -> date | None:
    """The day (UTC) that a date, a time or their ISO 8601 text names; None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        if not _DAY_TEXT.match(text):
            return None
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).date()
    return value if isinstance(value, date) else None


def are_days(values: Sequence[object]) -> bool:
    """Whether these values, none of them blank, are all dates."""
    return bool(values) and all(read_day(value) is not None for value in values)


def _word(value: object) -> str:
    return "" if is_blank(value) else str(value).strip()


def _number(value: object, name: str) -> float:
    if is_blank(value):
        return math.nan
    number = _as_number(value)
    if number is None or math.isinf(number):
        raise InvalidInput(f"column {name}: {value!r} is not a finite number")
    return number


def _as_number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]  # whatever is no number raises
    except (TypeError, ValueError):
        return None


def learn_encoding(rows: Sequence[Customer], *, exclude: Sequence[str] = ()) -> Encoding:
    """Decide for each column of the rows how to use it.

    A column of numbers with more than six different values is a quantity. Identifiers (nearly as
    many words as rows), dates, constants and empty columns are left out.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    numeric: list[NumericColumn] = []
    categories: list[CategoryColumn] = []
    left_out = dict.fromkeys(exclude, "excluded")
    for name in names:
        if name in left_out:
            continue
        column = _learn_column(name, [row.get(name) for row in rows])
        if isinstance(column, NumericColumn):
            numeric.append(column)
        elif isinstance(column, CategoryColumn):
            categories.append(column)
        else:
            left_out[name] = column
    if not numeric and not categories:
        raise InvalidInput(f"no column says anything about a customer; left out: {left_out}")
    return Encoding(tuple(numeric), tuple(categories), left_out)


def _learn_column(name: str, values: list[Any]) -> NumericColumn | CategoryColumn | str:
    filled = [value for value in values if not is_blank(value)]
    distinct = Counter(_word(value) for value in filled)
    if len(distinct) <= int(len(filled) == len(values)):
        return "the same for everyone" if distinct else "empty"
    if are_days(filled):
        return "dates: how long ago is a quantity, the day itself is none"
    numbers = [_as_number(value) for value in filled]
    if len(distinct) > MIN_NUMBERS and all(n is not None for n in numbers):
        finite = [n for n in numbers if n is not None and math.isfinite(n)]
        if len(finite) < len(filled):
            raise InvalidInput(f"column {name} holds an infinite number")
        return NumericColumn(name, float(np.median(finite)), len(filled) < len(values))
    if len(distinct) > len(filled) / 2:
        return "nearly every customer has a value of his own"
    return _learn_words(name, values)


def _learn_words(name: str, values: list[Any]) -> CategoryColumn | str:
    counts = Counter(_word(value) for value in values)
    kept = [w for w, n in counts.most_common(MAX_CATEGORIES) if n >= MIN_CATEGORY]
    if len(kept) < 1:
        return "no value is shared by enough customers"
    return CategoryColumn(name, tuple(sorted(kept)), kept[0])
