"""The pages about the growth job types are complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobforge.autopilots import growth
from jobforge.autopilots.growth import list_seo_checks
from jobforge.core.job_type import JobType

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "job-types"
JOB_TYPES = [
    value for value in map(growth.__dict__.get, growth.__all__) if isinstance(value, JobType)
]


def page_of(name: str) -> str:
    return (DOCS / f"{name.removeprefix('autopilot.')}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("job_type", JOB_TYPES, ids=lambda job_type: str(job_type.name))
def test_every_field_of_the_payload_is_described(job_type: JobType) -> None:  # type: ignore[type-arg] # any of them
    page = page_of(job_type.name)

    assert page.startswith(f"# {job_type.name}\n")
    for field in job_type.payload.model_fields:
        assert f"| `{field}` |" in page
    for scope in job_type.scopes:
        assert f"Scope: `{scope}`" in page


def test_every_audit_is_listed() -> None:
    page = page_of("autopilot.growth.seo_scan")

    assert [c.audit for c in list_seo_checks() if f"| `{c.audit}` |" not in page] == []
