"""The published rules of FOCUS, in a notation of our own: one JSON array a line.

`[rule, keyword, criteria, condition, requirement, rules needed, published]`. A requirement is null
where the rule cannot be judged from the data alone, a rule's name where it refers to one, else an
operation: `all any present null filled nullable is is_not one_of same differ at_least product
distinct decimal numeric string ascii datetime iso utc currency iso4217 keyvalue unit amount`. The
last element is there where the public validator asks something else: it may also be `text_column
float_column unreadable`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from jobforge.core.errors import InvalidInput

VERSIONS = ("1.0", "1.1", "1.2")
Expression = Sequence[Any] | str | None
UNJUDGED = {
    "unit": "the unit format has no published test",
    "amount": "there is no published test for this value",
    "unreadable": "the published rule reads a column that this version does not have",
}
_LATER = {
    "1.1": (
        "BillingAccountType",
        "InvoiceId",
        "PricingCurrency",
        "PricingCurrencyContractedUnitPrice",
        "PricingCurrencyEffectiveCost",
        "PricingCurrencyListUnitPrice",
        "SubAccountType",
    )
}
"""Columns that a version does not have yet, whose rules are those of the next version's model.

Source: FOCUS specification 1.2, "Introduced (version)" of each column.
"""
_MODEL = {"1.0": "1.0", "1.1": "1.2", "1.2": "1.2"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: where its `criteria` and `condition` hold, `requirement` must hold.

    `published` is what the public validator asks instead, where it does; it then takes no notice
    of columns that are not there.
    """

    name: str
    keyword: str
    criteria: tuple[str, ...]
    condition: Expression
    requirement: Expression
    needs: tuple[str, ...] = ()
    published: Expression = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The rules this one is made of."""
        return tuple(_names(self.requirement))


def _names(expression: Expression) -> Iterator[str]:
    if isinstance(expression, str):
        yield expression
    elif expression and expression[0] in ("all", "any"):
        for item in expression[1:]:
            yield from _names(item)


@cache
def load_rules(version: str) -> Mapping[str, Rule]:
    """The rules of a FOCUS version by name, in the published order.

    Raises:
        InvalidInput: a version whose rules are not here.
    """
    if version not in VERSIONS:
        raise InvalidInput(f"no rules for FOCUS {version}; there are {', '.join(VERSIONS)}")
    model = f"focus-{_MODEL[version]}.jsonl"
    text = files(__package__).joinpath(model).read_text(encoding="utf-8")
    rules = {rule.name: rule for rule in map(_read, text.splitlines())}
    return _without_columns(rules, frozenset(_LATER.get(version, ())))


def _read(line: str) -> Rule:
    name, keyword, criteria, condition, requirement, needs, *rest = json.loads(line)
    published = rest[0] if rest else None
    return Rule(name, keyword, tuple(criteria), condition, requirement, tuple(needs), published)


def _without_columns(rules: Mapping[str, Rule], columns: frozenset[str]) -> Mapping[str, Rule]:
    """The rules that speak of none of these columns; composites lose the parts that do."""
    if not columns:
        return rules
    kept = {
        name: rule
        for name, rule in rules.items()
        if name.split("-C-")[0] not in columns and columns.isdisjoint(_columns(rule))
    }
    return {
        name: replace(
            rule,
            requirement=_only_parts(rule.requirement, frozenset(kept)),
            needs=tuple(needed for needed in rule.needs if needed in kept),
        )
        for name, rule in kept.items()
    }


def _columns(rule: Rule) -> set[str]:
    """The words that follow an operation: all columns are among them."""
    return {*_words(rule.condition), *_words(rule.requirement)}


def _words(expression: Expression) -> Iterator[str]:
    if expression is None or isinstance(expression, str):
        return
    for operand in expression[1:]:
        if isinstance(operand, str):
            yield operand
        elif isinstance(operand, Sequence):
            yield from _words(operand)


def _only_parts(expression: Expression, names: frozenset[str]) -> Expression:
    if isinstance(expression, str) or not expression or expression[0] not in ("all", "any"):
        return expression
    parts = [p for p in expression[1:] if not isinstance(p, str) or p in names]
    return [expression[0], *(_only_parts(part, names) for part in parts)]


def as_published(rules: Mapping[str, Rule]) -> Mapping[str, Rule]:
    """The rules as the public validator asks them."""
    return {
        name: replace(rule, condition=None, requirement=rule.published) if rule.published else rule
        for name, rule in rules.items()
    }


def not_applicable(rules: Mapping[str, Rule], switched_on: frozenset[str]) -> dict[str, str]:
    """Rules that don't apply, with the criterion: their own, or that of a rule they are part of."""
    found: dict[str, str] = {}
    pending = [
        (rule.name, missing)
        for rule in rules.values()
        if (missing := next((c for c in rule.criteria if c not in switched_on), None))
    ]
    while pending:
        name, criterion = pending.pop()
        if name not in found and name in rules:
            found[name] = criterion
            pending += [(part, criterion) for part in rules[name].parts]
    return found


def published_not_applicable(
    rules: Mapping[str, Rule], switched_on: frozenset[str]
) -> dict[str, str]:
    """Rules that the public validator leaves out.

    Besides those of `not_applicable`: every rule that depends, over any number of steps, on one
    that does not apply, and all rules of a column whose presence is optional by a criterion.
    """
    found = dict(not_applicable(rules, switched_on))
    presence = {
        rule.requirement[1]: found[rule.name]
        for rule in rules.values()
        if rule.name in found and rule.requirement and rule.requirement[0] == "present"
    }
    for name in rules:
        column = name.split("-C-")[0]
        if "-C-" in name and column in presence:
            found.setdefault(name, presence[column])
    return _spread_to_dependents(rules, found, not_applicable(rules, switched_on))


def _spread_to_dependents(
    rules: Mapping[str, Rule], found: dict[str, str], roots: Mapping[str, str]
) -> dict[str, str]:
    dependents: dict[str, list[str]] = {}
    for rule in rules.values():
        for needed in (*rule.needs, *rule.parts):
            dependents.setdefault(needed, []).append(rule.name)
    pending = [name for name in roots if rules[name].criteria]
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            found.setdefault(name, found.get(name) or "a criterion of a rule it depends on")
            pending += dependents.get(name, [])
    return found
