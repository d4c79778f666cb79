"""AWS policy documents: statements, principals, actions, and what they allow."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobforge.autopilots.ops.iac.terraform_model import is_unknown

_TRAILING_COMMA = re.compile(r",(\s*[\]}])")
_ACCOUNT_ROOT = re.compile(r"^arn:[^:]*:iam::\d+:root$")


_CALLER_KEYS = frozenset({
    "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn",
    "aws:sourcearn", "aws:sourceaccount", "aws:sourceowner", "aws:sourceorgid", "aws:sourcevpc",
    "aws:sourcevpce", "aws:sourceip", "kms:calleraccount", "kms:viaservice", "aws:userid",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy."""

    conf: Mapping[str, Any]

    @property
    def allows(self) -> bool:
        """Whether its effect is Allow, which is the default of Terraform's documents."""
        return str(self.conf.get("Effect", "Allow")) == "Allow"

    @property
    def actions(self) -> tuple[str, ...]:
        """Its actions as written."""
        return words(self.conf.get("Action"))

    @property
    def resources(self) -> tuple[str, ...]:
        """Its resources as written."""
        return words(self.conf.get("Resource"))

    @property
    def has_condition(self) -> bool:
        """Whether it holds under a condition only."""
        return bool(self.conf.get("Condition"))

    @property
    def principals(self) -> tuple[str, ...]:
        """Every principal of every kind."""
        value = self.conf.get("Principal")
        if isinstance(value, Mapping):
            return tuple(word for part in value.values() for word in words(part))
        return words(value)

    @property
    def aws_principals(self) -> tuple[str, ...]:
        """Principals that are accounts, users or roles, or everybody."""
        value = self.conf.get("Principal")
        return words(value.get("AWS")) if isinstance(value, Mapping) else words(value)

    @property
    def is_open(self) -> bool:
        """Whether it allows something to everybody."""
        return self.allows and any(word == "*" for word in self.aws_principals)

    @property
    def limits_callers(self) -> bool:
        """Whether its condition narrows who may call to an account, organisation or network."""
        condition = self.conf.get("Condition")
        tests = condition.values() if isinstance(condition, Mapping) else ()
        keys = {str(key).lower() for test in tests if isinstance(test, Mapping) for key in test}
        return bool(keys & _CALLER_KEYS)

    def matches_action(self, action: str) -> bool:
        """Whether one of its patterns covers `action`, as IAM compares them."""
        return any(fnmatch.fnmatchcase(action.lower(), word.lower()) for word in self.actions)


def words(value: object) -> tuple[str, ...]:
    """A string or a list of strings as a tuple; anything else is nothing."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    return ()


def parse_policy(value: object) -> Mapping[str, Any] | None:
    """The policy as a mapping; None where it cannot be read. Trailing commas are forgiven."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and len(value) == 1:
        return parse_policy(value[0])
    if not isinstance(value, str) or "{" not in value:
        return None
    try:
        parsed = json.loads(_TRAILING_COMMA.sub(r"\1", value), strict=False)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, Mapping) else None


def statements_of(value: object) -> Iterator[Statement]:
    """The statements of a policy; none where it cannot be read."""
    policy = parse_policy(value)
    if policy is None:
        return
    statements = policy.get("Statement")
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, Mapping):
            yield Statement(statement)


def is_readable(value: object) -> bool:
    """Whether `value` is a policy whose statements are known."""
    return not (is_unknown(value) and parse_policy(value) is None) and value is not None


def is_any_account(principal: str) -> bool:
    """Whether the principal is everybody, or a name in any account."""
    return principal == "*" or bool(re.match(r"^arn:[^:]*:(?:iam|sts)::\*:", principal))


def is_account_root(principal: str) -> bool:
    """Whether the principal is a whole account."""
    return bool(_ACCOUNT_ROOT.match(principal))
