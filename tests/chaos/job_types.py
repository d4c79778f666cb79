"""What runs while faults strike: a note that leaves an artifact, and a line added to a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from jobforge.contract.canonical import checksum_of
from jobforge.core.catalog import AnyJobType
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import DatasetMissing, HandlerFailed
from jobforge.core.job_type import ActionSteps, JobType
from jobforge.core.model import Model

NOTE_TYPE = "autopilot.ops.note"
APPEND_TYPE = "autopilot.ops.append"
LEDGER = "ledger.txt"
FIRST_LINE = b"begun\n"


class Line(Model):
    """Which file, and which line it gets."""

    path: str
    line: str


class Written(Model):
    """What was written."""

    line: str


async def note(payload: Line, context: JobContext) -> Written:
    """Leave the line as an artifact."""
    await context.artifacts.put(
        payload.path, payload.line.encode(), kind="note", mime_type="text/plain; charset=utf-8"
    )
    return Written(line=payload.line)


def after(payload: Line) -> bytes:
    """The file with its line, once."""
    return FIRST_LINE + f"{payload.line}\n".encode()


async def _plan(payload: Line, context: JobContext) -> tuple[PlannedEffect, ...]:
    before = await context.workspace.read(payload.path)
    changed = before + f"{payload.line}\n".encode()
    effect = PlannedEffect(
        target=payload.path,
        change="update",
        before=checksum_of(before),
        after=checksum_of(changed),
        diff="",
    )
    return (effect,)


@dataclass(frozen=True)
class _Append:
    """Adds the line, and notes in a ledger beside the tenant's folders that it did."""

    ledgers: Path

    async def apply(
        self, payload: Line, effects: tuple[PlannedEffect, ...], context: JobContext
    ) -> Written:
        (effect,) = effects
        content = await context.workspace.read(payload.path)
        if checksum_of(content) != effect.after:
            await context.workspace.replace(
                payload.path,
                content + f"{payload.line}\n".encode(),
                expected_checksum=effect.before,
            )
            with (self.ledgers / f"{context.job.tenant_slug}-{LEDGER}").open("a") as ledger:
                ledger.write(f"{payload.path}\n")
        return Written(line=payload.line)


async def _verify(payload: Line, effects: tuple[PlannedEffect, ...], context: JobContext) -> None:
    (effect,) = effects
    try:
        content = await context.workspace.read(payload.path)
    except DatasetMissing as error:
        raise HandlerFailed(f"{payload.path} is gone") from error
    if checksum_of(content) != effect.after:
        raise HandlerFailed(f"{payload.path} is not what was planned")


def job_types(ledgers: Path) -> list[AnyJobType]:
    """Both, in this process and at once: faults strike the engine, not the handlers."""
    append = _Append(ledgers)
    return [
        JobType(
            name=NOTE_TYPE,
            title="Note",
            domain="ops",
            payload=Line,
            result=Written,
            scopes=frozenset({"ops:read"}),
            timeout=timedelta(seconds=20),
            handle=note,
            isolation="inline",
        ),
        JobType(
            name=APPEND_TYPE,
            title="Append",
            domain="ops",
            payload=Line,
            result=Written,
            scopes=frozenset({"ops:write"}),
            timeout=timedelta(seconds=20),
            action=ActionSteps(
                plan=_plan,
                apply=append.apply,
                verify=_verify,
                undo=None,
                irreversible_because="a sample",
            ),
            isolation="inline",
        ),
    ]
