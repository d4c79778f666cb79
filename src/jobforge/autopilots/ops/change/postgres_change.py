"""Changing a PostgreSQL server that a connection names: settings, indexes, vacuum, analyze."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from jobforge.autopilots.ops.change.postgres_operations import (
    COLUMNS,
    COUNTS,
    IN_FILE,
    INDEX,
    SETTING,
    CreateIndex,
    DropIndex,
    IndexOperation,
    Maintain,
    Operation,
    SetSetting,
    create_from,
    drop_statement,
    set_statement,
)
from jobforge.autopilots.ops.change.step import Look, Past, Reversal, Step, compare
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect, Precondition
from jobforge.core.errors import PayloadInvalid, TargetUnavailable
from jobforge.core.model import Model

LOOK_TIMEOUT = timedelta(seconds=20)
SET_TIMEOUT = timedelta(seconds=30)
WORK_TIMEOUT = timedelta(minutes=8)
"""Below the job's own limit, so that the server gives up first."""

_NUMBERS = frozenset({"bool", "integer", "real", "enum"})
_RESTARTS = frozenset({"internal", "postmaster"})


class PostgresChange(Model):
    """One operation on the database of a connection."""

    adapter: Literal["postgres"]
    connection: str = Field(min_length=1, max_length=256)
    operation: Operation

    @property
    def targets(self) -> tuple[str, ...]:
        """What is changed."""
        return (f"postgres:{self.connection} {self.operation.target}",)


async def predict_postgres(change: PostgresChange, context: JobContext) -> list[PlannedEffect]:
    """The operation's effect; nothing where the server is as wanted already.

    Raises:
        ConnectionMissing: there is no such connection.
        PayloadInvalid: the server has no such setting, table, column or index, or it may not be
            changed this way.
    """
    before, after, diff = await _predict(change, context)
    if before == after:
        return []
    kind: Literal["create", "update", "delete"] = (
        "create" if before is None else "delete" if after is None else "update"
    )
    target = change.targets[0]
    held = Precondition(source=target, expected=before or "absent")
    return [
        PlannedEffect(
            target=target, change=kind, before=before, after=after, diff=diff, preconditions=(held,)
        )
    ]


async def _predict(
    change: PostgresChange, context: JobContext
) -> tuple[str | None, str | None, str]:
    """What is there, what will be, and the difference."""
    match change.operation:
        case SetSetting() as operation:
            found = await _setting(change, operation, context, is_plan=True)
            lines = f"-{operation.name} = {found or '(default)'}\n+{operation.name} = "
            return found, operation.value, lines + operation.value
        case CreateIndex() as operation:
            return await _predict_create(change, operation, context)
        case DropIndex() as operation:
            return await _predict_drop(change, operation, context)
        case Maintain() as operation:
            await _counts(change, operation, context)
            return None, "done", f"+{operation.statement}"


async def _predict_create(
    change: PostgresChange, operation: CreateIndex, context: JobContext
) -> tuple[str | None, str | None, str]:
    index = await _index(change, operation, context)
    if index is not None and not (index["is_valid"] and index["meaning"] == operation.meaning):
        raise PayloadInvalid(
            f"there is another index {operation.name}: {index['meaning']}",
            pointer="/change/operation/name",
        )
    rows = await _ask(change, COLUMNS, context, namespace=operation.namespace,
                      table=operation.table)  # fmt: skip
    known = {row["name"] for row in rows}
    for position, column in enumerate(operation.columns):
        if column not in known:
            raise PayloadInvalid(
                f"{operation.namespace}.{operation.table} has no column {column}",
                pointer=f"/change/operation/columns/{position}",
            )
    before = None if index is None else operation.meaning
    return before, operation.meaning, f"+{operation.statement}"


