"""The genuine outputs of the four public modules, where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.contract.dialects.documents import first_request

from jobforge.contract.dialects import read_bundle, read_report
from jobforge.contract.errors import ContractViolation

SAMPLES = Path(__file__).parents[4] / "shared" / "bundles"
MODULES = ("ops", "support", "growth", "finops")

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="no sample bundles here")


def sample(module: str, name: str) -> bytes:
    return (SAMPLES / f"{module}-autopilot" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("module", MODULES)
def test_a_genuine_bundle_is_verified_and_translated(module: str) -> None:
    bundle = read_bundle(sample(module, "request-bundle"))

    assert (bundle.dialect, bundle.producer_hash) == (module, "verified")
    assert len(bundle.requests) > 0
    assert all(r.job_type.startswith(f"autopilot.{module}.") for r in bundle.requests)
    assert all(r.tenant == bundle.tenant for r in bundle.requests)
    assert all(r.is_flagged == (module == "ops") for r in bundle.requests)


@pytest.mark.parametrize("module", MODULES)
def test_a_genuine_report_is_verified(module: str) -> None:
    report = read_report(sample(module, "report"))

    assert (report.dialect, report.producer_hash) == (module, "verified")


@pytest.mark.parametrize("module", MODULES)
def test_one_changed_byte_in_a_genuine_payload_is_refused(module: str) -> None:
    document = json.loads(sample(module, "request-bundle"))
    payload = first_request(module, document)["payload"]
    name = next(name for name, value in payload.items() if isinstance(value, str))
    old = json.dumps(payload[name])
    raw = sample(module, "request-bundle").decode()

    changed = raw.replace(old, old[:-2] + ("x" if old[-2] != "x" else "y") + '"', 1)

    assert changed != raw
    with pytest.raises(ContractViolation) as caught:
        read_bundle(changed.encode())
    assert caught.value.refusal_code == "PRODUCER_HASH_MISMATCH"
