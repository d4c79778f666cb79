"""The job types' pages: there is one each, its example is a golden case, its fields are named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobforge.autopilots import ops
from jobforge.core.catalog import AnyJobType

PAGES = Path(__file__).parents[3] / "docs/reference/job-types"
GOLDEN = Path(__file__).with_name("golden")
JOB_TYPES: list[AnyJobType] = [getattr(ops, name) for name in ops.__all__ if name.isupper()]


@pytest.mark.parametrize("job_type", JOB_TYPES, ids=lambda job_type: job_type.name)
def test_a_page_shows_a_real_example_and_names_every_field(job_type: AnyJobType) -> None:
    text = (PAGES / f"{job_type.name.removeprefix('autopilot.')}.md").read_text()
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", text, re.DOTALL)]
    cases = [json.loads(path.read_text()) for path in GOLDEN.glob("*.json")]

    assert text.startswith(f"# {job_type.name}\n")
    assert any(
        case["job_type"] == job_type.name
        and case["payload"] == blocks[0]
        and case["result"] == blocks[-1]
        for case in cases
    )
    told = re.findall(r"`([a-z_]+)(?:\.[a-z_]+)?`", text)
    unnamed = set(job_type.payload.model_fields) - set(told) - IDLE
    assert unnamed == set()


# What a module sends along and no job type acts on.
IDLE = {
    "action", "profile_id", "correlation_id", "report_type", "recommendation_id", "priority",
    "category", "description", "expected_impact", "implementation_effort", "anomaly_id", "service",
    "metric", "severity", "deviation_percent", "alert_group_id", "context_data",
    "requires_approval_before_each", "estimated_duration_minutes", "steps_require_manual",
    "options",
}  # fmt: skip
