"""What `types show` tells about a job type can be taken at its word."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jobforge.bootstrap import load_catalog

if TYPE_CHECKING:
    from tests.entrypoints.cli.conftest import CommandLine

FIRST_TYPES = [
    "autopilot.finops.reconcile",
    "autopilot.growth.seo_scan",
    "autopilot.ops.apply",
    "autopilot.ops.scan",
    "autopilot.support.triage",
    "jobforge.undo",
]


@pytest.mark.parametrize("name", FIRST_TYPES)
def test_a_job_type_shows_examples_of_payload_and_result(bare_cli: CommandLine, name: str) -> None:
    shown = bare_cli("types", "show", name, "--json").json

    assert shown["payload"]["examples"]
    assert shown["result"]["examples"]


@pytest.mark.parametrize("name", FIRST_TYPES)
def test_every_example_of_a_result_has_the_form_of_a_result(name: str) -> None:
    job_type = load_catalog().find(name)
    assert job_type is not None

    for example in job_type.result_examples:
        read = job_type.result.model_validate_json(json.dumps(example))
        assert read.model_dump(mode="json") == example
