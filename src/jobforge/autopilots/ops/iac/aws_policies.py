"""Checks of AWS policies, on identities and on resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from jobforge.autopilots.ops.iac import policy_risks
from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule
from jobforge.autopilots.ops.iac.policy import (
    Statement,
    is_account_root,
    is_any_account,
    is_readable,
    statements_of,
    words,
)
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, is_unknown
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

StatementTest = Callable[[Statement], bool]
PolicyTest = Callable[[list[Statement]], str | None]
"""Says what is wrong with the statements together, or None."""

IDENTITY_TYPES = ("iam_role_policy", "iam_user_policy", "iam_group_policy", "iam_policy",
                  "ssoadmin_permission_set_inline_policy")  # fmt: skip
_ADMIN = "AdministratorAccess"


def _judge(attribute: str, test: PolicyTest, resource: Resource) -> Judgement | None:
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


def _any(test: StatementTest, what: str, statements: list[Statement]) -> str | None:
    found = next((statement for statement in statements if test(statement)), None)
    if found is None:
        return None
    shown = ", ".join(found.actions[:3]) or "no action"
    return f"a statement {what}: {shown}"


def _is_admin(statement: Statement) -> bool:
    return statement.allows and "*" in statement.actions and "*" in statement.resources


def _stars_action(statement: Statement) -> bool:
    return statement.allows and "*" in statement.actions


def _is_open(statement: Statement) -> bool:
    return statement.is_open


def _is_open_unconditionally(statement: Statement) -> bool:
    return statement.is_open and not statement.has_condition


def _any_principal(statement: Statement) -> bool:
    is_open = any(is_any_account(principal) for principal in statement.principals)
    return statement.allows and not statement.has_condition and is_open


def _any_caller(statement: Statement) -> bool:
    return statement.allows and "*" in statement.principals and not statement.limits_callers


def _assumed_by_everybody(statement: Statement) -> bool:
    return statement.is_open


def _assumed_by_account(statement: Statement) -> bool:
    names = statement.aws_principals
    return statement.allows and any(is_account_root(name) or name.isdigit() for name in names)


def _locks_out(statement: Statement) -> bool:
    acts = {action.lower() for action in statement.actions}
    everything = bool(acts & {"s3:*", "*"})
    return not statement.allows and everything and "*" in statement.principals and (
        not statement.has_condition
    )  # fmt: skip


def _all_sqs(statement: Statement) -> bool:
    acts = {action.lower() for action in statement.actions}
    return statement.allows and bool(acts & {"*", "sqs:*"})


def _foreign_account(statement: Statement) -> bool:
    named = any(name.startswith("arn:aws:iam:") for name in statement.aws_principals)
    return statement.allows and not statement.has_condition and named


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


def _access_point(resource: Resource) -> Judgement:
    for block in resource.blocks("public_access_block_configuration"):
        names = ("block_public_acls", "block_public_policy", "restrict_public_buckets")
        if not any(block.get(name) is True or is_unknown(block.get(name)) for name in names):
            return unmet("public access is not blocked", line_of(block))
    return met("public access is blocked, which is the default")


def _function_policy(resource: Resource) -> Judgement | None:
    principal = resource.conf.get("principal")
    if principal == "*":
        return unmet("principal is *", resource.line)
    return met(f"principal is {principal}")


def _service_permission(resource: Resource) -> Judgement | None:
    principal = str(resource.conf.get("principal") or "")
    if principal.endswith(".amazonaws.com") and not is_unknown(resource.conf.get("principal")):
        limited = resource.conf.get("source_arn") or resource.conf.get("source_account")
        return met("limited to a source") if limited else unmet(f"any {principal}", resource.line)
    return met(f"principal is {principal}") if principal else None


def _registry(resource: Resource) -> Judgement | None:
    return _judge("policy", partial(_any, _any_caller, "is open to everybody"), resource)


def _queue(resource: Resource) -> Judgement | None:
    if "policy" not in resource.conf:
        return met("no policy")
    return _judge("policy", partial(_any, _any_principal, "is open to everybody"), resource)


def _policy(attribute: str, test: PolicyTest) -> Callable[[Resource], Judgement | None]:
    return partial(_judge, attribute, test)


_ATTACHMENTS = ("iam_role", "iam_policy_attachment", "iam_role_policy_attachment",
                "iam_user_policy_attachment", "iam_group_policy_attachment",
                "ssoadmin_managed_policy_attachment")  # fmt: skip
_LIMIT = "Name the resources, or add a condition."


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    identity = _policy
    yield aws_rule(
        "62",
        IDENTITY_TYPES,
        "No policy makes its holder an administrator",
        "critical",
        "Name actions and resources.",
        identity("policy", partial(_any, _is_admin, "allows everything")),
    )
    yield aws_rule(
        "63",
        IDENTITY_TYPES,
        "No policy allows every action",
        "high",
        "Name the actions.",
        identity("policy", partial(_any, _stars_action, "allows every action")),
    )
    yield aws_rule(
        "286",
        IDENTITY_TYPES,
        "No policy lets its holder gain privileges",
        "high",
        "Take one of the actions away.",
        identity("policy", _escalates),
    )
    yield aws_rule(
        "287",
        IDENTITY_TYPES,
        "No policy gives out credentials",
        "high",
        _LIMIT,
        identity("policy", partial(_risk, policy_risks.CREDENTIALS)),
    )
    yield aws_rule(
        "288",
        IDENTITY_TYPES,
        "No policy lets data out",
        "high",
        _LIMIT,
        identity("policy", partial(_risk, policy_risks.EXFILTRATION)),
    )
    yield aws_rule(
        "289",
        IDENTITY_TYPES,
        "No policy changes permissions everywhere",
        "high",
        _LIMIT,
        identity(
            "policy", partial(_level, policy_risks.is_permission_management, "changes permissions")
        ),
    )
    yield aws_rule(
        "290",
        IDENTITY_TYPES,
        "No policy writes everywhere",
        "medium",
        _LIMIT,
        identity("policy", partial(_level, policy_risks.is_write, "writes")),
    )
    yield aws_rule(
        "355",
        IDENTITY_TYPES,
        "No policy names every resource where it could name one",
        "medium",
        _LIMIT,
        identity("policy", partial(_level, policy_risks.is_restrictable, "could be limited")),
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
        _policy("assume_role_policy", partial(_any, _assumed_by_everybody, "is open")),
    )
    yield aws_rule(
        "393",
        ("iam_role",),
        "Only one owner's GitHub workflows may assume a role",
        "high",
        "Name the repository in the condition on the subject.",
        _policy("assume_role_policy", partial(_any, _github, "trusts GitHub widely")),
    )
    yield aws_rule(
        "392",
        ("s3_access_point",),
        "Access points block public access",
        "high",
        "Set public_access_block_configuration.",
        _access_point,
    )
    yield aws_rule(
        "61",
        ("iam_role",),
        "No whole account may assume a role",
        "medium",
        "Name users or roles.",
        _policy("assume_role_policy", partial(_any, _assumed_by_account, "names an account")),
    )
    yield aws_rule(
        "33",
        ("kms_key",),
        "Not everybody may use a key",
        "critical",
        "Name the principals.",
        _policy("policy", partial(_any, _is_open_unconditionally, "is open")),
    )
    yield aws_rule(
        "32",
        ("ecr_repository_policy",),
        "Not everybody may use an image registry",
        "high",
        "Name the principals.",
        _registry,
    )
    yield aws_rule(
        "70",
        ("s3_bucket", "s3_bucket_policy"),
        "Not everybody may use a bucket",
        "high",
        "Name the principals.",
        _policy("policy", partial(_any, _is_open_unconditionally, "is open")),
    )
    yield aws_rule(
        "93",
        ("s3_bucket", "s3_bucket_policy"),
        "A bucket policy locks nobody out",
        "medium",
        "Limit the Deny by a condition.",
        _policy("policy", partial(_any, _locks_out, "denies everything to everybody")),
    )
    yield aws_rule(
        "169",
        ("sns_topic_policy",),
        "Not everybody may use a topic",
        "high",
        "Name the principals.",
        _policy("policy", partial(_any, _any_principal, "is open to everybody")),
    )
    yield aws_rule(
        "385",
        ("sns_topic_policy",),
        "No other account may use a topic",
        "medium",
        "Name the principals.",
        _policy("policy", partial(_any, _foreign_account, "is open to other accounts")),
    )
    yield aws_rule(
        "168",
        ("sqs_queue_policy", "sqs_queue"),
        "Not everybody may use a queue",
        "high",
        "Name the principals.",
        _queue,
    )
    yield aws_rule(
        "387",
        ("sqs_queue_policy",),
        "No queue policy is wide open",
        "high",
        "Name principals and actions.",
        _policy("policy", partial(_any, _is_open_unconditionally, "is wide open")),
    )
    yield aws_rule(
        "72",
        ("sqs_queue_policy",),
        "No queue policy allows every action",
        "medium",
        "Name the actions.",
        _policy("policy", partial(_any, _all_sqs, "allows everything")),
    )
    yield aws_rule(
        "167",
        ("glacier_vault",),
        "Not everybody may use a vault",
        "high",
        "Name the principals.",
        _policy("access_policy", partial(_any, _any_principal, "is open to everybody")),
    )
    yield aws_rule(
        "301",
        ("lambda_permission",),
        "Not everybody may call a function",
        "critical",
        "Name the principal.",
        _function_policy,
    )
    yield aws_rule(
        "364",
        ("lambda_permission",),
        "A service may call a function for its owner only",
        "medium",
        "Set source_arn or source_account.",
        _service_permission,
    )
