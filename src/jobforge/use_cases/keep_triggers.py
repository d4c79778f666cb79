"""Add a trigger rule, list them, look at one, switch it, remove it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import InvalidInput, Missing
from jobforge.core.names import check_name
from jobforge.core.triggers import EVENT_KEY, Rule, check_rule
from jobforge.ports.events import EvaluationRecord, RuleRecord
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.ports.system import Clock, IdSource
from jobforge.steps.intake import Submission
from jobforge.steps.prepare_work import PreparedWork, PrepareWork, WorkWish

TOKEN_KEY = "policy_token"  # noqa: S105 (a key's name)


@dataclass(frozen=True, slots=True)
class Triggers:
    """Keeps a tenant's trigger rules. A new one is off, plans only, and carries no token."""

    storage: Storage
    prepare: PrepareWork
    clock: Clock
    ids: IdSource

    async def add(
        self, name: str, rule: Rule, wish: WorkWish, submission: Submission
    ) -> RuleRecord:
        """Add one; it is off until somebody enables it.

        Raises:
            ContractViolation: the bundle is not one.
            InvalidInput: the rule, or what it would start, is not valid; or a token was given.
            AlreadyExists: the name is taken.
        """
        check_name(name, "rule's name")
        check_rule(rule)
        _refuse_token(wish)
        if wish.module is not None and not wish.payload:
            wish = replace(wish, payload={"inputs": {"event": {EVENT_KEY: ""}}})
        # A rule's mode is its own: a single job is planned by it, too.
        mode = wish.mode
        if wish.job_type is not None:
            wish = replace(wish, mode="execute")
        work = await self.prepare(wish, submission, recurs=True)
        record = self._to_record(name, replace(rule, is_enabled=False), work, submission)
        record = replace(record, mode=mode)
        async with self.storage.transaction(submission.tenant.tenant_id) as unit:
            await unit.triggers.insert(record)
            entries = await self.prepare.write(unit, work, submission, f"trigger:{name}")
            entry = self._entry("trigger.added", name, submission.tenant, submission.actor)
            entry = replace(entry, details=_details(record))
            await unit.audit.append([*entries, entry])
        return record

    async def all(self, tenant: TenantRecord) -> tuple[RuleRecord, ...]:
        """The tenant's rules, by name."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.triggers.all()

    async def show(
        self, name: str, tenant: TenantRecord, *, evaluations: int = 10
    ) -> tuple[RuleRecord, tuple[EvaluationRecord, ...]]:
        """A rule, and its newest verdicts.

        Raises:
            Missing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            rule = await _find(unit, name, tenant)
            return rule, await unit.triggers.of_rule(rule.rule_id, evaluations)

    async def switch(
        self, name: str, tenant: TenantRecord, actor: Actor, *, is_enabled: bool
    ) -> RuleRecord:
        """Turn it on or off. Events that came before are not looked at again.

        Raises:
            Missing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await _find(unit, name, tenant)
            await unit.triggers.switch(name, is_enabled=is_enabled)
            event = "trigger.enabled" if is_enabled else "trigger.turned_off"
            await unit.audit.append([self._entry(event, name, tenant, actor)])
            return await _find(unit, name, tenant)

    async def remove(self, name: str, tenant: TenantRecord, actor: Actor) -> None:
        """Forget it. What it started goes on, and stays in the audit log.

        Raises:
            Missing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await _find(unit, name, tenant)
            await unit.triggers.remove(name)
            await unit.audit.append([self._entry("trigger.removed", name, tenant, actor)])

    def _to_record(
        self, name: str, rule: Rule, work: PreparedWork, submission: Submission
    ) -> RuleRecord:
        return RuleRecord(
            rule_id=self.ids.uuid(),
            name=name,
            project_id=submission.project_id,
            event_types=rule.event_types,
            source_modules=rule.source_modules,
            min_severity=rule.min_severity,
            min_priority=rule.min_priority,
            cooldown_seconds=rule.cooldown_seconds,
            max_runs_per_hour=rule.max_runs_per_hour,
            dedupe_template=rule.dedupe_template,
            dedupe_seconds=rule.dedupe_seconds,
            mode="dry_run",
            job_type=work.job_type,
            payload=work.payload,
            is_enabled=rule.is_enabled,
            created_by=submission.actor.name,
            created_at=self.clock.now(),
        )

    def _entry(self, event: str, name: str, tenant: TenantRecord, actor: Actor) -> AuditEntry:
        return AuditEntry(
            tenant_id=tenant.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event=event,
            subject=f"trigger:{name}",
            details={},
        )


def _details(rule: RuleRecord) -> dict[str, Any]:
    return {
        "event_types": list(rule.event_types),
        "source_modules": list(rule.source_modules),
        "min_severity": rule.min_severity,
        "min_priority": rule.min_priority,
        "cooldown_seconds": rule.cooldown_seconds,
        "max_runs_per_hour": rule.max_runs_per_hour,
        "dedupe_template": rule.dedupe_template,
        "mode": rule.mode,
        "job_type": rule.job_type,
        "payload": rule.payload,
    }


def _refuse_token(wish: WorkWish) -> None:
    """An event is nobody's yes: what a rule starts never brings a permission along."""
    has_token = wish.policy_token is not None or f'"{TOKEN_KEY}"' in json.dumps(wish.payload)
    if has_token or f'"{TOKEN_KEY}"'.encode() in (wish.bundle or b""):
        raise InvalidInput("a trigger rule cannot carry a policy token")


async def _find(unit: TenantUnit, name: str, tenant: TenantRecord) -> RuleRecord:
    rule = await unit.triggers.find(name)
    if rule is None:
        raise Missing(
            f"there is no trigger rule {name}", hint=f"jobforge trigger list --tenant {tenant.slug}"
        )
    return rule
