"""Producer hashes and idempotency keys are held against the content."""

from __future__ import annotations

import pytest
from tests.contract.dialects.documents import (
    HASH_AT,
    KEY_AT,
    MODULES,
    first_request,
    parent_of,
    refusal_of,
    seal_of,
)
from tests.contract.producers import BUNDLES, encode

from jobforge.contract.dialects import read_bundle


@pytest.mark.parametrize("module", MODULES)
def test_one_changed_byte_in_a_payload_is_refused(module: str) -> None:
    document = BUNDLES[module]()
    payload = first_request(module, document)["payload"]
    name = next(name for name, value in payload.items() if isinstance(value, str | list))
    payload[name] = "x"

    refusal = refusal_of(document)

    assert (refusal.refusal_code, refusal.pointer) == ("PRODUCER_HASH_MISMATCH", HASH_AT[module])
    assert "producer hash" in refusal.message


@pytest.mark.parametrize("module", MODULES)
def test_a_changed_payload_under_a_new_hash_fails_at_its_key(module: str) -> None:
    document = BUNDLES[module]()
    first_request(module, document)["payload"]["more"] = 1

    refusal = refusal_of(seal_of(module)(document, rekey=False))

    assert (refusal.refusal_code, refusal.pointer) == ("PRODUCER_HASH_MISMATCH", KEY_AT[module])
    assert "idempotency key" in refusal.message


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("claimed", ["absent", None, "", 5])
def test_a_module_bundle_without_its_hash_is_refused(module: str, claimed: object) -> None:
    document = BUNDLES[module]()
    holder, name = parent_of(document, HASH_AT[module])
    if claimed == "absent":
        del holder[name]
    else:
        holder[name] = claimed

    refusal = refusal_of(document)

    assert (refusal.refusal_code, refusal.pointer) == ("PRODUCER_HASH_MISSING", HASH_AT[module])


@pytest.mark.parametrize("module", MODULES)
def test_a_module_bundle_stripped_of_every_mark_is_still_no_other_dialect(module: str) -> None:
    document = BUNDLES[module]()
    for name in ("canonicalization", "hash", "canonical_hash", "canonical_hash_algorithm"):
        document.pop(name, None)

    assert refusal_of(document).refusal_code == "PRODUCER_HASH_MISSING"


@pytest.mark.parametrize("module", MODULES)
def test_a_request_without_its_key_is_refused(module: str) -> None:
    document = BUNDLES[module]()
    holder, name = parent_of(document, KEY_AT[module])
    del holder[name]

    refusal = refusal_of(seal_of(module)(document, rekey=False))

    assert (refusal.refusal_code, refusal.pointer) == ("PRODUCER_HASH_MISSING", KEY_AT[module])


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_adds_is_kept_and_covered_by_its_hash(module: str) -> None:
    document = seal_of(module)({**BUNDLES[module](), "extra": {"deep": [1]}})

    assert read_bundle(encode(document)).metadata["extra"] == {"deep": [1]}
    document["extra"]["deep"] = [2]
    assert refusal_of(document).refusal_code == "PRODUCER_HASH_MISMATCH"


@pytest.mark.parametrize("module", MODULES)
def test_a_version_whose_rules_are_unknown_is_refused(module: str) -> None:
    refusal = refusal_of(seal_of(module)({**BUNDLES[module](), "schema_version": "9"}))

    assert (refusal.refusal_code, refusal.pointer) == (
        "SCHEMA_VERSION_UNSUPPORTED",
        "/schema_version",
    )


@pytest.mark.parametrize("module", MODULES)
def test_a_missing_tenant_is_named(module: str) -> None:
    document = BUNDLES[module]()
    del document["tenant_id"]

    refusal = refusal_of(seal_of(module)(document))

    assert (refusal.refusal_code, refusal.pointer) == ("BUNDLE_INVALID", "/tenant_id")
