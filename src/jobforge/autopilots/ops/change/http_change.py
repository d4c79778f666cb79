"""A runbook's call to an HTTP endpoint that a connection names."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Literal

from jsonpointer import JsonPointerException, resolve_pointer
from pydantic import Field

from jobforge.autopilots.ops.change.diffs import mask_secrets
from jobforge.autopilots.ops.change.step import Look, Past, Reversal, Standing
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect, Precondition
from jobforge.core.errors import ChangeUndone, HandlerFailed, TargetUnavailable
from jobforge.core.model import Model
from jobforge.core.targets import EndpointAnswer, EndpointCall, JournalState

IN_EFFECT, NOT_IN_EFFECT = "in effect", "not in effect"
ANSWERED = "answered as expected"
_SERVER_ERRORS = 500
_PAUSE_SECONDS = 0.5
_OK = range(200, 300)
_NOT_KNOWN_YET = frozenset({408, 425, 429})
"""Answers of 4xx after which the same request may be sent again. Source: RFC 9110, 8470, 6585."""


class RunbookCall(Model):
    """One request."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str = Field(pattern=r"^/", max_length=2048, description="Below the connection's URL.")
    body: dict[str, Any] | None = Field(default=None, description="Sent as JSON.")


class EffectCheck(Model):
    """A GET whose answer tells whether the call has taken effect."""

    path: str = Field(pattern=r"^/", max_length=2048)
    status: int = Field(default=200, ge=100, le=599)
    pointer: str | None = Field(default=None, pattern=r"^(/.*)?$", max_length=1024)
    value: Any = Field(default=None, description="What stands at `pointer` of the JSON answer.")
    within_seconds: float = Field(
        default=0.0, ge=0, le=300, description="How long after the call to ask again and again."
    )


