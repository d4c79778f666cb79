"""`HandlerRunner` in the worker's own process, for handlers that wait more than they compute."""

from __future__ import annotations

import asyncio

from jobforge.adapters.runtime.calling import call_handler
from jobforge.core.catalog import AnyJobType
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import TimeLimit
from jobforge.core.model import Model


class InlineRunner:
    """Awaits the handler here. The time limit cancels it at its next await."""

    async def run(
        self,
        job_type: AnyJobType,
        payload: Model,
        effects: tuple[PlannedEffect, ...],
        context: JobContext,
    ) -> Model:
        """Run the handler, or apply and verify the action, within its time limit."""
        seconds = job_type.timeout.total_seconds()
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await call_handler(job_type, payload, effects, context)
        except TimeoutError:
            if not limit.expired():
                raise  # the handler's own, of something it waited for
            raise TimeLimit(f"stopped after {seconds:g} seconds, its time limit") from None
