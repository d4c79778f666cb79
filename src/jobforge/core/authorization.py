"""The one choke point: who may do what, for the command line, the API, the console and agents.

Deny by default: a command that stands in no row of `ROLES_OF` is nobody's, and an actor without a
role may do nothing. `docs/reference/roles.md` is this table; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from jobforge.core.actor import Actor, Role, person_of
from jobforge.core.errors import FourEyes, Missing, NotPermitted


class Command(StrEnum):
    """What can be asked for, whichever way in."""

    BUNDLE_PLAN = "bundle.plan"
    BUNDLE_EXECUTE = "bundle.execute"
    RUN_READ = "run.read"
    JOB_READ = "job.read"
    JOB_CANCEL = "job.cancel"
    JOB_RETRY = "job.retry"
    JOB_BULK = "job.bulk"
    ARTIFACT_READ = "artifact.read"
    REPORT_CHECK = "report.check"
    PLAN_READ = "plan.read"
    PLAN_EXECUTE = "plan.execute"
    PLAN_APPROVE = "plan.approve"
    PLAN_BREAK_GLASS = "plan.break_glass"
    TOKEN_ISSUE = "token.issue"  # noqa: S105 (a command, not a secret)
    TOKEN_INSPECT = "token.inspect"  # noqa: S105 (a command, not a secret)
    TOKEN_REVOKE = "token.revoke"  # noqa: S105 (a command, not a secret)
    TENANT_READ = "tenant.read"
    TENANT_CHANGE = "tenant.change"
    TENANT_CREATE = "tenant.create"
    PROJECT_READ = "project.read"
    PROJECT_CREATE = "project.create"
    DATASET_READ = "dataset.read"
    DATASET_CHANGE = "dataset.change"
    CONNECTION_READ = "connection.read"
    CONNECTION_TEST = "connection.test"
    CONNECTION_CHANGE = "connection.change"
    TYPE_READ = "type.read"
    EVENT_READ = "event.read"
    EVENT_SEND = "event.send"
    TRIGGER_READ = "trigger.read"
    TRIGGER_CHANGE = "trigger.change"
    SCHEDULE_READ = "schedule.read"
    SCHEDULE_CHANGE = "schedule.change"
    MODULE_READ = "module.read"
    MODULE_RUN = "module.run"
    MODULE_CHANGE = "module.change"
    WEBHOOK_READ = "webhook.read"
    WEBHOOK_CHANGE = "webhook.change"
    SWITCH_READ = "switch.read"
    SWITCH_ENGAGE = "switch.engage"
    SWITCH_RELEASE = "switch.release"
    WINDOW_READ = "window.read"
    WINDOW_CHANGE = "window.change"
    LIMIT_READ = "limit.read"
    LIMIT_CHANGE = "limit.change"
    AUDIT_READ = "audit.read"
    AUDIT_VERIFY = "audit.verify"
    KEY_READ = "key.read"
    KEY_CHANGE = "key.change"
    METRICS_READ = "metrics.read"
    INSTALLATION_READ = "installation.read"
    INSTALLATION_OPERATE = "installation.operate"


_EVERYBODY: Final = frozenset(Role)
_OPERATORS: Final = frozenset({Role.operator, Role.admin})
_APPROVERS: Final = frozenset({Role.approver, Role.admin})
_ADMINS: Final = frozenset({Role.admin})
_LOCAL_ONLY: Final = frozenset[Role]()

ROLES_OF: Final[Mapping[Command, frozenset[Role]]] = {
    Command.BUNDLE_PLAN: _OPERATORS,
    Command.BUNDLE_EXECUTE: _OPERATORS,
    Command.RUN_READ: _EVERYBODY,
    Command.JOB_READ: _EVERYBODY,
    Command.JOB_CANCEL: _OPERATORS,
    Command.JOB_RETRY: _OPERATORS,
    Command.JOB_BULK: _OPERATORS,
    Command.ARTIFACT_READ: _EVERYBODY,
    Command.REPORT_CHECK: _EVERYBODY,
    Command.PLAN_READ: _EVERYBODY,
    Command.PLAN_EXECUTE: _OPERATORS,
    Command.PLAN_APPROVE: _APPROVERS,
    Command.PLAN_BREAK_GLASS: _ADMINS,
    Command.TOKEN_ISSUE: _APPROVERS,
    Command.TOKEN_INSPECT: _APPROVERS,
    Command.TOKEN_REVOKE: _APPROVERS,
    Command.TENANT_READ: _EVERYBODY,
    Command.TENANT_CHANGE: _ADMINS,
    Command.TENANT_CREATE: _LOCAL_ONLY,
    Command.PROJECT_READ: _EVERYBODY,
    Command.PROJECT_CREATE: _ADMINS,
    Command.DATASET_READ: _EVERYBODY,
    Command.DATASET_CHANGE: _OPERATORS,
    Command.CONNECTION_READ: _EVERYBODY,
    Command.CONNECTION_TEST: _OPERATORS,
    Command.CONNECTION_CHANGE: _ADMINS,
    Command.TYPE_READ: _EVERYBODY,
    Command.EVENT_READ: _EVERYBODY,
    Command.EVENT_SEND: _OPERATORS,
    Command.TRIGGER_READ: _EVERYBODY,
    Command.TRIGGER_CHANGE: _OPERATORS,
    Command.SCHEDULE_READ: _EVERYBODY,
    Command.SCHEDULE_CHANGE: _OPERATORS,
    Command.MODULE_READ: _EVERYBODY,
    Command.MODULE_RUN: _OPERATORS,
    Command.MODULE_CHANGE: _LOCAL_ONLY,
    Command.WEBHOOK_READ: _EVERYBODY,
    Command.WEBHOOK_CHANGE: _ADMINS,
    Command.SWITCH_READ: _EVERYBODY,
    Command.SWITCH_ENGAGE: _OPERATORS | _APPROVERS,
    Command.SWITCH_RELEASE: _ADMINS,
    Command.WINDOW_READ: _EVERYBODY,
    Command.WINDOW_CHANGE: _ADMINS,
    Command.LIMIT_READ: _EVERYBODY,
    Command.LIMIT_CHANGE: _ADMINS,
    Command.AUDIT_READ: _EVERYBODY,
    Command.AUDIT_VERIFY: _EVERYBODY,
    Command.KEY_READ: _ADMINS,
    Command.KEY_CHANGE: _ADMINS,
    Command.METRICS_READ: _EVERYBODY,
    Command.INSTALLATION_READ: _LOCAL_ONLY,
    Command.INSTALLATION_OPERATE: _LOCAL_ONLY,
}
"""The roles that may; the local operator may everything that stands here."""

WHOLE_TENANT: Final = frozenset(
    {
        Command.TENANT_CHANGE,
        Command.PROJECT_CREATE,
        Command.CONNECTION_CHANGE,
        Command.WEBHOOK_READ,
        Command.WEBHOOK_CHANGE,
        Command.SWITCH_ENGAGE,
        Command.SWITCH_RELEASE,
        Command.WINDOW_CHANGE,
        Command.LIMIT_CHANGE,
        Command.AUDIT_READ,
        Command.AUDIT_VERIFY,
        Command.KEY_READ,
        Command.KEY_CHANGE,
        Command.METRICS_READ,
    }
)
"""What is a tenant's as a whole: nothing for whoever is confined to one project."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a command is about.

    `project_id` is that of the object; None where the object belongs to the whole tenant, or
    where it is not one object: then the answer must be narrowed to the actor's project.
    """

    tenant_id: UUID
    project_id: UUID | None = None
    is_one_object: bool = False


def authorize(actor: Actor, command: Command, target: Target) -> None:
    """Let the actor do this, or raise.

    Raises:
        Missing: the target is another tenant's or another project's. Nobody learns that it exists.
        NotPermitted: none of the actor's roles may do this.
    """
    allowed = ROLES_OF.get(command)
    if allowed is None:
        raise NotPermitted(f"{command} is nobody's")
    if actor.is_local:
        return
    if actor.tenant_id != target.tenant_id:
        raise Missing
    if not actor.roles & allowed:
        raise NotPermitted(_say(command, allowed))
    if actor.project_id is not None:
        _confine(actor.project_id, command, target)


def require_four_eyes(actor: Actor, what: str, others: frozenset[str], *, is_required: bool) -> str:
    """Make sure that the actor is none of `others`, by the names they acted under.

    A key that one person made for another one does not make two people of them.

    Returns:
        What the audit entry says of it: `held`, `off` for the tenant, or `exempt`.

    Raises:
        FourEyes: he is one of them.
    """
    if actor.is_local:
        return "exempt: local operator"
    if not is_required:
        return "off for this tenant"
    people = {person_of(name) for name in others}
    if people & {actor.person, actor.vouched_by}:
        raise FourEyes(f"{actor.person} {what}: it takes a second person")
    return "held"


def _confine(project_id: UUID, command: Command, target: Target) -> None:
    if command in WHOLE_TENANT:
        raise NotPermitted(f"{command} is for keys of the whole tenant")
    if target.is_one_object and target.project_id != project_id:
        raise Missing


def _say(command: Command, allowed: frozenset[Role]) -> str:
    names = ", ".join(sorted(allowed))
    return f"{command} is for {names}" if names else f"{command} is for the local operator"
