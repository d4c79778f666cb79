from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobforge.autopilots import support
from jobforge.core.job_type import JobType

PAGES = Path(__file__).parents[3] / "docs" / "reference" / "job-types"
GOLDEN = Path(__file__).parent / "golden"
VERBS = sorted(
    value.name.rsplit(".", 1)[1]
    for value in map(support.__dict__.get, support.__all__)
    if isinstance(value, JobType)
)


@pytest.mark.parametrize("verb", VERBS)
def test_a_page_shows_the_golden_case_as_it_is(verb: str) -> None:
    page = (PAGES / f"support.{verb}.md").read_text()
    case = json.loads((GOLDEN / f"{verb}.json").read_text())

    payload, result = map(json.loads, re.findall(r"```json\n(.*?)\n```", page, re.DOTALL))

    assert (payload, result) == (case["payload"], case["result"])


@pytest.mark.parametrize("verb", VERBS)
def test_a_page_names_every_field_of_the_payload(verb: str) -> None:
    page = (PAGES / f"support.{verb}.md").read_text()
    job_type = getattr(support, verb.upper())
    passed_on = {"proposal_id", "proposed_title", "triage_result_id", "urgency", "triage_topics"}

    fields = set(job_type.payload.model_fields) - passed_on

    assert [name for name in sorted(fields) if name not in page] == []
