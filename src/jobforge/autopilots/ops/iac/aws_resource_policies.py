"""Checks of AWS policies on what they protect: keys, buckets, queues, topics, functions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from jobforge.autopilots.ops.iac.aws_policy_judging import (
    any_statement,
    judge_attribute,
    judge_policy,
)
from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule
from jobforge.autopilots.ops.iac.policy import Statement, is_any_account
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, is_unknown
from jobforge.autopilots.ops.iac.yaml_nodes import line_of


def _is_open_unconditionally(statement: Statement) -> bool:
    return statement.is_open and not statement.has_condition


def _any_principal(statement: Statement) -> bool:
    is_open = any(is_any_account(principal) for principal in statement.principals)
    return statement.allows and not statement.has_condition and is_open


def _any_caller(statement: Statement) -> bool:
    return statement.allows and "*" in statement.principals and not statement.limits_callers


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
    return judge_policy(
        "policy", partial(any_statement, _any_caller, "is open to everybody"), resource
    )


def _queue(resource: Resource) -> Judgement | None:
    if "policy" not in resource.conf:
        return met("no policy")
    return judge_policy(
        "policy", partial(any_statement, _any_principal, "is open to everybody"), resource
    )


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    yield aws_rule(
        "392",
        ("s3_access_point",),
        "Access points block public access",
        "high",
        "Set public_access_block_configuration.",
        _access_point,
    )
    yield aws_rule(
        "33",
        ("kms_key",),
        "Not everybody may use a key",
        "critical",
        "Name the principals.",
        judge_attribute("policy", partial(any_statement, _is_open_unconditionally, "is open")),
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
        judge_attribute("policy", partial(any_statement, _is_open_unconditionally, "is open")),
    )
    yield aws_rule(
        "93",
        ("s3_bucket", "s3_bucket_policy"),
        "A bucket policy locks nobody out",
        "medium",
        "Limit the Deny by a condition.",
        judge_attribute(
            "policy", partial(any_statement, _locks_out, "denies everything to everybody")
        ),
    )
    yield aws_rule(
        "169",
        ("sns_topic_policy",),
        "Not everybody may use a topic",
        "high",
        "Name the principals.",
        judge_attribute("policy", partial(any_statement, _any_principal, "is open to everybody")),
    )
    yield aws_rule(
        "385",
        ("sns_topic_policy",),
        "No other account may use a topic",
        "medium",
        "Name the principals.",
        judge_attribute(
            "policy", partial(any_statement, _foreign_account, "is open to other accounts")
        ),
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
        judge_attribute("policy", partial(any_statement, _is_open_unconditionally, "is wide open")),
    )
    yield aws_rule(
        "72",
        ("sqs_queue_policy",),
        "No queue policy allows every action",
        "medium",
        "Name the actions.",
        judge_attribute("policy", partial(any_statement, _all_sqs, "allows everything")),
    )
    yield aws_rule(
        "167",
        ("glacier_vault",),
        "Not everybody may use a vault",
        "high",
        "Name the principals.",
        judge_attribute(
            "access_policy", partial(any_statement, _any_principal, "is open to everybody")
        ),
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
