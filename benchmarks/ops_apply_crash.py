"""Random crash and failure schedules of `autopilot.ops.apply` on real targets.

Each schedule plans changes and lets processes carry them out that are killed (SIGKILL before or
after any operation, or SIGALRM at any instant), that fail, or that meet somebody else's edit. Of
files and git branches all must be changed in the end, or none, byte for byte. What cannot be
undone exactly (a push, a vacuum, an index built concurrently on a real server, a call) must end
verified, undone, or with a person asked and a complete journal; nothing may be applied twice. The
last line printed is one JSON object.

    python -m benchmarks.ops_apply_crash [--schedules 1000] [--seed 0] [--kind files|git|outside]
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
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from benchmarks.ops_crash_outside import OutsideWorld
from benchmarks.ops_crash_worlds import (
    Faults,
    Faulty,
    FileJournal,
    FilesWorld,
    GitWorld,
    World,
    make_template,
    run_alone,
)
from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.autopilots.ops.apply import APPLY
from jobforge.autopilots.ops.change.request import ApplyPayload
from jobforge.contract.errors import JobForgeError
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import NeedsPerson

MAX_ATTEMPTS = 12
CALM_ATTEMPTS = 3
"""The last ones, which nothing disturbs: every schedule ends."""
EDIT_CHANCE = 0.05
TURNS = {"files": 40, "git": 60, "outside": 60}
APPLIED, FAILED, RETRY, ASKED, BROKEN = 0, 3, 4, 5, 99
_ENDINGS = {APPLIED: "applied", FAILED: "failed", ASKED: "needs_person"}
_SERVER = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
           "autovacuum": "off"}  # fmt: skip


@dataclass
class Report:
    """What the schedules showed."""

    endings: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    applied_twice: int = 0


async def _attempt(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], world: World, faults: Faults,
    number: int,
) -> int:  # fmt: skip
    assert APPLY.action is not None
    opened = world.context(faults)
    context = replace(
        opened,
        journal=Faulty(FileJournal(world.folder / "journal"), faults),  # type: ignore[arg-type]  # duck-typed
        job=opened.job.model_copy(update={"attempt": number, "max_attempts": MAX_ATTEMPTS}),
    )
    try:
        await APPLY.action.apply(payload, effects, context)
        await APPLY.action.verify(payload, effects, context)
    except NeedsPerson:
        return ASKED
    except JobForgeError as error:
        return RETRY if error.is_retryable else FAILED
    return APPLIED


def _run_child(
    payload: ApplyPayload, effects: tuple[PlannedEffect, ...], world: World, fault: Fault,
    number: int,
) -> int:  # fmt: skip
    """One attempt in a process of its own; a negative number is the signal that killed it."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if fault.timer is not None:
            signal.setitimer(signal.ITIMER_REAL, fault.timer)
        code = BROKEN
        try:
            code = asyncio.run(_attempt(payload, effects, world, fault.faults, number))
        finally:
            # Whatever happens, the child never goes on with the parent's work.
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if fault.takes_children:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


@dataclass(frozen=True)
class Fault:
    """What happens to an attempt; with `takes_children` its git processes die with it."""

    faults: Faults = field(default_factory=Faults)
    timer: float | None = None
    takes_children: bool = False


def _choose_fault(random: Random, turns: int) -> Fault:
    turn = random.randrange(turns)
    dies_whole = random.random() < 0.5  # noqa: PLR2004 (half)
    match random.randrange(5):
        case 0:
            return Fault(Faults(kill_before=turn), takes_children=dies_whole)
        case 1:
            return Fault(Faults(kill_after=turn), takes_children=dies_whole)
        case 2:
            return Fault(Faults(fail_at=turn))
        case 3:
            return Fault(timer=random.uniform(0.0005, 0.004 * turns), takes_children=dies_whole)
        case _:
            return Fault()


def run_schedule(world: World, random: Random, turns: int) -> tuple[str, str | None, bool]:
    """Carry one schedule out: how it ended, what was violated, whether anything came twice."""
    strategy = random.choice(["immediate", "gradual"])
    given = {"recommendation_id": "r", "apply_strategy": strategy, "changes": world.changes(random)}
    payload = APPLY.parse_payload(given)
    assert APPLY.action is not None
    planned: tuple[PlannedEffect, ...] = run_alone(
        APPLY.action.plan(payload, world.context(Faults()))
    )
    if random.random() < 2 * EDIT_CHANCE:
        world.edit(random)
    ended = RETRY
    for number in range(1, MAX_ATTEMPTS + 1):
        is_calm = number > MAX_ATTEMPTS - CALM_ATTEMPTS
        fault = Fault() if is_calm else _choose_fault(random, turns)
        ended = _run_child(payload, planned, world, fault, number)
        if ended in _ENDINGS:
            break
        if ended == BROKEN:
            return "broken", f"attempt {number} raised what it should not", False
        if random.random() < EDIT_CHANCE:
            world.edit(random)
    journal = run_alone(FileJournal(world.folder / "journal").entries())
    if ended not in _ENDINGS:
        return "open", f"no end after {MAX_ATTEMPTS} attempts ({ended})", world.is_applied_twice
    ending = _ENDINGS[ended]
    return ending, world.judge(planned, ending, journal), world.is_applied_twice


def run(schedules: int, seed: int, kinds: Sequence[str] = ("files",)) -> dict[str, int]:
    """Run the schedules, print what was violated, and count."""
    random = Random(seed)  # noqa: S311 (a schedule, no secret)
    report = Report()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        dsn = runner.run(_start_server(stack)) if "outside" in kinds else ""
        template = make_template() if kinds != ("files",) else Path()
        try:
            for number in range(schedules):
                kind = kinds[number % len(kinds)]
                _run_one(kind, number, (template, dsn), random, report)
        finally:
            runner.run(stack.aclose())
            if template != Path():
                shutil.rmtree(template.parent)
    for violation in report.violations[:20]:
        sys.stdout.write(violation + "\n")
    for ending, count in sorted(report.endings.items()):
        sys.stdout.write(f"{ending}: {count}\n")
    return {
        "schedules": schedules,
        "violations": len(report.violations),
        "applied_twice": report.applied_twice,
        "seed": seed,
    }


async def _start_server(stack: AsyncExitStack) -> str:
    home = Path(tempfile.mkdtemp(prefix="apply-crash-server-"))
    server = EmbeddedServer(home, settings=_SERVER)
    client = server.client()
    opened = await client.__aenter__()

    async def stop() -> None:
        await client.__aexit__(None, None, None)
        await server.wait_until_stopped()
        shutil.rmtree(home)

    stack.push_async_callback(stop)
    return opened.access.owner_dsn


def _run_one(
    kind: str, number: int, means: tuple[Path, str], random: Random, report: Report
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="apply-crash-"))
    template, dsn = means
    try:
        world: World
        if kind == "files":
            world = FilesWorld(folder)
        elif kind == "git":
            world = GitWorld(folder, template)
        else:
            world = OutsideWorld(folder, template, dsn, number)
        ending, violation, is_twice = run_schedule(world, random, TURNS[kind])
    finally:
        shutil.rmtree(folder)
    report.endings[f"{kind} {ending}"] += 1
    report.applied_twice += is_twice
    if violation:
        report.violations.append(f"schedule {number} ({kind}): {violation}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the schedules; 1 where any is violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=sorted(TURNS), action="append")
    options = parser.parse_args(arguments)
    report = run(options.schedules, options.seed, tuple(options.kind or TURNS))
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if report["violations"] or report["applied_twice"] else 0


if __name__ == "__main__":
    sys.exit(main())
