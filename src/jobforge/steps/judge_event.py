"""What each rule says of an event, and the job that it starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jobforge.contract.dialects import TranslatedBundle
from jobforge.core.actor import Actor
from jobforge.core.errors import PayloadInvalid
from jobforge.core.scopes import READ_SCOPES
from jobforge.core.single_request import to_bundle
from jobforge.core.starting import EXECUTOR, MODULE_RUNNER
from jobforge.core.triggers import HOUR, Rule, Verdict, dedupe_key, facts_of, fill, judge
from jobforge.ports.events import RuleRecord
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import TenantUnit
from jobforge.steps.intake import Submission
from jobforge.steps.read_event import ReadEvent


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule, its verdict, and the key it will be a duplicate by."""

    rule: RuleRecord
    verdict: Verdict
    key: str | None = None


async def judge_rule(unit: TenantUnit, rule: RuleRecord, event: ReadEvent, now: datetime) -> Judged:
    """Decide about one rule, from what the database remembers of it."""
    try:
        key = dedupe_key(rule.dedupe_template, event.document) if rule.is_enabled else None
    except PayloadInvalid as fault:
        return Judged(rule, Verdict("not_matched", fault.message))
    since_key = now - timedelta(seconds=rule.dedupe_seconds)
    history = await unit.triggers.history(
        rule.rule_id, key, since_hour=now - HOUR, since_key=since_key
    )
    return Judged(rule, judge(to_rule(rule), facts_of(event.envelope), history, now), key)


def to_rule(record: RuleRecord) -> Rule:
    """The rule as it is judged."""
    return Rule(
        event_types=record.event_types,
        source_modules=record.source_modules,
        min_severity=record.min_severity,
        min_priority=record.min_priority,
        cooldown_seconds=record.cooldown_seconds,
        max_runs_per_hour=record.max_runs_per_hour,
        dedupe_template=record.dedupe_template,
        dedupe_seconds=record.dedupe_seconds,
        is_enabled=record.is_enabled,
    )


def to_job(
    rule: RuleRecord, event: ReadEvent, event_id: UUID, tenant: TenantRecord
) -> TranslatedBundle:
    """The one job that the rule starts for the event; its key names both.

    Raises:
        PayloadInvalid: the event lacks what the payload asks of it.
    """
    payload: Mapping[str, Any] = fill(json.loads(rule.payload), event.document)
    if rule.job_type == EXECUTOR:
        payload = {**payload, "occurrence": str(event_id)}
    key = f"trigger:{rule.rule_id}:{event_id}"
    return to_bundle(rule.job_type, payload, tenant=tenant.slug, key=key)


def submission_of(rule: RuleRecord, tenant: TenantRecord) -> Submission:
    """Whoever made the rule held every read scope; it is not a person who asks now.

    The executor and the module runner are queued, and keep to the rule's mode themselves.
    """
    keeps_mode = rule.job_type in {EXECUTOR, MODULE_RUNNER}
    return Submission(
        tenant=tenant,
        actor=Actor(f"trigger:{rule.name}", READ_SCOPES, is_local=False),
        mode="execute" if keeps_mode else rule.mode,
        project_id=rule.project_id,
    )
