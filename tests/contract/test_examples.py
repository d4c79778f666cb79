"""The example bundles are valid, and their payloads fit the job types they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobforge.autopilots.finops.reconcile import RECONCILE
from jobforge.autopilots.growth.seo_scan import SEO_SCAN
from jobforge.autopilots.ops.apply import APPLY
from jobforge.autopilots.ops.scan import SCAN
from jobforge.autopilots.support.triage import TRIAGE
from jobforge.contract.dialects import TranslatedBundle, read_bundle
from jobforge.core.catalog import JobCatalog
from jobforge.core.redaction import mask_secrets

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("autopilot-request-bundle", "autopilot-request-bundle-with-action")
CATALOG = JobCatalog([APPLY, RECONCILE, SCAN, SEO_SCAN, TRIAGE])


def example(name: str) -> TranslatedBundle:
    return read_bundle((EXAMPLES / f"{name}.json").read_bytes())


def job_type_of(name: str) -> Any:  # noqa: ANN401 (a job type of any payload)
    return CATALOG.find(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_payload_fits_its_job_type(name: str) -> None:
    for request in example(name).requests:
        job_type_of(request.job_type).parse_payload(request.payload)


@pytest.mark.parametrize("name", NAMES)
def test_each_request_asks_for_the_scopes_of_its_type(name: str) -> None:
    for request in example(name).requests:
        assert set(request.required_scopes) == set(job_type_of(request.job_type).scopes)
        assert request.is_flagged == job_type_of(request.job_type).is_action


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_the_examples_looks_like_a_secret(name: str) -> None:
    for request in example(name).requests:
        assert mask_secrets(request.payload)[1] == ()


def test_the_first_example_has_one_request_per_domain() -> None:
    domains = [job_type_of(r.job_type).domain for r in example(NAMES[0]).requests]

    assert domains == ["ops", "support", "growth", "finops"]


def test_both_examples_may_be_run_one_after_the_other() -> None:
    keys = [request.idempotency_key for name in NAMES for request in example(name).requests]

    assert len(set(keys)) == len(keys)


def test_the_files_that_the_examples_name_come_with_them() -> None:
    workspace = EXAMPLES / "workspace"

    assert (workspace / "site" / "index.html").is_file()
    assert (workspace / "config" / "worker.yaml").is_file()
