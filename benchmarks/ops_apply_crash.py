"""Random crash and failure schedules of `autopilot.ops.apply` on real files.

Each schedule plans a change of one to four files and lets processes carry it out that are killed
(SIGKILL before or after any file operation, or SIGALRM at any instant), that fail, or that meet
somebody else's edit. In the end every file must have its planned bytes, or every file the bytes it
had, a foreign edit must have survived, and no file may have been written twice. The last line
printed is one JSON object.

    python -m benchmarks.ops_apply_crash [--schedules 1000] [--seed 0]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from jobforge.adapters.targets.workspace import TenantWorkspace
from jobforge.autopilots.ops.apply import APPLY, ApplyPayload
from jobforge.contract.canonical import checksum_of
from jobforge.contract.errors import JobForgeError
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import TargetUnavailable
from jobforge.testing.context import MemoryContext

MAX_ATTEMPTS = 12
EDIT_CHANCE = 0.05
APPLIED, FAILED, RETRY = 0, 3, 4


@dataclass
class FaultyWorkspace:
    """The real workspace, which logs each write and, at one operation, kills or fails."""

    inner: TenantWorkspace
    log: Path
    kill_before: int = -1
    kill_after: int = -1
    fail_at: int = -1
    count: int = field(default=0)

    async def read(self, path: str) -> bytes:
        """Read, unless it is this operation's turn."""
        self._before()
        content = await self.inner.read(path)
        self._after()
        return content

    async def check(self, path: str) -> None:
        """Look, without a fault."""
        await self.inner.check(path)

    async def list(self, path: str, *, suffixes: Sequence[str] = ()) -> tuple[str, ...]:
        """List, without a fault."""
        return await self.inner.list(path, suffixes=suffixes)

    async def replace(self, path: str, content: bytes, *, expected_checksum: str | None) -> None:
        """Write, unless it is this operation's turn."""
        self._before()
        self._note("begin", path, content)
        await self.inner.replace(path, content, expected_checksum=expected_checksum)
        self._note("end", path, content)
        self._after()

    async def remove(self, path: str, *, expected_checksum: str) -> None:
        """Delete, unless it is this operation's turn."""
        self._before()
        await self.inner.remove(path, expected_checksum=expected_checksum)
        self._after()

    def _note(self, word: str, path: str, content: bytes) -> None:
        if path.startswith("."):
            return
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{word} {path} {checksum_of(content)}\n".encode())
        os.close(descriptor)

    def _before(self) -> None:
        if self.count == self.kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count == self.fail_at:
            self.count += 1
            raise TargetUnavailable("the disk fails")

    def _after(self) -> None:
        if self.count == self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


@dataclass
class Outcome:
    """How a schedule ended."""

    violation: str | None
    applied_twice: bool


def _payload(names: Sequence[str], random: Random) -> ApplyPayload:
    changes = []
    for name in names:
        way = "/resource/a/b/n" if name.endswith(".tf") else "/n"
        patch = [{"op": "replace", "path": way, "value": 2}]
        changes.append({"adapter": "file", "path": name, "patch": patch})
    strategy = random.choice(["immediate", "gradual"])
    given = {"recommendation_id": "r", "apply_strategy": strategy, "changes": changes}
    return APPLY.parse_payload(given)


def _content(name: str, number: int) -> bytes:
    if name.endswith(".json"):
        return f'{{"n": 1, "id": {number}}}\n'.encode()
    if name.endswith(".tf"):
        return f'resource "a" "b" {{\n  n  = 1 # keep\n  id = {number}\n}}\n'.encode()
    return f"# keep {number}\nn: 1   # here\nid: {number}\n".encode()


async def _attempt(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], workspace: FaultyWorkspace
) -> int:
    assert APPLY.action is not None
    context = MemoryContext(workspace=workspace)  # type: ignore[arg-type]  # the same protocol
    try:
        await APPLY.action.apply(payload, effects, context)
        await APPLY.action.verify(payload, effects, context)
    except JobForgeError as error:
        return RETRY if error.is_retryable else FAILED
    return APPLIED


