"""Canonical JSON: one spelling, one digest."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.test_parsing import VALUES

from jobforge.contract.canonical import canonical_bytes, checksum_of, digest_of
from jobforge.contract.parsing import JsonValue, parse_json
from jobforge.contract.pointer import to_pointer


def test_the_example_of_rfc_8785_is_written_as_the_rfc_writes_it() -> None:
    # RFC 8785 section 3.2.2, without its number 333333333.33333329 for which it is silent on type
    raw = (
        rb'{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
        rb' "string": "\u20ac$\u000F\u000aA'
        rb"'\u0042\u0022\u005c\\\"\/"
        rb'", "literals": [null, true, false]}'
    )

    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_bytes(parse_json(raw)) == expected.encode()


def test_a_digest_names_its_algorithm() -> None:
    assert checksum_of(b"abc") == (
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert digest_of({"b": 1, "a": [1.5]}) == checksum_of(b'{"a":[1.5],"b":1}')


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), float("inf"), {1: 2}, {"a": {1}}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_bytes(value)


@given(VALUES, st.randoms())
def test_the_digest_does_not_depend_on_the_order_of_keys(value: JsonValue, chance: object) -> None:
    first = parse_json(json.dumps(value).encode())

    assert digest_of(_shuffled(first, chance)) == digest_of(first)


def _shuffled(value: JsonValue, chance: object) -> JsonValue:
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
        return {name: _shuffled(value[name], chance) for name in names}
    return [_shuffled(item, chance) for item in value] if isinstance(value, list) else value


@given(VALUES, VALUES)
def test_two_documents_share_a_digest_only_if_they_are_equal(
    left: JsonValue, right: JsonValue
) -> None:
    a, b = parse_json(json.dumps(left).encode()), parse_json(json.dumps(right).encode())

    assert (digest_of(a) == digest_of(b)) == (
        json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    )


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [([], ""), (["a", 0, "b"], "/a/0/b"), (["~/", ""], "/~0~1/"), (["\u00e9"], "/\u00e9")],
)
def test_pointers_are_escaped_as_rfc_6901_says(parts: list[str | int], pointer: str) -> None:
    assert to_pointer(parts) == pointer
