"""Requirements as SQL: which rows of a table of texts break one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobforge.autopilots.finops.focus.rules import Expression

NUMBER = r"^[+-]?([0-9]*[.])?[0-9]+([eE][+-]?[0-9]+)?$"
MOMENT = r"^\d{4}-[01]\d-[0-3]\d([T ][0-2]\d:[0-5]\d(:[0-5]\d([.]\d+)?)?(Z|[+-]00(:?00)?)?)?$"
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
