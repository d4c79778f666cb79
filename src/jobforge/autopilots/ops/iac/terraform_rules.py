"""The table language of `aws_rules.txt`: what one attribute of a resource must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

from jobforge.autopilots.ops.finding import SEVERITIES, Severity
from jobforge.autopilots.ops.iac.rule import Judgement, Rule, file_check, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, is_unknown
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

Test = Callable[[Any], bool]
"""Judges a value; None stands for a missing one."""


def judge_attribute(attribute: str, test: Test, resource: Resource) -> Judgement:
    """Whether the attribute's value passes the test; an unknown value does."""
    value = resource.get(attribute)
    line = line_of(resource.conf, attribute.partition("/")[0], resource.line)
    shown = f"{attribute} is {'missing' if value is None else _short(value)}"
    return met(shown, line) if is_unknown(value) or test(value) else unmet(shown, line)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "…"  # noqa: PLR2004 (a line of evidence)


def plain(value: object) -> str:
    """A value as the table writes it: booleans in lower case, numbers as they are."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_one_of(wanted: frozenset[str], value: object) -> bool:
    return "~" in wanted if value is None else plain(value) in wanted


def _is_none_of(unwanted: frozenset[str], value: object) -> bool:
    return "~" not in unwanted if value is None else plain(value) not in unwanted


def is_set(value: object) -> bool:
    """Whether there is a value: not null, not empty."""
    return value is not None and value not in ("", [], {})


def _is_missing(value: object) -> bool:
    return not is_set(value)


def to_number(value: object) -> float | None:
    """The number a value stands for, or None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(cast("float", value))
    except (TypeError, ValueError):
        return None


def _at_least(minimum: float, value: object) -> bool:
    number = to_number(value)
    return number is not None and number >= minimum


def _at_most(maximum: float, value: object) -> bool:
    number = to_number(value)
    # Zero switches the limit off wherever AWS has such a setting.
    return number is not None and 0 < number <= maximum


def parse_test(wanted: str) -> Test:  # noqa: PLR0911 (one per operator)
    """The test that a table's fourth column describes.

    Raises:
        ValueError: the column is none of the forms that the table's head lists.
    """
    operator, _, operand = wanted.partition(" ")
    values = frozenset(operand.split(","))
    match operator:
        case "=":
            return partial(_is_one_of, values)
        case "!":
            return partial(_is_none_of, values)
        case "set":
            return is_set
        case "none":
            return _is_missing
        case ">=":
            return partial(_at_least, float(operand))
        case "<=":
            return partial(_at_most, float(operand))
        case _:
            raise ValueError(f"{wanted!r} is no test")


def _is_absent(resource: Resource) -> Judgement:
    return unmet(f"{resource.address} exists", resource.line)


def _remediation(attribute: str, wanted: str) -> str:
    operator, _, operand = wanted.partition(" ")
    stated = [value for value in operand.split(",") if value != "~"]
    return {
        "=": f"Set {attribute} to {' or '.join(stated)}.",
        "!": f"Set {attribute} to something else than {' or '.join(stated)}.",
        "set": f"Set {attribute}.",
        "none": f"Remove {attribute}.",
        ">=": f"Set {attribute} to {operand} or more.",
        "<=": f"Set {attribute} to {operand} or less.",
        "absent": "Remove the resource.",
    }[operator]


def parse_table(text: str, prefix: str) -> Iterator[tuple[frozenset[str], Rule[Resource]]]:
    """Rules with the resource types they apply to; `prefix` is put before each type."""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        number, types, attribute, wanted, severity, title = (c.strip() for c in line.split(" | "))
        check = file_check(
            f"CKV_AWS_{number}", title, _severity(severity), _remediation(attribute, wanted)
        )
        judge = (
            _is_absent
            if wanted == "absent"
            else partial(judge_attribute, attribute, parse_test(wanted))
        )
        names = frozenset(prefix + name for name in types.split(","))
        yield names, Rule(check, judge)


def parse_values(text: str) -> Iterator[tuple[str, str, bool | int | str]]:
    """For each rule that one plain value meets: its reference, the attribute and the value."""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        number, _, attribute, wanted, _, _ = (c.strip() for c in line.split(" | "))
        value = _value_that_meets(wanted)
        if value is not None:
            yield f"CKV_AWS_{number}", attribute, value


def _value_that_meets(wanted: str) -> bool | int | str | None:
    operator, _, operand = wanted.partition(" ")
    stated = [value for value in operand.split(",") if value != "~"]
    match operator:
        case "=":
            return {"true": True, "false": False}.get(stated[0], stated[0]) if stated else None
        case "!":
            # Only a switch has an opposite.
            return {"true": False, "false": True}.get(operand)
        case ">=" | "<=":
            return int(operand) if operand.isdigit() else None
        case _:
            return None


def _severity(text: str) -> Severity:
    return next(severity for severity in SEVERITIES if severity == text)
