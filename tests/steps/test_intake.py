"""Looking at what a bundle would do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.application import Text, echo, make_type, open_harness, say

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import InvalidInput
from jobforge.core.job_type import ActionSteps


async def stumble(_: Text, __: JobContext) -> tuple[PlannedEffect, ...]:
    raise KeyError("replicas")


async def never(_: Text, __: tuple[PlannedEffect, ...], ___: JobContext) -> Any:  # noqa: ANN401 (unused)
    raise AssertionError


STUMBLING = replace(
    make_type("stumbling", echo),
    handle=None,
    scopes=frozenset({"ops:write"}),
    action=ActionSteps(stumble, never, never, None, "it never does anything"),
)


async def test_an_action_that_stumbles_over_its_plan_takes_nothing_else_with_it(
    database_access: DatabaseAccess, tmp_path: Path
) -> None:
    async with open_harness(database_access, tmp_path, job_types=[STUMBLING]) as app:
        raw = app.bundle(say(1), say(2, job_type=STUMBLING.name))

        done = await app.execute(raw, on_policy_failure="deny_actions")

        with pytest.raises(InvalidInput, match="what say-2 would change cannot be told: KeyError"):
            await app.issue(raw)

    assert [child.code for child in done.child_runs] == [None, "POLICY_TOKEN_REQUIRED"]