def _run_child(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], workspace: FaultyWorkspace,
    timer: float | None,
) -> int:  # fmt: skip
    """One attempt in a process of its own; a negative number is the signal that killed it."""
    pid = os.fork()
    if pid == 0:
        if timer is not None:
            signal.setitimer(signal.ITIMER_REAL, timer)
        os._exit(asyncio.run(_attempt(payload, effects, workspace)))
    _, status = os.waitpid(pid, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def run_schedule(folder: Path, random: Random) -> Outcome:
    """Carry one schedule out in an empty folder and judge its end."""
    root, log = folder / "files", folder / "log"
    root.mkdir()
    suffixes = (".yaml", ".json", ".tf")
    names = [f"{n}{random.choice(suffixes)}" for n in range(random.randint(1, 4))]
    for number, name in enumerate(names):
        (root / name).write_bytes(_content(name, number))
    before = {name: (root / name).read_bytes() for name in names}
    inner = TenantWorkspace(root)
    payload = _payload(names, random)
    assert APPLY.action is not None
    planning = MemoryContext(workspace=inner)  # type: ignore[arg-type]  # the same protocol
    effects = _in_child_free_loop(APPLY.action.plan(payload, planning))
    edited = _edit(root, names, random)
    for attempt in range(MAX_ATTEMPTS):
        workspace = FaultyWorkspace(inner, log)
        timer = None
        if attempt < MAX_ATTEMPTS - 3:
            timer = _choose_fault(workspace, random)
        ended = _run_child(payload, effects, workspace, timer)
        if ended in {APPLIED, FAILED}:
            break
        if edited is None and random.random() < EDIT_CHANCE:
            edited = _edit(root, names, random, chance=1.0)
    return Outcome(_judge(root, before, effects, edited), _is_applied_twice(log, effects))


def _in_child_free_loop(work: object) -> tuple[PlannedEffect, ...]:
    # `asyncio.run` in the parent would leave threads that a fork must not copy.
    loop = asyncio.new_event_loop()
    try:
        effects: tuple[PlannedEffect, ...] = loop.run_until_complete(work)  # type: ignore[arg-type]  # a coroutine
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
    return effects


def _choose_fault(workspace: FaultyWorkspace, random: Random) -> float | None:
    kind = random.randrange(5)
    turn = random.randrange(24)
    if kind == 0:
        workspace.kill_before = turn
    elif kind == 1:
        workspace.kill_after = turn
    elif kind == 2:  # noqa: PLR2004 (one of five)
        workspace.fail_at = turn
    elif kind == 3:  # noqa: PLR2004 (one of five)
        return random.uniform(0.0005, 0.03)
    return None


def _edit(
    root: Path, names: Sequence[str], random: Random, chance: float = 2 * EDIT_CHANCE
) -> str | None:
    if random.random() >= chance:
        return None
    name = random.choice(list(names))
    content = (root / name).read_bytes()
    (root / name).write_bytes(content + b"\n")
    return name


def _judge(
    root: Path, before: dict[str, bytes], effects: tuple[PlannedEffect, ...], edited: str | None
) -> str | None:
    states = set()
    for effect in effects:
        if effect.target == edited:
            continue
        found = checksum_of((root / effect.target).read_bytes())
        states.add(
            "after" if found == effect.after else "before" if found == effect.before else "?"
        )
    if "?" in states or len(states) > 1:
        return f"mixed: {sorted(states)}, edited {edited}"
    if edited is not None and not (root / edited).read_bytes().endswith(b"\n\n"):
        return f"the foreign edit of {edited} is lost"
    leftovers = [p.name for p in root.iterdir() if p.is_file() and p.name not in before]
    # A killed write may leave its temporary file, which no reader ever sees.
    visible = [name for name in leftovers if not name.startswith(".")]
    return f"left over: {visible}" if visible else None


def _is_applied_twice(log: Path, effects: tuple[PlannedEffect, ...]) -> bool:
    if not log.exists():
        return False
    planned = {effect.target: effect.after for effect in effects}
    # A kill may come between a write and its note, so putting back counts from its beginning.
    applied: dict[str, bool] = {}
    for line in log.read_text().splitlines():
        word, target, checksum = line.split(" ")
        is_after = checksum == planned.get(target)
        if word == "end" and is_after:
            if applied.get(target):
                return True
            applied[target] = True
        elif word == "begin" and not is_after:
            applied[target] = False
    return False


def run(schedules: int, seed: int) -> dict[str, int]:
    """Run the schedules, print what was violated, and count."""
    random = Random(seed)  # noqa: S311 (a schedule, no secret)
    violations: list[str] = []
    twice = 0
    for number in range(schedules):
        folder = Path(tempfile.mkdtemp(prefix="apply-crash-"))
        try:
            outcome = run_schedule(folder, random)
        finally:
            shutil.rmtree(folder)
        twice += outcome.applied_twice
        if outcome.violation:
            violations.append(f"schedule {number}: {outcome.violation}")
    for violation in violations[:20]:
        sys.stdout.write(violation + "\n")
    return {
        "schedules": schedules,
        "violations": len(violations),
        "applied_twice": twice,
        "seed": seed,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the schedules; 1 where any is violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    report = run(options.schedules, options.seed)
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if report["violations"] or report["applied_twice"] else 0


if __name__ == "__main__":
    sys.exit(main())
