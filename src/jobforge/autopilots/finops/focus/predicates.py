"""Requirements as SQL: which rows of a table of texts break one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobforge.autopilots.finops.currencies import CURRENCIES
from jobforge.autopilots.finops.focus.rules import Expression

NUMBER = r"^[+-]?([0-9]*[.])?[0-9]+([eE][+-]?[0-9]+)?$"
MOMENT = r"^\d{4}-[01]\d-[0-3]\d([T ][0-2]\d:[0-5]\d(:[0-5]\d([.]\d+)?)?(Z|[+-]00(:?00)?)?)?$"
UTC_MOMENT = r"^\d{4}-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d(:[0-5]\d([.]\d+)?)?(Z|[+-]00(:?00)?)$"
INTEGER = r"^[+-]?[0-9]+$"
PRODUCT_TOLERANCE = "1e-6"
"""Prices times quantities are published rounded; a millionth is rounding."""


class ColumnMissing(Exception):
    """A requirement names a column that the table does not have."""


class Translator:
    """Turns requirements into SQL over columns of text."""

    def __init__(self, columns: frozenset[str]) -> None:
        self._columns = columns
        self._violations: dict[str, Callable[..., str]] = {
            "null": lambda c: f"{self._column(c)} IS NOT NULL",
            "filled": lambda c: f"{self._column(c)} IS NULL",
            "is": self._is,
            "is_not": lambda c, v: f"coalesce({self._column(c)} = {_literal(v)}, false)",
            "one_of": self._one_of,
            "nullable": lambda c: f"({self._column(c)} IS NULL AND false)",
            "same": lambda a, b: f"coalesce({self._column(a)} <> {self._column(b)}, false)",
            "differ": lambda a, b: f"coalesce({self._column(a)} = {self._column(b)}, false)",
            "at_least": lambda c, v: f"coalesce({self._number(c)} < {float(v)}, false)",
            "product": self._product,
            "decimal": lambda c: self._unlike(c, NUMBER),
            "numeric": lambda c: self._unlike(c, NUMBER),
            "string": lambda c: f"({self._column(c)} IS NULL AND false)",
            "ascii": lambda c: self._unlike(c, r"^[\x00-\x7F]*$"),
            "datetime": lambda c: self._unlike(c, MOMENT),
            "iso": lambda c: self._unlike(c, MOMENT),
            "utc": lambda c: self._unlike(c, UTC_MOMENT),
            "iso4217": lambda c: self._one_of(c, *sorted(CURRENCIES)),
            "currency": lambda c: self._unlike(c, "^[A-Z]{3}$"),
            "keyvalue": self._not_json,
        }

    def violation(self, expression: Expression) -> str | None:
        """SQL that is true for a row that breaks it; None where rows cannot.

        Raises:
            ColumnMissing: it names a column that is not there.
        """
        if expression is None or isinstance(expression, str):
            return None
        operation, operands = expression[0], expression[1:]
        if operation in ("all", "any"):
            parts = [part for item in operands if (part := self.violation(item))]
            joint = " OR " if operation == "all" else " AND "
            return f"({joint.join(parts)})" if parts else None
        return self._violations[operation](*operands)

    def holds(self, condition: Expression) -> str:
        """SQL that is true for a row that the condition selects."""
        broken = self.violation(condition)
        return "true" if broken is None else f"NOT {broken}"

    def _column(self, name: str) -> str:
        if name not in self._columns:
            raise ColumnMissing(name)
        return quoted(name)

    def _number(self, name: str) -> str:
        return f"try_cast({self._column(name)} AS DOUBLE)"

    def _is(self, name: str, value: Any) -> str:  # noqa: ANN401 (text or number)
        if isinstance(value, int | float):
            return f"coalesce({self._number(name)} <> {float(value)}, false)"
        return f"coalesce({self._column(name)} <> {_literal(value)}, false)"

    def whole(self, operation: str, name: str) -> str:
        """SQL that is 1 where the column as a whole breaks it, else 0.

        The public validator of 1.0 types columns the way pandas does: a column of nothing but
        numbers is no text, and one of nothing but whole numbers is no decimal.

        Raises:
            ColumnMissing: it names a column that is not there.
        """
        column = self._column(name)
        filled = f"count({column})"
        numbers, integers = (
            f"count(*) FILTER (WHERE regexp_matches(trim({column}), {_literal(pattern)}))"
            for pattern in (NUMBER, INTEGER)
        )
        is_number = f"{filled} > 0 AND {numbers} = {filled}"
        if operation == "text_column":
            return f"CAST({is_number} AS INTEGER)"
        is_whole = f"{integers} = count(*)"
        return f"CAST({numbers} < {filled} OR ({is_number} AND {is_whole}) AS INTEGER)"

    def _one_of(self, name: str, *values: str) -> str:
        listed = ", ".join(map(_literal, values))
        return f"coalesce({self._column(name)} NOT IN ({listed}), false)"

    def _product(self, left: str, right: str, result: str) -> str:
        gap = f"abs({self._number(left)} * {self._number(right)} - {self._number(result)})"
        size = f"greatest(abs({self._number(result)}), {PRODUCT_TOLERANCE})"
        return f"coalesce({gap} > {PRODUCT_TOLERANCE} * {size}, false)"

    def _unlike(self, name: str, pattern: str) -> str:
        column = self._column(name)
        return f"({column} IS NOT NULL AND NOT regexp_matches(trim({column}), {_literal(pattern)}))"

    def _not_json(self, name: str) -> str:
        column = self._column(name)
        return (
            f"({column} IS NOT NULL AND coalesce(json_type(try_cast({column} AS JSON)), '')"
            " <> 'OBJECT')"
        )


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
