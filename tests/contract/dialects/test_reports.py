"""Reports of every dialect are recognised and their hashes verified."""

from __future__ import annotations

import pytest
from tests.contract.dialects.documents import HASH_AT, parent_of, seal_of
from tests.contract.producers import (
    PROJECT,
    REPORTS,
    TENANT,
    Json,
    canonical_report,
    encode,
    growth_report,
)

from jobforge.contract.dialects import read_report
from jobforge.contract.errors import ContractViolation

MODULES = ("ops", "support", "growth", "finops")


def refusal_of(document: object) -> ContractViolation:
    with pytest.raises(ContractViolation) as caught:
        read_report(encode(document))
    return caught.value


@pytest.mark.parametrize("module", MODULES)
def test_a_module_report_is_recognised_and_verified(module: str) -> None:
    report = read_report(encode(REPORTS[module]()))

    assert (report.dialect, report.producer_hash) == (module, "verified")
    assert (report.tenant, report.project, report.source_module) == ("acme", "shop", module)
    assert report.findings == 1


def test_a_canonical_report_is_checked() -> None:
    report = read_report(encode(canonical_report()))

    assert (report.dialect, report.producer_hash) == ("jobforge", "absent")
    assert (report.tenant, report.project) == (TENANT, PROJECT)


@pytest.mark.parametrize("module", MODULES)
def test_one_changed_finding_is_refused(module: str) -> None:
    document = REPORTS[module]()
    body = document.get("report", document)
    body["evidence" if module == "ops" else "findings"][0]["description"] += "!"

    refusal = refusal_of(document)

    assert (refusal.refusal_code, refusal.pointer) == ("PRODUCER_HASH_MISMATCH", HASH_AT[module])


@pytest.mark.parametrize("module", MODULES)
def test_a_module_report_without_its_hash_is_refused(module: str) -> None:
    document = REPORTS[module]()
    holder, name = parent_of(document, HASH_AT[module])
    del holder[name]

    assert refusal_of(document).refusal_code == "PRODUCER_HASH_MISSING"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_report_stripped_of_every_mark_is_no_canonical_one(module: str) -> None:
    document = REPORTS[module]()
    for name in ("canonicalization", "hash", "canonical_hash", "canonical_hash_algorithm"):
        document.pop(name, None)

    assert refusal_of(document).refusal_code == "PRODUCER_HASH_MISSING"


@pytest.mark.parametrize("module", MODULES)
def test_an_unknown_version_of_a_report_is_refused(module: str) -> None:
    document = seal_of(module)({**REPORTS[module](), "schema_version": "9"})

    assert refusal_of(document).refusal_code == "SCHEMA_VERSION_UNSUPPORTED"


@pytest.mark.parametrize("module", MODULES)
def test_a_report_without_its_tenant_is_refused_by_pointer(module: str) -> None:
    document = REPORTS[module]()
    del document["tenant_id"]

    assert refusal_of(seal_of(module)(document)).pointer == "/tenant_id"


def test_the_growth_recommendations_name_what_they_would_queue() -> None:
    report = read_report(encode(growth_report()))

    assert report.recommendations == 2
    assert report.requested_job_types == ("autopilot.growth.seo_scan",)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"module_id": "other"}, "/module_id"),
        ({"tenant_id": "acme"}, "/tenant_id"),
        ({"project_id": None}, "/project_id"),
        ({"extra": 1}, "/extra"),
        ({"created_at": "today"}, "/created_at"),
        ({"artifacts": [{"name": "a", "type": "t", "ref": "r", "size": 0}]}, "/artifacts/0/size"),
        ({"redaction_hints": {"retention_days": 0}}, "/redaction_hints/retention_days"),
    ],
)
def test_a_canonical_report_that_does_not_fit_is_named(changes: Json, pointer: str) -> None:
    refusal = refusal_of({**canonical_report(), **changes})

    assert (refusal.refusal_code, refusal.pointer) == ("BUNDLE_INVALID", pointer)


@pytest.mark.parametrize("document", [[], {}, {"report_id": "x"}, {"report": {}}])
def test_what_is_no_report_is_refused(document: object) -> None:
    assert refusal_of(document).refusal_code in {"BUNDLE_INVALID", "DIALECT_UNKNOWN"}