async def _predict_drop(
    change: PostgresChange, operation: DropIndex, context: JobContext
) -> tuple[str | None, str | None, str]:
    index = await _index(change, operation, context)
    if index is None:
        return None, None, ""
    if index["backs_constraint"]:
        raise PayloadInvalid(
            f"{operation.name} holds a constraint up; drop that instead",
            pointer="/change/operation/name",
        )
    definition = str(index["definition"])
    return definition, None, f"-{definition}"


async def _ask(
    change: PostgresChange, query: str, context: JobContext, **names: str
) -> list[dict[str, Any]]:
    found = await context.probes.postgres(
        change.connection, {"look": query.format(**names)}, timeout=LOOK_TIMEOUT
    )
    return found["look"]


async def _setting(
    change: PostgresChange, operation: SetSetting, context: JobContext, *, is_plan: bool = False
) -> str | None:
    """The value that is written down for the scope; None where there is none.

    Raises:
        PayloadInvalid: there is no such setting, it is a text, or it takes a restart.
    """
    rows = await _ask(change, SETTING, context, name=operation.name)
    if not rows:
        raise PayloadInvalid(
            f"the server has no setting {operation.name}", pointer="/change/operation/name"
        )
    row = rows[0]
    if is_plan and (row["vartype"] not in _NUMBERS or row["context"] in _RESTARTS):
        why = "takes a restart" if row["context"] in _RESTARTS else "is a text, say a program's"
        raise PayloadInvalid(
            f"{operation.name} {why} and is not changed from here",
            pointer="/change/operation/name",
        )
    if operation.scope == "database":
        found = row["of_database"]
    else:
        in_file = await _ask(change, IN_FILE, context, name=operation.name)
        found = in_file[0]["setting"] if in_file else None
    return None if found is None else str(found)


async def _index(
    change: PostgresChange, operation: IndexOperation, context: JobContext
) -> dict[str, Any] | None:
    rows = await _ask(change, INDEX, context, namespace=operation.namespace, name=operation.name)
    if rows and rows[0]["is_building"]:
        raise TargetUnavailable(f"{operation.target} is being built at this moment")
    return rows[0] if rows else None


async def _counts(
    change: PostgresChange, operation: Maintain, context: JobContext
) -> dict[str, Any]:
    rows = await _ask(change, COUNTS, context, namespace=operation.namespace, table=operation.table)
    if not rows:
        raise PayloadInvalid(
            f"there is no table {operation.namespace}.{operation.table}",
            pointer="/change/operation/table",
        )
    if rows[0]["is_running"]:
        raise TargetUnavailable(f"{operation.target} runs at this moment")
    return rows[0]


@dataclass(frozen=True, slots=True)
class SettingStep:
    """Writes a setting down; the server's catalogue tells."""

    effect: PlannedEffect
    change: PostgresChange
    operation: SetSetting
    tells_itself: bool = True
    reversal: Reversal = "exact"

    async def look(self, past: Past, context: JobContext) -> Look:  # noqa: ARG002 (the server tells)
        """Read the value that is written down."""
        return compare(await _setting(self.change, self.operation, context), self.effect)

    async def prepare(self, context: JobContext) -> str:  # noqa: ARG002 (the effect has it)
        """Nothing: the effect holds the former value."""
        return ""

    async def carry_out(self, context: JobContext) -> None:
        """Set it, and let the server read it."""
        await self._set(self.effect.after, context)

    async def finish(self, context: JobContext) -> None:
        """Let the server read its file again, which a kill may have kept it from."""
        if self.operation.scope == "system":
            await self._execute("SELECT pg_reload_conf()", context)

    async def take_back(self, context: JobContext) -> None:
        """Give it its former value, or none."""
        await self._set(self.effect.before, context)

    async def _set(self, value: str | None, context: JobContext) -> None:
        rows = await _ask(self.change, SETTING, context, name=self.operation.name)
        statement = set_statement(self.operation, value)
        await self._execute(statement.format(database=rows[0]["database"]), context)
        await self.finish(context)

    async def _execute(self, statement: str, context: JobContext) -> None:
        await context.databases.execute(self.change.connection, statement, timeout=SET_TIMEOUT)


