"""Crash schedules of `autopilot.ops.apply` in memory, as a state machine; the real ones are in
`benchmarks/ops_apply_crash.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jobforge.autopilots.ops import APPLY
from jobforge.autopilots.ops.apply import apply, plan, verify
from jobforge.autopilots.ops.change.request import ApplyPayload
from jobforge.contract.canonical import checksum_of
from jobforge.contract.errors import JobForgeError
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import TargetUnavailable
from jobforge.testing.context import MemoryContext
from jobforge.testing.targets import MemoryJournal, MemoryWorkspace


class Killed(BaseException):
    """The process is gone: nothing catches this, and no cleanup runs."""


@dataclass
class FragileWorkspace:
    """Kills or fails at one operation, before or after it took effect."""

    inner: MemoryWorkspace
    turns: int = -1
    fault: type[BaseException] = Killed
    is_before: bool = True
    writes: list[tuple[str, str]] = field(default_factory=list)

    def _pass(self, is_before: bool) -> None:
        if is_before == self.is_before:
            self.turns -= 1
            if self.turns == 0:
                raise self.fault("now")

    async def read(self, path: str) -> bytes:
        self._pass(True)
        content = await self.inner.read(path)
        self._pass(False)
        return content

    async def check(self, path: str) -> None:
        await self.inner.check(path)

    async def list(self, path: str, *, suffixes: Sequence[str] = ()) -> tuple[str, ...]:
        return await self.inner.list(path, suffixes=suffixes)

    async def replace(self, path: str, content: bytes, *, expected_checksum: str | None) -> None:
        self._pass(True)
        await self.inner.replace(path, content, expected_checksum=expected_checksum)
        self.writes.append((path, checksum_of(content)))
        self._pass(False)

    async def remove(self, path: str, *, expected_checksum: str) -> None:
        await self.inner.remove(path, expected_checksum=expected_checksum)


class ApplyMachine(RuleBasedStateMachine):
    """Attempts that are killed, that fail, and edits by others, in any order."""

    @initialize(count=st.integers(1, 4), gradual=st.booleans())
    def prepare(self, count: int, gradual: bool) -> None:
        self.names = [f"{n}.yaml" for n in range(count)]
        self.disk = MemoryWorkspace({n: f"n: 1  # {n}\n".encode() for n in self.names})
        self.before = dict(self.disk.files)
        patch = [{"op": "replace", "path": "/n", "value": 2}]
        self.payload: ApplyPayload = APPLY.parse_payload(
            {
                "recommendation_id": "r",
                "apply_strategy": "gradual" if gradual else "immediate",
                "changes": [
                    {"adapter": "file", "path": name, "patch": patch} for name in self.names
                ],
            }
        )
        self.workspace = FragileWorkspace(self.disk)
        self.journal = MemoryJournal()
        self.effects: tuple[PlannedEffect, ...] = asyncio.run(plan(self.payload, self._context()))
        self.edited: set[str] = set()

    def _context(self) -> MemoryContext:
        return MemoryContext(workspace=self.workspace, journal=self.journal)  # type: ignore[arg-type]  # same protocol

    def _attempt(self) -> None:
        asyncio.run(apply(self.payload, self.effects, self._context()))
        asyncio.run(verify(self.payload, self.effects, self._context()))

    @rule(turn=st.integers(1, 40), is_before=st.booleans(), is_kill=st.booleans())
    def attempt_with_a_fault(self, turn: int, is_before: bool, is_kill: bool) -> None:
        self.workspace.turns, self.workspace.is_before = turn, is_before
        self.workspace.fault = Killed if is_kill else TargetUnavailable
        try:
            self._attempt()
        except (Killed, JobForgeError):
            pass
        finally:
            self.workspace.turns = -1

    @precondition(lambda self: len(self.edited) < 1)
    @rule(which=st.integers(0, 3))
    def somebody_edits(self, which: int) -> None:
        name = self.names[which % len(self.names)]
        self.disk.files[name] += b"# mine\n"
        self.edited.add(name)

    @rule()
    def an_attempt_without_faults_ends_it(self) -> None:
        try:
            self._attempt()
            wanted = {"after"}
        except JobForgeError:
            wanted = {"before"} if self.edited else set()
        states = {
            self._state(effect) for effect in self.effects if effect.target not in self.edited
        }
        assert states <= wanted

    def _state(self, effect: PlannedEffect) -> str:
        found = checksum_of(self.disk.files[effect.target])
        return {effect.after: "after", effect.before: "before"}.get(found, "other")

    @invariant()
    def every_file_is_whole_and_edits_survive(self) -> None:
        for effect in getattr(self, "effects", ()):
            if effect.target in self.edited:
                assert self.disk.files[effect.target].endswith(b"# mine\n")
            else:
                assert self._state(effect) in {"after", "before"}

    @invariant()
    def nothing_is_applied_twice(self) -> None:
        last: dict[str, str] = {}
        for path, checksum in getattr(self, "workspace", FragileWorkspace(self._none())).writes:
            if not path.startswith("."):
                assert last.get(path) != checksum
                last[path] = checksum

    @staticmethod
    def _none() -> MemoryWorkspace:
        return MemoryWorkspace()


TestApplyMachine = ApplyMachine.TestCase
TestApplyMachine.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
