"""Checks of AWS policies on identities, and of who may assume a role."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from jobforge.autopilots.ops.iac import policy_risks
from jobforge.autopilots.ops.iac.aws_policy_judging import any_statement, judge_attribute
from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule
from jobforge.autopilots.ops.iac.policy import Statement, is_account_root, words
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource

IDENTITY_TYPES = ("iam_role_policy", "iam_user_policy", "iam_group_policy", "iam_policy",
                  "ssoadmin_permission_set_inline_policy")  # fmt: skip
_ADMIN = "AdministratorAccess"
_ATTACHMENTS = ("iam_role", "iam_policy_attachment", "iam_role_policy_attachment",
                "iam_user_policy_attachment", "iam_group_policy_attachment",
                "ssoadmin_managed_policy_attachment")  # fmt: skip
_LIMIT = "Name the resources, or add a condition."


def _is_admin(statement: Statement) -> bool:
    return statement.allows and "*" in statement.actions and "*" in statement.resources


def _stars_action(statement: Statement) -> bool:
    return statement.allows and "*" in statement.actions


def _assumed_by_everybody(statement: Statement) -> bool:
    return statement.is_open


def _assumed_by_account(statement: Statement) -> bool:
    names = statement.aws_principals
    return statement.allows and any(is_account_root(name) or name.isdigit() for name in names)


def _risk(names: tuple[str, ...], statements: list[Statement]) -> str | None:
    found = policy_risks.first_risk(statements, names)
    return f"{found} is allowed on every resource" if found else None


def _level(test: Callable[[str], bool], what: str, statements: list[Statement]) -> str | None:
    for statement in policy_risks.unconstrained(statements):
        found = next((action for action in statement.actions if test(action)), None)
        if found is not None:
            return f"{what}: {found} on every resource"
    return None


def _escalates(statements: list[Statement]) -> str | None:
    path = policy_risks.escalation(statements)
    return f"allows {' with '.join(path)}" if path else None


def _managed_admin(resource: Resource) -> Judgement | None:
    names: tuple[str, ...] = ()
    for attribute in ("policy_arn", "managed_policy_arn", "managed_policy_arns"):
        names += words(resource.conf.get(attribute))
    found = next((name for name in names if name.endswith(f"/{_ADMIN}")), None)
    return unmet(f"attaches {found}", resource.line) if found else met("not the administrator's")


def _attached_to_user(resource: Resource) -> Judgement | None:
    if resource.type == "aws_iam_policy_attachment" and not resource.conf.get("users"):
        return met("attached to groups or roles")
    return unmet("attached to a user", resource.line)


_GITHUB = "token.actions.githubusercontent.com"
_GITHUB_SUBJECT = re.compile(r"repo:[^*?:/]+/")


def _github(statement: Statement) -> bool:
    """Whether it lets workflows in of more than one owner's repositories.

    Source: GitHub Docs, "Configuring OpenID Connect in Amazon Web Services": the subject names the
    owner first, and without it any repository of GitHub's may assume the role.
    """
    if not statement.allows or not any(_GITHUB in name for name in statement.principals):
        return False
    condition = statement.conf.get("Condition")
    tests = condition.values() if isinstance(condition, Mapping) else ()
    subjects = [
        word
        for test in tests
        if isinstance(test, Mapping)
        for key, value in test.items()
        if str(key).lower() == f"{_GITHUB}:sub"
        for word in words(value)
    ]
    return not subjects or not all(_GITHUB_SUBJECT.match(subject) for subject in subjects)


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    yield aws_rule(
        "62",
        IDENTITY_TYPES,
        "No policy makes its holder an administrator",
        "critical",
        "Name actions and resources.",
        judge_attribute("policy", partial(any_statement, _is_admin, "allows everything")),
    )
    yield aws_rule(
        "63",
        IDENTITY_TYPES,
        "No policy allows every action",
        "high",
        "Name the actions.",
        judge_attribute("policy", partial(any_statement, _stars_action, "allows every action")),
    )
    yield aws_rule(
        "286",
        IDENTITY_TYPES,
        "No policy lets its holder gain privileges",
        "high",
        "Take one of the actions away.",
        judge_attribute("policy", _escalates),
    )
    yield aws_rule(
        "287",
        IDENTITY_TYPES,
        "No policy gives out credentials",
        "high",
        _LIMIT,
        judge_attribute("policy", partial(_risk, policy_risks.CREDENTIALS)),
    )
    yield aws_rule(
        "288",
        IDENTITY_TYPES,
        "No policy lets data out",
        "high",
        _LIMIT,
        judge_attribute("policy", partial(_risk, policy_risks.EXFILTRATION)),
    )
    yield aws_rule(
        "289",
        IDENTITY_TYPES,
        "No policy changes permissions everywhere",
        "high",
        _LIMIT,
        judge_attribute(
            "policy", partial(_level, policy_risks.is_permission_management, "changes permissions")
        ),
    )
    yield aws_rule(
        "290",
        IDENTITY_TYPES,
        "No policy writes everywhere",
        "medium",
        _LIMIT,
        judge_attribute("policy", partial(_level, policy_risks.is_write, "writes")),
    )
    yield aws_rule(
        "355",
        IDENTITY_TYPES,
        "No policy names every resource where it could name one",
        "medium",
        _LIMIT,
        judge_attribute(
            "policy", partial(_level, policy_risks.is_restrictable, "could be limited")
        ),
    )
    yield aws_rule(
        "274",
        _ATTACHMENTS,
        "The administrator's policy is attached to nobody",
        "high",
        "Attach a policy with the needed actions only.",
        _managed_admin,
    )
    yield aws_rule(
        "40",
        ("iam_user_policy_attachment", "iam_user_policy", "iam_policy_attachment"),
        "Policies are attached to groups and roles, not to users",
        "low",
        "Put the user in a group.",
        _attached_to_user,
    )
    yield aws_rule(
        "60",
        ("iam_role",),
        "Not everybody may assume a role",
        "critical",
        "Name the principals.",
        judge_attribute(
            "assume_role_policy", partial(any_statement, _assumed_by_everybody, "is open")
        ),
    )
    yield aws_rule(
        "393",
        ("iam_role",),
        "Only one owner's GitHub workflows may assume a role",
        "high",
        "Name the repository in the condition on the subject.",
        judge_attribute(
            "assume_role_policy", partial(any_statement, _github, "trusts GitHub widely")
        ),
    )
    yield aws_rule(
        "61",
        ("iam_role",),
        "No whole account may assume a role",
        "medium",
        "Name users or roles.",
        judge_attribute(
            "assume_role_policy", partial(any_statement, _assumed_by_account, "names an account")
        ),
    )
