"""Carrying several planned effects out so that in the end all are done, or none.

What a target shows is believed before anything else; the journal, which is written before a target
is touched, is asked where the target cannot tell. So a process that is killed anywhere leaves
nothing to guess, and the next attempt goes on, or finishes taking back. Where not even the journal
tells (a call was sent, and no answer came), a person must look, and everything stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from jobforge.autopilots.ops.change.error_budget import ErrorBudget, Spending
from jobforge.autopilots.ops.change.log import Log
from jobforge.autopilots.ops.change.step import Look, Step
from jobforge.contract.errors import JobForgeError
from jobforge.core.context import JobContext
from jobforge.core.errors import (
    AttemptLost,
    ChangeUndone,
    HandlerFailed,
    KillSwitchOn,
    NeedsPerson,
    NotReached,
    PlanStale,
    WindowClosed,
)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Rollout:
    """What is to be done, and how carefully. Steps are numbered by their place in the plan."""

    steps: tuple[Step, ...]
    is_gradual: bool = False
    can_be_undone: bool = True
    error_budget: ErrorBudget | None = None

    @property
    def in_order(self) -> list[tuple[int, Step]]:
        """Steps whose targets tell come first: what only the journal knows is done last."""
        numbered = list(enumerate(self.steps))
        return sorted(numbered, key=lambda item: not item[1].tells_itself)


def waves_of(items: Sequence[Item], *, is_gradual: bool) -> list[Sequence[Item]]:
    """One wave, or waves that double in size, from one on."""
    if not is_gradual:
        return [items] if items else []
    waves: list[Sequence[Item]] = []
    begin, size = 0, 1
    while begin < len(items):
        waves.append(items[begin : begin + size])
        begin, size = begin + size, size * 2
    return waves


async def roll_out(rollout: Rollout, context: JobContext) -> None:
    """Carry every step out, wave by wave; where one fails, take back what was done.

    Raises:
        PlanStale: a target is not as the plan saw it.
        ChangeUndone: a target refused, the error budget is spent, or an earlier attempt was taking
            back when it was killed.
        NeedsPerson: nobody can tell whether a step took effect, or one cannot be taken back.
        HandlerFailed: a target is not as planned after its wave.
    """
    log = await Log.read(context)
    await _finish_taking_back(rollout, log, context)
    try:
        # Nothing is touched where a target changed since the plan.
        for number, step in rollout.in_order:
            await _look(number, step, log, context)
        spending = Spending()
        for wave in waves_of(rollout.in_order, is_gradual=rollout.is_gradual):
            for number, step in wave:
                await _do(number, step, log, context)
            for number, step in wave:
                await _confirm(number, step, log, context)
            if rollout.error_budget is not None:
                await spending.judge(rollout.error_budget, context)
    except (NeedsPerson, AttemptLost, KillSwitchOn, WindowClosed):
        # Nothing may be touched at this moment, not even to take back; the journal has it all.
        raise
    except JobForgeError as error:
        await _after_failure(rollout, error, log, context)
        raise


async def _finish_taking_back(rollout: Rollout, log: Log, context: JobContext) -> None:
    """Go on where an earlier attempt was taking back; what was undone is not done again."""
    if log.open_rollback is not None:
        reason = log.open_rollback
        await _take_back(rollout, reason, log, context, is_partial=True)
        raise ChangeUndone(f"taken back: {reason}")
    if log.has_rolled_back and "undone" in _states_of_silent(rollout, log):
        raise ChangeUndone("calls of it were taken back before; they are not sent again")


def _states_of_silent(rollout: Rollout, log: Log) -> set[str | None]:
    """What the journal has for the steps whose targets do not tell."""
    numbered = enumerate(rollout.steps)
    return {log.past(number).state for number, step in numbered if not step.tells_itself}


async def _look(number: int, step: Step, log: Log, context: JobContext) -> Look:
    past, effect = log.past(number), step.effect
    look = await step.look(past, context)
    if look.standing == "changed":
        raise PlanStale(f"{effect.target} changed since the plan: {effect.before} -> {look.found}")
    if look.standing == "unknown":
        note = f"{effect.target} was begun and its end is not known ({look.found or past.note})"
        await log.write(number, "needs_person", note)
        raise NeedsPerson(note, hint="look at the target, then retry the job or undo by hand")
    return look


async def _do(number: int, step: Step, log: Log, context: JobContext) -> None:
    look, past = await _look(number, step, log, context), log.past(number)
    if look.standing == "after":
        if past.is_open:
            await step.finish(context)
            await log.write(number, "done")
        return
    note = past.note if past.is_open else await step.prepare(context)
    await log.write(number, "begun", note)
    try:
        await step.carry_out(context)
    except PlanStale:
        # What an earlier attempt had started may have come in between.
        if (await _look(number, step, log, context)).standing != "after":
            raise
    except (ChangeUndone, NotReached) as error:
        await log.write(number, "refused", error.message)
        raise
    await log.write(number, "done")


async def _confirm(number: int, step: Step, log: Log, context: JobContext) -> None:
    look = await step.look(log.past(number), context)
    if look.standing != "after":
        effect = step.effect
        raise HandlerFailed(f"{effect.target} is {look.found}, planned was {effect.after}")


async def _after_failure(
    rollout: Rollout, error: JobForgeError, log: Log, context: JobContext
) -> None:
    """Take back, unless another attempt can go on from what cannot be sent twice."""
    is_sent = bool(_states_of_silent(rollout, log) - {None, "refused"})
    if error.is_retryable and is_sent and not context.job.is_last_attempt:
        return
    if rollout.can_be_undone:
        await _take_back(rollout, error.message, log, context, is_partial=True)


async def take_back(rollout: Rollout, reason: str, context: JobContext) -> None:
    """Take every step of an executed job back; what somebody else changed since is left as it is.

    Another job may have done the steps, whose journal this one does not see.

    Raises:
        PlanStale: somebody changed a target after us; all others are put back first.
        NeedsPerson: a step cannot be taken back, or nobody can tell whether it took effect.
        HandlerFailed: a pre-image is missing or damaged.
    """
    log = await Log.read(context, is_done_elsewhere=True)
    await _take_back(rollout, reason, log, context, is_partial=False)


async def _take_back(
    rollout: Rollout, reason: str, log: Log, context: JobContext, *, is_partial: bool
) -> None:
    await log.write(None, "rolling_back", reason)
    foreign: list[str] = []
    stuck: list[str] = []
    for number, step in reversed(rollout.in_order):
        past, effect = log.past(number), step.effect
        if past.state is None:
            continue
        look = await step.look(past, context)
        is_done = look.standing in {"after", "unfinished"}
        if look.standing == "changed":
            foreign.append(f"{effect.target} changed since: {effect.after} -> {look.found}")
        elif look.standing == "unknown" or (is_done and step.reversal == "impossible"):
            stuck.append(effect.target)
        elif is_done and step.reversal == "exact":
            await log.write(number, "undo_begun", past.note)
            await step.take_back(context)
            await log.write(number, "undone")
    if stuck:
        note = f"taken back ({reason}) but for {', '.join(stuck)}"
        await log.write(None, "needs_person", note)
        raise NeedsPerson(note, hint="look at these targets and put them right by hand")
    await log.write(None, "rolled_back", reason)
    # A foreign change is no error where it is what the rollout stumbled over.
    if foreign and not is_partial:
        raise PlanStale("; ".join(foreign))


async def confirm_all(rollout: Rollout, context: JobContext) -> None:
    """Look at every target again and write down that all is as planned.

    Raises:
        HandlerFailed: a target is not as planned.
    """
    log = await Log.read(context)
    for number, step in rollout.in_order:
        await _confirm(number, step, log, context)
    await log.write(None, "verified")


async def look_at_all(rollout: Rollout, context: JobContext) -> list[str | None]:
    """What each target shows now, in the order of the plan."""
    log = await Log.read(context)
    looks = [await step.look(log.past(n), context) for n, step in enumerate(rollout.steps)]
    return [look.found for look in looks]
