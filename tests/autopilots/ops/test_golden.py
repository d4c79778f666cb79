"""Golden cases: whole results of whole payloads, one file each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobforge.autopilots import ops
from jobforge.core.catalog import AnyJobType
from jobforge.core.context import HostFacts
from jobforge.testing.context import MemoryContext

FOLDER = Path(__file__).with_name("golden")
CASES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.json"))}
JOB_TYPES: dict[str, AnyJobType] = {
    getattr(ops, name).name: getattr(ops, name) for name in ops.__all__ if name.isupper()
}


async def run(case: dict[str, Any]) -> Any:  # noqa: ANN401 (a JSON value)
    job_type = JOB_TYPES[case["job_type"]]
    context = MemoryContext()
    context.data.datasets = case.get("datasets", {})
    context.workspace.files = {
        name: text.encode() for name, text in case.get("workspace", {}).items()
    }
    context.probes.tables = case.get("tables", {})
    if "host" in case:
        context.probes.host_facts = HostFacts.model_validate_json(json.dumps(case["host"]))
    given = case["payload"]
    payload = job_type.parse_payload(job_type.translate(given) if job_type.translate else given)
    if job_type.handle is not None:
        result = await job_type.handle(payload, context)
    else:
        assert job_type.action is not None
        effects = await job_type.action.plan(payload, context)
        result = await job_type.action.apply(payload, effects, context)
        await job_type.action.verify(payload, effects, context)
    return json.loads(result.model_dump_json())


@pytest.mark.parametrize("name", CASES)
async def test_a_golden_case_gives_its_result(name: str) -> None:
    case = json.loads(CASES[name])

    assert await run(case) == case["result"]


def test_every_job_type_has_a_golden_case() -> None:
    covered = {json.loads(text)["job_type"] for text in CASES.values()}

    assert covered == set(JOB_TYPES)


def test_every_example_is_a_valid_payload() -> None:
    for job_type in JOB_TYPES.values():
        assert job_type.examples
        for example in job_type.examples:
            job_type.parse_payload(example)
