"""What came of a run is a graph from who asked to what was changed and stored."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest
from tests.application import Harness, change, look, say

from jobforge.core.errors import Missing


async def test_the_graph_leads_from_who_asked_to_files_and_artifacts(app: Harness) -> None:
    requests = (say(1), change(2), look(3, job_type="autopilot.ops.invented"))
    raw = app.bundle(*requests)
    result = await app.execute(raw, token=(await app.issue(raw)).token)
    await app.work()
    assert result.bundle_run_id is not None

    graph = await app.app.show_impact(result.bundle_run_id, app.tenant)

    kinds = Counter(node.kind for node in graph.nodes.values())
    assert kinds == {
        "actor": 1, "module": 1, "bundle": 1, "plan": 1, "job": 3, "effect": 1, "artifact": 1,
    }  # fmt: skip
    states = {n.label.partition(" ")[0]: n.state for n in graph.nodes.values() if n.kind == "job"}
    assert states == {"say-1": "executed", "change-2": "executed", "look-3": "denied"}
    job = next(n for n in graph.nodes.values() if n.label.startswith("change-2"))
    assert (job.node_id, "effect:file-2.txt") in graph.edges


async def test_what_was_planned_and_never_done_had_no_effect(app: Harness) -> None:
    raw = app.bundle(change(1))
    result = await app.execute(raw, token=(await app.issue(raw)).token)
    app.switch(autopilot_jobs=True, action_jobs=False)
    await app.work()
    assert result.bundle_run_id is not None

    graph = await app.app.show_impact(result.bundle_run_id, app.tenant)

    assert "effect" not in {node.kind for node in graph.nodes.values()}


async def test_another_tenants_run_is_missing(app: Harness) -> None:
    other = await app.new_tenant("other")
    result = await app.execute(app.bundle(look(1)))

    for run_id in (UUID(int=7), result.bundle_run_id):
        assert run_id is not None
        with pytest.raises(Missing, match="there is no run"):
            await app.app.show_impact(run_id, other)
