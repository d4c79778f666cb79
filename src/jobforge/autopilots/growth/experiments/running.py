"""Experiments that run already: the definitions in the tenant's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jobforge.autopilots.growth.experiments.wording import RunningExperiment
from jobforge.core.context import JobContext
from jobforge.core.errors import DatasetMissing, SourceMalformed

FOLDER = "experiments"
"""Where `experiment_run` writes its definitions unless it is told another place."""


async def definitions_in(context: JobContext) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Each definition with its path; none where there is no such folder.

    Raises:
        SourceMalformed: one is not JSON.
    """
    try:
        paths = await context.workspace.list(FOLDER, suffixes=(".json",))
    except DatasetMissing:
        return ()
    return tuple([(path, await _read(path, context)) for path in paths])


async def running_in(context: JobContext) -> tuple[RunningExperiment, ...]:
    """The experiments among them that run."""
    return tuple(
        RunningExperiment(
            name=str(found.get("title") or found.get("experiment_id") or path),
            step=str(found["target_step"]) if found.get("target_step") else None,
        )
        for path, found in await definitions_in(context)
        if found.get("status") == "running"
    )


async def _read(path: str, context: JobContext) -> Mapping[str, Any]:
    try:
        found = json.loads(await context.workspace.read(path))
    except DatasetMissing:
        return {}  # taken away a moment ago
    except ValueError:
        raise SourceMalformed(f"{path} is not JSON, so conflicts cannot be told") from None
    return found if isinstance(found, dict) else {}
