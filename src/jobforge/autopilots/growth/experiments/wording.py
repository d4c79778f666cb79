"""What a proposal says: its evidence, its stop rule, and what it would run into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from jobforge.autopilots.growth.experiments.page_clues import PageClues
from jobforge.autopilots.growth.experiments.plan import Leak, TestPlan
from jobforge.core.model import Model


class RunningExperiment(Model):
    """A test that runs already, on a step of the funnel or on a page."""

    name: str
    step: str | None = None
    page: str | None = None
    ends: date | None = None


def evidence_of(
    leak: Leak, plan: TestPlan, target_page: str | None, clues: PageClues
) -> tuple[str, ...]:
    """The numbers and the facts of the page that a proposal rests on."""
    low, high = plan.rate_interval
    lost = leak.before.users - leak.after.users
    facts = [
        f"{leak.after.users:,} of {leak.before.users:,} users go from {leak.before.name} to "
        f"{leak.after.name}: {plan.rate:.1%} (95 % interval {low:.1%} to {high:.1%}); "
        f"{lost:,} leave",
    ]
    if target_page and clues.fields:
        facts.append(f"{target_page} asks for {len(clues.fields)} fields")
    if target_page and clues.vague_action:
        facts.append(f"{target_page} has the button {clues.vague_action!r}")
    return tuple(facts)


def stop_rule(plan: TestPlan, level: float) -> str:
    """When to stop and how to decide, written before the test begins."""
    return (
        f"Stop at {plan.total_users:,} users or after {plan.days} days, whichever is later, and "
        f"decide by a two-sided test at {level:.2%}. Looking earlier is allowed with the "
        f"sequential interval planned for {plan.total_users:,} users: stop early only when it "
        "excludes 0, or when a guardrail's interval excludes 0 on the wrong side. Do not read the "
        "result when the split of users fails the ratio check (p below 0.001)."
    )


def conflicts_of(
    leak: Leak, target_page: str | None, running: Sequence[RunningExperiment]
) -> tuple[str, ...]:
    """Running tests on the same step or page: two changes at once cannot be told apart."""
    found = []
    for test in running:
        is_step = test.step in (leak.before.name, leak.after.name)
        is_page = test.page is not None and test.page == target_page
        if is_step or is_page:
            until = f" until {test.ends.isoformat()}: start after it" if test.ends else ""
            found.append(f"{test.name} runs on the same {'step' if is_step else 'page'}{until}")
    return tuple(found)