class HttpChange(RunbookCall):
    """A call, with what tells its effect and what takes it back, where there is such a thing."""

    adapter: Literal["http"]
    connection: str = Field(min_length=1, max_length=256)
    expect_status: tuple[int, ...] = Field(default=(), max_length=20, description="Default: 2xx.")
    check: EffectCheck | None = None
    undo: RunbookCall | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The call."""
        return (f"http:{self.connection} {self.method} {self.path}",)


async def predict_http(change: HttpChange, context: JobContext) -> list[PlannedEffect]:
    """The call, unless its check says it has taken effect already. Nothing but the check is sent.

    Raises:
        ConnectionMissing: there is no such connection.
        EgressDenied: the connection does not allow the call, its check or its undo.
    """
    await context.endpoints.check(change.connection, change.method, change.path)
    if change.undo is not None:
        await context.endpoints.check(change.connection, change.undo.method, change.undo.path)
    conditions: tuple[Precondition, ...] = ()
    if change.check is not None:
        if await _is_in_effect(change, change.check, context):
            return []
        source = f"GET {change.connection} {change.check.path}"
        conditions = (Precondition(source=source, expected=NOT_IN_EFFECT),)
    return [
        PlannedEffect(
            target=change.targets[0],
            change="create",
            before=None,
            after=ANSWERED if change.check is None else IN_EFFECT,
            diff=_shown(change),
            preconditions=conditions,
        )
    ]


def _shown(change: HttpChange) -> str:
    lines = [f"+{change.method} {change.path}"]
    if change.body is not None:
        body = json.dumps(change.body, indent=2, ensure_ascii=False)
        lines += [f"+{line}" for line in body.splitlines()]
    return mask_secrets("\n".join(lines))


async def _is_in_effect(change: HttpChange, check: EffectCheck, context: JobContext) -> bool:
    call = EndpointCall(method="GET", path=check.path)
    answer = await context.endpoints.call(change.connection, call)
    if answer.status >= _SERVER_ERRORS and check.status != answer.status:
        raise TargetUnavailable(f"{change.connection} {check.path}: status {answer.status}")
    if answer.status != check.status:
        return False
    if check.pointer is None:
        return True
    try:
        found = resolve_pointer(json.loads(answer.body), check.pointer)
    except (JsonPointerException, ValueError, RecursionError):
        return False
    return bool(found == check.value)


def _by_journal(state: JournalState | None, is_repeatable: bool) -> Standing:
    """How a call stands that nothing tells of but the journal."""
    match state:
        case "done":
            return "after"
        case "begun":
            return "before" if is_repeatable else "unknown"
        case "undo_begun":
            return "after" if is_repeatable else "unknown"
        case _:
            return "before"


def _by_check(is_in_effect: bool, state: JournalState | None, is_repeatable: bool) -> Standing:
    """How a call stands whose effect can be seen, though perhaps not at once."""
    if is_in_effect:
        return "after" if state != "undo_begun" or is_repeatable else "unknown"
    if state == "begun":
        return "before" if is_repeatable else "unknown"
    # Answered as expected, and without effect: that is nothing to build on.
    return "unknown" if state == "done" else "before"


@dataclass(frozen=True, slots=True)
class CallStep:
    """Sends a call at most once, unless its endpoint answers a repeated key without doing it again.

    Its check tells whether it was done; without one the journal does, and where the journal ends
    in the middle nobody can.
    """

    effect: PlannedEffect
    change: HttpChange
    number: int
    tells_itself: bool = False

    @property
    def reversal(self) -> Reversal:
        """Only by a call of its own."""
        return "impossible" if self.change.undo is None else "exact"

    async def look(self, past: Past, context: JobContext) -> Look:
        """Ask the check, then the journal."""
        change = self.change
        is_repeatable = past.is_open and await self._is_repeatable(context)
        if change.check is None:
            return Look(_by_journal(past.state, is_repeatable), self.effect.after)
        is_in_effect = await _is_in_effect(change, change.check, context)
        found = IN_EFFECT if is_in_effect else NOT_IN_EFFECT
        return Look(_by_check(is_in_effect, past.state, is_repeatable), found)

    async def _is_repeatable(self, context: JobContext) -> bool:
        change = self.change
        return await context.endpoints.check(change.connection, change.method, change.path)

    async def prepare(self, context: JobContext) -> str:
        """Note the key under which the endpoint's owner finds the call."""
        return f"key {self._key(context)}"

    async def carry_out(self, context: JobContext) -> None:
        """Send the call with its key.

        Raises:
            ChangeUndone: the endpoint refuses it, so nothing was done.
            TargetUnavailable: no answer, or one that does not tell.
        """
        await self._send(self.change, self._key(context), context)
        check = self.change.check
        for _ in range(int((check.within_seconds if check else 0.0) / _PAUSE_SECONDS)):
            if check is None or await _is_in_effect(self.change, check, context):
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def finish(self, context: JobContext) -> None:
        """Nothing: the check saw the effect."""

    async def take_back(self, context: JobContext) -> None:
        """Send the call that undoes it, with a key of its own."""
        if self.change.undo is None:
            raise HandlerFailed(f"{self.effect.target} names no call that takes it back")
        await self._send(self.change.undo, f"{self._key(context)}-undo", context)

    def _key(self, context: JobContext) -> str:
        return f"{context.job.job_id}-{self.number}"

    async def _send(self, call: RunbookCall, key: str, context: JobContext) -> None:
        request = EndpointCall(
            method=call.method,
            path=call.path,
            body=None if call.body is None else json.dumps(call.body).encode(),
            idempotency_key=key,
        )
        answer = await context.endpoints.call(self.change.connection, request)
        expected = self.change.expect_status if call is self.change else ()
        if answer.status in (expected or _OK):
            return
        said = f"{self.effect.target} answered {answer.status}: {_start_of(answer)}"
        if answer.status >= _SERVER_ERRORS or answer.status in _NOT_KNOWN_YET:
            raise TargetUnavailable(said)
        raise ChangeUndone(said)


def _start_of(answer: EndpointAnswer) -> str:
    return mask_secrets(answer.body[:200].decode("utf-8", "replace")) or "no text"
