"""How a check of an AWS resource is declared in code."""

from __future__ import annotations

from collections.abc import Callable

from jobforge.autopilots.ops.finding import Severity
from jobforge.autopilots.ops.iac.rule import Judgement, Rule, file_check, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource

TypedRule = tuple[frozenset[str], Rule[Resource]]
"""A rule and the resource types it applies to."""


def aws_rule(
    number: str,
    types: tuple[str, ...],
    title: str,
    severity: Severity,
    remediation: str,
    judge: Callable[[Resource], Judgement | None],
) -> TypedRule:
    """The rule with the cross-reference `CKV_AWS_<number>`; types come without `aws_`."""
    check = file_check(f"CKV_AWS_{number}", title, severity, remediation)
    return frozenset(f"aws_{name}" for name in types), Rule(check, judge)


def verdict(is_met: bool, evidence: str, resource: Resource) -> Judgement:
    """A judgement on the whole resource."""
    return (met if is_met else unmet)(evidence, resource.line)
