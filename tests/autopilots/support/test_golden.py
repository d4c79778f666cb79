"""Every file in golden/ is a payload and what comes out of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobforge.autopilots import support
from jobforge.core.job_type import JobType
from jobforge.testing import MemoryContext

CASES = sorted((Path(__file__).parent / "golden").glob("*.json"))
JOB_TYPES = {
    value.name: value
    for value in map(support.__dict__.get, support.__all__)
    if isinstance(value, JobType)
}


def same(expected: Any, actual: Any) -> bool:  # noqa: ANN401 - JSON enters here
    """Equal, with floats within 0.02: linear algebra differs a little between machines."""
    if isinstance(expected, dict):
        return expected.keys() == actual.keys() and all(
            same(value, actual[key]) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    if isinstance(expected, float):
        return abs(expected - float(actual)) <= 0.02
    return bool(expected == actual)


@pytest.mark.parametrize(
    "case", [json.loads(path.read_text()) for path in CASES], ids=[path.stem for path in CASES]
)
async def test_golden_case(case: dict[str, Any]) -> None:
    job_type = JOB_TYPES[case["job_type"]]
    assert job_type.handle is not None

    result = await job_type.handle(job_type.parse_payload(case["payload"]), MemoryContext())

    assert same(case["result"], json.loads(result.model_dump_json()))


def test_every_job_type_has_a_golden_case() -> None:
    covered = {json.loads(path.read_text())["job_type"] for path in CASES}

    assert covered == set(JOB_TYPES)
