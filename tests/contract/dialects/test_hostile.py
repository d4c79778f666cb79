"""Whatever is done to a document, it is read as it was meant or refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.dialects.documents import MODULES, parent_of, refusal_of
from tests.contract.producers import BUNDLES, REPORTS, encode

from jobforge.contract.dialects import read_bundle, read_report
from jobforge.contract.errors import ContractViolation


def leaves(value: object, pointer: str = "") -> list[str]:
    """The pointers of all values that are no containers."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key], f"{pointer}/{key}")]
    if isinstance(value, list):
        return [leaf for n, item in enumerate(value) for leaf in leaves(item, f"{pointer}/{n}")]
    return [pointer]


@pytest.mark.parametrize("module", MODULES)
@settings(max_examples=50)
@given(data=st.data())
def test_any_changed_value_anywhere_is_refused(module: str, data: st.DataObject) -> None:
    document = BUNDLES[module]()
    unhashed = ("/canonicalization", "/hash", "/canonical_hash")
    places = [place for place in leaves(document) if not place.startswith(unhashed)]
    holder, place = parent_of(document, data.draw(st.sampled_from(places)))
    old = holder[place]
    new = data.draw(
        st.one_of(st.integers(-5, 5), st.text(max_size=3), st.booleans(), st.none()).filter(
            lambda value: json.dumps(value) != json.dumps(old) and value != old
        )
    )
    holder[place] = new

    assert refusal_of(document).refusal_code in {
        "PRODUCER_HASH_MISMATCH",
        "SCHEMA_VERSION_UNSUPPORTED",
    } | ({"BUNDLE_INVALID"} if "\x00" in str(new) else set())


WRITERS = [*BUNDLES.values(), *REPORTS.values()]


@given(st.integers(0, len(WRITERS) - 1), st.data())
def test_a_damaged_file_is_read_or_refused_never_anything_else(
    number: int, data: st.DataObject
) -> None:
    raw = bytearray(encode(WRITERS[number]()))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw) - 1))
        raw[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    for read in (read_bundle, read_report):
        try:
            read(bytes(raw))
        except ContractViolation as refusal:
            f"{refusal.refusal_code} {refusal.message} {refusal.pointer}".encode()


WORDS = (
    "requests",
    "jobs",
    "id",
    "job_id",
    "request",
    "tenant_context",
    "payload",
    "metadata",
    "hash",
    "policy",
    "report",
    "canonicalization",
    "canonical_hash",
    "schema_version",
    "version",
    "bundle_id",
    "module_id",
    "idempotency_keys",
    "tenant_id",
    "findings",
    "summary",
    "source",
    "finops",
)
STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["acme", "1.0.0", "1.0", ""]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS),
            children,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(STRANGE)
def test_documents_of_known_words_in_strange_places_are_refused(document: object) -> None:
    for read in (read_bundle, read_report):
        with pytest.raises(ContractViolation):
            read(encode(document))
