"""A row of tenant acme in every table of work that starts by itself, and a job's journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from jobforge.ports.events import EvaluationRecord, EventRecord, RuleRecord
from jobforge.ports.records import PendingGrant
from jobforge.ports.starting import FiringRecord, ModuleCommand, ScheduleRecord, StoredBundle

if TYPE_CHECKING:
    from tests.application import Harness

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
GRANT_ID = UUID(int=17)
SCHEDULE_ID = UUID(int=18)
EVENT_ID = UUID(int=19)
RULE_ID = UUID(int=20)
DIGEST = "sha256:" + "0" * 64

KNOWN: dict[str, dict[int, Any]] = {
    "find_pending_grant": {2: str(GRANT_ID)},
    "find_stored_bundle": {2: DIGEST},
    "find_module_command": {2: "analyse"},
    "find_schedule": {2: "nightly"},
    "get_schedule": {2: SCHEDULE_ID},
    "newest_firings": {2: SCHEDULE_ID, 3: 10},
    "find_event": {2: EVENT_ID},
    "find_event_of_digest": {2: DIGEST},
    "newest_events": {2: 10},
    "find_rule": {2: "on-alert"},
    "rule_history": {2: RULE_ID},
    "evaluations_of_rule": {2: RULE_ID, 3: 10},
    "evaluations_of_event": {2: EVENT_ID},
}
"""By query: the parameters with which it finds these rows, by position."""


_SCHEDULE = ScheduleRecord(
    schedule_id=SCHEDULE_ID,
    name="nightly",
    project_id=None,
    cron="0 0 * * *",
    at=None,
    timezone="UTC",
    jitter_seconds=0,
    on_missed="skip",
    job_type="autopilot.ops.echo",
    payload="{}",
    created_by="ada",
    created_at=_NOW,
    is_enabled=True,
    next_due_at=_NOW,
    fires_at=_NOW,
)

ROUTED = {"schedules", "events"}
STARTED_ACROSS = {"find_due_schedules", "find_new_events"}
STARTED_COLUMNS = {
    ("schedules", "tenant_id"),
    ("schedules", "schedule_id"),
    ("schedules", "fires_at"),
    ("events", "tenant_id"),
    ("events", "event_id"),
    ("events", "state"),
    ("events", "received_at"),
}
"""Where to look for work that starts now: functions and columns of the dispatch role."""

_EVENT = EventRecord(
    event_id=EVENT_ID,
    digest=DIGEST,
    envelope="{}",
    event_type="ops.alert.raised",
    source_module="ops",
    severity=None,
    priority=None,
    trace_id="t",
    occurred_at=_NOW,
    received_at=_NOW,
)
_RULE = RuleRecord(
    rule_id=RULE_ID,
    name="on-alert",
    project_id=None,
    event_types=(),
    source_modules=(),
    min_severity=None,
    min_priority=None,
    cooldown_seconds=0,
    max_runs_per_hour=1,
    dedupe_template=None,
    dedupe_seconds=1,
    mode="dry_run",
    job_type="autopilot.ops.echo",
    payload="{}",
    is_enabled=False,
    created_by="ada",
    created_at=_NOW,
)

STARTED_WRITES: dict[str, tuple[str, list[Any]]] = {
    "advance_schedule": ("schedules", [SCHEDULE_ID, _NOW, None, None]),
    "switch_schedule": ("schedules", [SCHEDULE_ID, False, None, None]),
    "remove_schedule": ("schedules", ["nightly"]),
    "claim_event": ("events", [EVENT_ID, "evaluated", _NOW, None]),
    "hide_event": ("events", [EVENT_ID]),
    "switch_rule": ("trigger_rules", ["on-alert", True]),
    "remove_rule": ("trigger_rules", ["on-alert"]),
    "remove_module_command": ("module_commands", ["analyse"]),
}
"""Queries that change these rows: the file, and what follows the tenant."""


async def fill_started(app: Harness) -> None:
    """Put something of everything there."""
    grant = PendingGrant(
        jti=str(GRANT_ID),
        token_hash=None,
        actor="ada",
        project_id=None,
        plan_digest=DIGEST,
        effects_digest=DIGEST,
        scopes=(),
        job_types=("autopilot.ops.change",),
        expires_at=_NOW,
        granted_at=_NOW,
        granted_for="schedule:nightly",
    )
    async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
        await unit.grants.put_aside(grant)
        await unit.bundles.insert(StoredBundle(DIGEST, "{}", _NOW))
        await unit.modules.insert(
            ModuleCommand("analyse", ("/bin/true",), (), 60, 1000, "ada", _NOW)
        )
        await unit.schedules.insert(_SCHEDULE)
        await unit.schedules.note(
            FiringRecord(SCHEDULE_ID, _NOW, _NOW, "skipped", "missed", None, None)
        )
        await unit.events.insert(_EVENT)
        await unit.triggers.insert(_RULE)
        await unit.triggers.note(
            EvaluationRecord(EVENT_ID, RULE_ID, _NOW, "disabled", "off", None, None, None)
        )
    async with app.owner() as owner:
        await owner.execute(
            "INSERT INTO jobforge.effect_journal "
            "SELECT tenant_id, job_id, 1, 1, 0, 'begun', '', created_at FROM jobforge.jobs "
            "WHERE tenant_id = $1",
            app.tenant.tenant_id,
        )
