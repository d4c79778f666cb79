"""Checks of Terraform configurations (HCL and plan JSON)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.iac import (
    aws_accounts,
    aws_compute,
    aws_data,
    aws_delivery,
    aws_engines,
    aws_network,
    aws_policies,
    aws_resource_policies,
    aws_storage,
    aws_tasks,
)
from jobforge.autopilots.ops.iac.rule import Rule
from jobforge.autopilots.ops.iac.terraform_model import Resource, read_modules, resources_of
from jobforge.autopilots.ops.iac.terraform_rules import parse_table, parse_values

_MODULES = (
    aws_policies, aws_resource_policies, aws_network, aws_delivery, aws_compute, aws_data,
    aws_accounts, aws_tasks, aws_engines, aws_storage,
)  # fmt: skip
_TABLE = Path(__file__).with_name("aws_rules.txt")


@cache
def rules_by_type() -> Mapping[str, tuple[Rule[Resource], ...]]:
    """The rules that apply to each resource type."""
    found: defaultdict[str, list[Rule[Resource]]] = defaultdict(list)
    for types, rule in _all_rules():
        for name in types:
            found[name].append(rule)
    return {name: tuple(rules) for name, rules in found.items()}


def _all_rules() -> Iterator[tuple[frozenset[str], Rule[Resource]]]:
    yield from parse_table(_TABLE.read_text(encoding="utf-8"), "aws_")
    for module in _MODULES:
        yield from module.rules()


@cache
def attribute_values() -> Mapping[str, tuple[str, bool | int | str]]:
    """By reference: an attribute and a value that meets the check, where one plain value does."""
    text = _TABLE.read_text(encoding="utf-8")
    return {reference: (attribute, value) for reference, attribute, value in parse_values(text)}


def checks() -> tuple[Check, ...]:
    """Every check, once, by id."""
    found = {
        rule.check.check_id: rule.check for rules in rules_by_type().values() for rule in rules
    }
    return tuple(found.values())


def check_resources(resources: Iterator[Resource]) -> Iterator[Finding]:
    """Judge every resource by every rule for its type."""
    by_type = rules_by_type()
    for resource in resources:
        for rule in by_type.get(resource.type, ()):
            finding = rule.apply(resource, resource.path, resource.address, resource.line)
            if finding is not None:
                yield finding


def check_terraform(files: Mapping[str, str]) -> tuple[list[Finding], dict[str, str]]:
    """Judge the files, by path, as the modules their folders make; also what cannot be read."""
    modules, faults = read_modules(files)
    return list(check_resources(resources_of(modules))), faults
