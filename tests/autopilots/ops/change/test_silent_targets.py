"""Crash schedules of calls as a state machine: nothing is sent twice, all is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.autopilots.ops.change.world import Pager, payload, with_pager
from typing_extensions import override

from jobforge.autopilots.ops.apply import apply, plan, verify
from jobforge.autopilots.ops.change.request import ApplyPayload
from jobforge.contract.errors import JobForgeError
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import NeedsPerson, NotReached, TargetUnavailable
from jobforge.core.targets import EndpointAnswer, EndpointCall, JournalEntry, JournalState
from jobforge.testing.context import MemoryContext
from jobforge.testing.targets import MemoryEndpoints, MemoryJournal


class Killed(BaseException):
    """The process is gone: nothing catches this, and no cleanup runs."""


@dataclass
class Turns:
    """Counts operations and kills before or after one of them."""

    left: int = 0
    is_before: bool = True

    def step(self, is_before: bool) -> None:
        if is_before == self.is_before:
            self.left -= 1
            if self.left == 0:
                raise Killed


@dataclass
class FragileJournal:
    inner: MemoryJournal
    turns: Turns

    async def entries(self) -> tuple[JournalEntry, ...]:
        return await self.inner.entries()

    async def write(self, step: int | None, state: JournalState, note: str = "") -> None:
        self.turns.step(True)
        await self.inner.write(step, state, note)
        self.turns.step(False)


@dataclass
class FragileEndpoints(MemoryEndpoints):
    turns: Turns = field(default_factory=Turns)

    @override
    async def call(self, connection: str, call: EndpointCall) -> EndpointAnswer:
        self.turns.step(True)
        answer = await super().call(connection, call)
        self.turns.step(False)
        return answer


class CallMachine(RuleBasedStateMachine):
    """Attempts that are killed, calls that are refused, lost or not sent, and calm ones."""

    @initialize(
        honours=st.booleans(), has_check=st.booleans(), has_undo=st.booleans(),
        with_file=st.booleans(),
    )  # fmt: skip
    def prepare(self, honours: bool, has_check: bool, has_undo: bool, with_file: bool) -> None:
        self.pager = Pager()
        self.keys: set[str] = set()
        self.turns = Turns()
        self.journal = MemoryJournal()
        endpoints = FragileEndpoints(
            answers={"pager": self._answer}, honouring={"pager"} if honours else set(),
            turns=self.turns,
        )  # fmt: skip
        self.world = replace(with_pager(self.pager), endpoints=endpoints)
        self.world.workspace.files = {"a.yaml": b"n: 1\n"}
        call: dict[str, object] = {"adapter": "http", "connection": "pager", "path": "/on"}
        if has_check:
            call["check"] = {"path": "/state", "pointer": "/on", "value": True}
        if has_undo:
            call["undo"] = {"path": "/off"}
        patch = [{"op": "replace", "path": "/n", "value": 2}]
        file = {"adapter": "file", "path": "a.yaml", "patch": patch}
        self.payload: ApplyPayload = payload(*([file] if with_file else []), call)
        self.effects: tuple[PlannedEffect, ...] = asyncio.run(plan(self.payload, self.world))
        self.honours, self.is_open, self.number = honours, True, 0

    def _answer(self, call: EndpointCall) -> EndpointAnswer:
        """An endpoint that honours keys does a known one no second time."""
        if call.idempotency_key in self.keys and self.honours:
            return EndpointAnswer(status=200, body=b"")
        if call.idempotency_key and self.pager.status < 400:
            self.keys.add(call.idempotency_key)
        return self.pager.answer(call)

    def _context(self) -> MemoryContext:
        self.number += 1
        job = self.world.job.model_copy(update={"attempt": self.number, "max_attempts": 99})
        journal = FragileJournal(self.journal, self.turns)
        return replace(self.world, job=job, journal=journal)

    def _attempt(self) -> None:
        context = self._context()
        asyncio.run(apply(self.payload, self.effects, context))
        asyncio.run(verify(self.payload, self.effects, context))

    @precondition(lambda self: self.is_open)
    @rule(turn=st.integers(1, 12), is_before=st.booleans())
    def an_attempt_is_killed(self, turn: int, is_before: bool) -> None:
        self.turns.left, self.turns.is_before = turn, is_before
        self._try(self._attempt)
        self.turns.left = 0

    @precondition(lambda self: self.is_open)
    @rule(fault=st.sampled_from([TargetUnavailable("lost"), NotReached("away"), None]),
          status=st.sampled_from([200, 409, 503]))  # fmt: skip
    def an_attempt_meets_a_fault(self, fault: Exception | None, status: int) -> None:
        # What never reached the endpoint had no effect there.
        unreached = isinstance(fault, NotReached)
        self.pager.fault, self.pager.status = fault, 599 if unreached else status
        self._try(self._attempt)
        self.pager.fault, self.pager.status = None, 200

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Killed:
            return
        except NeedsPerson:
            self.is_open = False
            assert "needs_person" in self._states()
        except JobForgeError as error:
            self.is_open = error.is_retryable
            if not self.is_open:
                self._is_undone()
        else:
            self.is_open = False
            self._is_applied()

    @precondition(lambda self: self.is_open)
    @rule()
    def a_calm_attempt_ends_it(self) -> None:
        self._try(self._attempt)

        assert not self.is_open

    @precondition(lambda self: not self.is_open)
    @rule()
    def an_ended_job_stays_as_it_is(self) -> None:
        assert self._states()[-1] in {"verified", "needs_person", "rolled_back"}

    def _is_applied(self) -> None:
        assert self.pager.is_on
        assert self._states()[-1] == "verified"
        assert self.world.workspace.files["a.yaml"] == self._planned_file()

    def _is_undone(self) -> None:
        assert not self.pager.is_on
        assert self.world.workspace.files["a.yaml"] == b"n: 1\n"

    def _planned_file(self) -> bytes:
        return b"n: 2\n" if len(self.effects) > 1 else b"n: 1\n"

    def _states(self) -> list[str]:
        return [entry.state for entry in self.journal.lines]

    @invariant()
    def nothing_is_sent_twice_and_nothing_without_a_line_before_it(self) -> None:
        if not hasattr(self, "pager"):
            return
        sent = [key for key in self.pager.applied if not key.endswith("-undo")]
        assert len(sent) <= 1
        if sent:
            assert "begun" in self._states()


TestCallMachine = CallMachine.TestCase
TestCallMachine.settings = settings(max_examples=200, stateful_step_count=10, deadline=None)
