"""Trigger rules, and their verdicts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.core.errors import AlreadyExists
from jobforge.core.triggers import History
from jobforge.ports.events import EvaluationRecord, RuleRecord

QUERIES = load_queries("trigger_rules")


class TriggerRows:
    """`TriggerTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, rule: RuleRecord) -> None:
        """Add one."""
        try:
            await self._connection.execute(
                QUERIES.insert_rule,
                self._tenant_id,
                rule.rule_id,
                rule.name,
                rule.project_id,
                list(rule.event_types),
                list(rule.source_modules),
                rule.min_severity,
                rule.min_priority,
                rule.cooldown_seconds,
                rule.max_runs_per_hour,
                rule.dedupe_template,
                rule.dedupe_seconds,
                rule.mode,
                rule.job_type,
                rule.payload,
                rule.is_enabled,
                rule.created_by,
                rule.created_at,
            )
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                f"there is a trigger rule called {rule.name} already",
                hint=f"jobforge trigger remove {rule.name} makes room for a new one",
            ) from None

    async def find(self, name: str) -> RuleRecord | None:
        """The rule of this name."""
        row = await self._connection.fetchrow(QUERIES.find_rule, self._tenant_id, name)
        return None if row is None else to_record(RuleRecord, row)

    async def all(self) -> tuple[RuleRecord, ...]:
        """Every rule, by name."""
        rows = await self._connection.fetch(QUERIES.list_rules, self._tenant_id)
        return tuple(to_record(RuleRecord, row) for row in rows)

    async def lock_all(self) -> tuple[RuleRecord, ...]:
        """Every rule, by id; other events wait until this transaction ends."""
        rows = await self._connection.fetch(QUERIES.lock_rules, self._tenant_id)
        return tuple(to_record(RuleRecord, row) for row in rows)

    async def switch(self, name: str, *, is_enabled: bool) -> bool:
        """Turn it on or off."""
        row = await self._connection.fetchrow(
            QUERIES.switch_rule, self._tenant_id, name, is_enabled
        )
        return row is not None

    async def remove(self, name: str) -> bool:
        """Forget one."""
        row = await self._connection.fetchrow(QUERIES.remove_rule, self._tenant_id, name)
        return row is not None

    async def history(
        self, rule_id: UUID, key: str | None, *, since_hour: datetime, since_key: datetime
    ) -> History:
        """What it fired for before."""
        row = await self._connection.fetchrow(
            QUERIES.rule_history, self._tenant_id, rule_id, since_hour, key, since_key
        )
        # A rule that was removed meanwhile has no history any more.
        return History(None, 0, is_duplicate=False) if row is None else to_record(History, row)

    async def note(self, evaluation: EvaluationRecord) -> None:
        """Note a verdict."""
        await self._connection.execute(
            QUERIES.insert_evaluation,
            self._tenant_id,
            evaluation.event_id,
            evaluation.rule_id,
            evaluation.decided_at,
            evaluation.outcome,
            evaluation.reason,
            evaluation.dedupe_key,
            evaluation.run_id,
            evaluation.job_id,
        )

    async def of_rule(self, rule_id: UUID, limit: int) -> tuple[EvaluationRecord, ...]:
        """Its newest verdicts first."""
        rows = await self._connection.fetch(
            QUERIES.evaluations_of_rule, self._tenant_id, rule_id, limit
        )
        return tuple(to_record(EvaluationRecord, row) for row in rows)

    async def of_event(self, event_id: UUID) -> tuple[EvaluationRecord, ...]:
        """Every rule's verdict on an event."""
        rows = await self._connection.fetch(QUERIES.evaluations_of_event, self._tenant_id, event_id)
        return tuple(to_record(EvaluationRecord, row) for row in rows)
