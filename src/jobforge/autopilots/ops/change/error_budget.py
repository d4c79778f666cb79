"""How much may go wrong while waves go out: probes between the waves, and how many may fail."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import Field, model_validator

from jobforge.autopilots.ops.live.prometheus import PrometheusQuery, check_prometheus
from jobforge.core.context import HttpRequest, JobContext
from jobforge.core.errors import ChangeUndone, TargetUnavailable
from jobforge.core.model import Model

_BAD_STATUS = 400


class ErrorBudget(Model):
    """After each wave every probe is asked `rounds` times; more failures than allowed stop it."""

    urls: tuple[str, ...] = Field(
        default=(), max_length=20, description="Each must answer with a status below 400."
    )
    prometheus: tuple[PrometheusQuery, ...] = Field(
        default=(), max_length=20, description="Each must stay within its bounds."
    )
    allowed_failures: int = Field(default=0, ge=0, le=10_000, description="Over all waves.")
    rounds: int = Field(default=1, ge=1, le=100)
    pause_seconds: float = Field(default=0.0, ge=0, le=60, description="Before each round.")
    timeout_seconds: float = Field(default=5.0, gt=0, le=30)

    @model_validator(mode="after")
    def _has_something_to_ask(self) -> ErrorBudget:
        if not self.urls and not self.prometheus:
            raise ValueError("an error budget names urls or prometheus queries to ask")
        return self


@dataclass
class Spending:
    """What was spent of the budget so far, over all waves of one attempt."""

    failures: list[str] = field(default_factory=list)

    async def judge(self, budget: ErrorBudget, context: JobContext) -> None:
        """Ask every probe after a wave.

        Raises:
            ChangeUndone: more failed than the budget allows.
            EgressDenied: a probe may not be reached; that says nothing about the change.
        """
        for _ in range(budget.rounds):
            await asyncio.sleep(budget.pause_seconds)
            self.failures += await _ask(budget, context)
            if len(self.failures) > budget.allowed_failures:
                raise ChangeUndone(
                    f"the error budget is spent: {len(self.failures)} probes failed, allowed are "
                    f"{budget.allowed_failures}; the last: {self.failures[-1]}"
                )


async def _ask(budget: ErrorBudget, context: JobContext) -> list[str]:
    timeout = timedelta(seconds=budget.timeout_seconds)
    failures = []
    for url in budget.urls:
        try:
            answer = await context.http.fetch(HttpRequest(url=url, timeout=timeout))
        except TargetUnavailable as error:
            failures.append(error.message)
            continue
        if answer.status >= _BAD_STATUS:
            failures.append(f"{url} answered {answer.status}")
    for query in budget.prometheus:
        failures += await _ask_prometheus(query, timeout, context)
    return failures


async def _ask_prometheus(
    query: PrometheusQuery, timeout: timedelta, context: JobContext
) -> list[str]:
    try:
        answer = await context.http.fetch(HttpRequest(url=query.address, timeout=timeout))
        found = list(check_prometheus(query, answer))
    except TargetUnavailable as error:
        return [error.message]
    return [f"{finding.resource}: {finding.evidence}" for finding in found]