@dataclass(frozen=True, slots=True)
class IndexStep:
    """Builds or drops an index; an invalid one that we began is half of it."""

    effect: PlannedEffect
    change: PostgresChange
    operation: IndexOperation
    tells_itself: bool = True
    reversal: Reversal = "exact"

    async def look(self, past: Past, context: JobContext) -> Look:
        """Read the catalogue."""
        index = await _index(self.change, self.operation, context)
        if index is None:
            if past.is_open and self.effect.before is not None and past.state == "undo_begun":
                return Look("unfinished", None)
            return compare(None, self.effect)
        is_create = isinstance(self.operation, CreateIndex)
        found = str(index["meaning" if is_create else "definition"])
        if index["is_valid"]:
            return compare(found, self.effect)
        return Look("unfinished" if past.is_open else "changed", f"an invalid {found}")

    async def prepare(self, context: JobContext) -> str:  # noqa: ARG002 (the effect has it)
        """Nothing: the effect holds the definition."""
        return ""

    async def carry_out(self, context: JobContext) -> None:
        """Build or drop it; what is half built goes first."""
        if isinstance(self.operation, CreateIndex):
            await self._build(self.operation.statement, context)
        else:
            await self._execute(drop_statement(self.operation), context)

    async def finish(self, context: JobContext) -> None:
        """Nothing: a valid index is all there is."""

    async def take_back(self, context: JobContext) -> None:
        """Drop what was built, or build again what was dropped."""
        if self.effect.before is None:
            await self._execute(drop_statement(self.operation), context)
        else:
            await self._build(create_from(self.effect.before), context)

    async def _build(self, statement: str, context: JobContext) -> None:
        index = await _index(self.change, self.operation, context)
        if index is not None and not index["is_valid"]:
            await self._execute(drop_statement(self.operation), context)
        await self._execute(statement, context)

    async def _execute(self, statement: str, context: JobContext) -> None:
        await context.databases.execute(self.change.connection, statement, timeout=WORK_TIMEOUT)


@dataclass(frozen=True, slots=True)
class MaintainStep:
    """Vacuums or analyses a table. The server counts, so a kill leaves nothing to guess."""

    effect: PlannedEffect
    change: PostgresChange
    operation: Maintain
    tells_itself: bool = False
    reversal: Reversal = "not_needed"

    async def look(self, past: Past, context: JobContext) -> Look:
        """Ask the journal; where it ends in the middle, the server's count."""
        if not past.is_open:
            return Look("after" if past.state == "done" else "before", past.state)
        count = (await _counts(self.change, self.operation, context))[self.operation.kind]
        noted = re.fullmatch(r"count (\d+)", past.note)
        if noted is None or count < int(noted[1]):
            return Look("unknown", f"count {count}")
        return Look("after" if count > int(noted[1]) else "before", f"count {count}")

    async def prepare(self, context: JobContext) -> str:
        """Note how often it was done before."""
        counts = await _counts(self.change, self.operation, context)
        return f"count {counts[self.operation.kind]}"

    async def carry_out(self, context: JobContext) -> None:
        """Do it."""
        await context.databases.execute(
            self.change.connection, self.operation.statement, timeout=WORK_TIMEOUT
        )

    async def finish(self, context: JobContext) -> None:
        """Nothing: it is done."""

    async def take_back(self, context: JobContext) -> None:
        """Nothing: there is nothing in it to take back."""


def postgres_step(effect: PlannedEffect, change: PostgresChange) -> Step:
    """The step of an operation."""
    match change.operation:
        case SetSetting() as operation:
            return SettingStep(effect, change, operation)
        case CreateIndex() | DropIndex() as operation:
            return IndexStep(effect, change, operation)
        case Maintain() as operation:
            return MaintainStep(effect, change, operation)
