"""Genuine bundles of the four public modules, on the way from their bytes to a decision."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from jobforge.contract.codes import ChildCode
from jobforge.contract.dialects import TranslatedBundle, read_bundle
from jobforge.core.admission import Caller, CallerTenant, PreparedBundle, admit, prepare
from jobforge.testing.admission import CALLER, CATALOG, FACTS, PROJECT_ID, TENANT_ID, unmasked

FOLDER = Path(__file__).parents[4] / "shared" / "bundles"
MODULES = ("ops", "support", "growth", "finops")

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the sample bundles are not here")


def raw_of(module: str) -> bytes:
    return (FOLDER / f"{module}-autopilot" / "request-bundle.json").read_bytes()


def owner_of(bundle: TranslatedBundle) -> Caller:
    """The tenant that the bundle names, with the bundle's project."""
    projects = {} if bundle.project is None else {bundle.project: PROJECT_ID}
    tenant = CallerTenant(TENANT_ID, "owner", frozenset({bundle.tenant}))
    return replace(CALLER, tenant=tenant, projects=projects)


def ready(raw: bytes) -> PreparedBundle:
    bundle = read_bundle(raw)
    return prepare(bundle, CATALOG, owner_of(bundle), mask=unmasked)


@pytest.mark.parametrize("module", MODULES)
def test_its_plan_does_not_depend_on_key_order_or_whitespace(module: str) -> None:
    raw = raw_of(module)
    respelled = json.dumps(json.loads(raw), sort_keys=True, indent=5).encode()

    assert ready(raw).plan.digest == ready(respelled).plan.digest


@pytest.mark.parametrize("module", MODULES)
def test_a_type_we_do_not_have_is_the_only_thing_wrong_with_it(module: str) -> None:
    prepared = ready(raw_of(module))

    admission = admit(prepared, FACTS)

    assert prepared.requests
    assert {d.code for d in admission.decisions} == {ChildCode.UNKNOWN_JOB_TYPE}


@pytest.mark.parametrize("module", MODULES)
def test_another_tenant_gets_nothing_of_it(module: str) -> None:
    bundle = read_bundle(raw_of(module))
    stranger = replace(owner_of(bundle), tenant=CallerTenant(UUID(int=5), "stranger"))

    admission = admit(prepare(bundle, CATALOG, stranger, mask=unmasked), FACTS)

    assert {d.code for d in admission.decisions} == {ChildCode.TENANT_MISMATCH}
