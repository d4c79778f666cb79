"""How a policy is judged: by its statements, one by one or together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jobforge.autopilots.ops.iac.policy import Statement, is_readable, statements_of
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

StatementTest = Callable[[Statement], bool]
PolicyTest = Callable[[list[Statement]], str | None]
"""Says what is wrong with the statements together, or None."""


def judge_policy(attribute: str, test: PolicyTest, resource: Resource) -> Judgement | None:
    """Judge one policy; one that is missing, or known after an apply only, is as wanted."""
    if "iam_policy_document" in resource.type:
        return None
    value = resource.get(attribute)
    if resource.type == "aws_ssoadmin_permission_set_inline_policy":
        attribute, value = "inline_policy", resource.get("inline_policy")
    if not is_readable(value):
        return met(f"{attribute} is {'missing' if value is None else 'not known'}", resource.line)
    wrong = test(list(statements_of(value)))
    line = line_of(resource.conf, attribute, resource.line)
    return met(f"{attribute} is as wanted", line) if wrong is None else unmet(wrong, line)


def any_statement(test: StatementTest, what: str, statements: list[Statement]) -> str | None:
    """Return what the first statement does that the test finds, or None."""
    found = next((statement for statement in statements if test(statement)), None)
    if found is None:
        return None
    shown = ", ".join(found.actions[:3]) or "no action"
    return f"a statement {what}: {shown}"


def judge_attribute(attribute: str, test: PolicyTest) -> Callable[[Resource], Judgement | None]:
    """Return the judge of the policy in this attribute."""
    return partial(judge_policy, attribute, test)
