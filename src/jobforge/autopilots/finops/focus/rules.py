"""The published rules of FOCUS, in a notation of our own: one JSON array a line.

`[rule, keyword, criteria, condition, requirement, rules needed]`. A requirement is null where the
rule cannot be judged from the data alone, a rule's name where it refers to one, else an operation:
`all any present null filled is is_not same differ at_least product distinct decimal numeric string
ascii datetime iso currency keyvalue unit amount`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jobforge.core.errors import InvalidInput

VERSIONS = ("1.2",)
Expression = Sequence[Any] | str | None
UNJUDGED = {
    "unit": "the unit format has no published test",
    "amount": "there is no published test for this value",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: where its `criteria` and `condition` hold, `requirement` must hold."""

    name: str
    keyword: str
    criteria: tuple[str, ...]
    condition: Expression
    requirement: Expression
    needs: tuple[str, ...] = ()

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
    text = files(__package__).joinpath(f"focus-{version}.jsonl").read_text(encoding="utf-8")
    rules = {}
    for line in text.splitlines():
        name, keyword, criteria, condition, requirement, needs = json.loads(line)
        rules[name] = Rule(name, keyword, tuple(criteria), condition, requirement, tuple(needs))
    return rules


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
