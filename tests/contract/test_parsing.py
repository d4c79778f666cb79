"""Bytes in, one document out, or a refusal that names the place."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.contract.canonical import canonical_bytes, digest_of
from jobforge.contract.errors import ContractViolation
from jobforge.contract.parsing import JsonValue, parse_json

DEEPEST = b"[" * 32 + b"]" * 32


def refusal_of(raw: bytes) -> tuple[str, str, str]:
    with pytest.raises(ContractViolation) as caught:
        parse_json(raw)
    return caught.value.refusal_code, caught.value.pointer or "", caught.value.message


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b'{"a": 1, "a": 1}', "/a"),
        (b'{"a": [0, {"b/c": 1, "x": 2, "b/c": 3}]}', "/a/1/b~1c"),
        (b'{"a": {"b": 1, "b": 2}, "a": 3}', "/a"),
        (b'{"a": 1, "\\u0061": 2}', "/a"),
    ],
)
def test_a_key_that_comes_twice_is_refused_where_it_stands(raw: bytes, pointer: str) -> None:
    code, found, _ = refusal_of(raw)

    assert (code, found) == ("DUPLICATE_JSON_KEY", pointer)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_not_finite_are_refused(text: str) -> None:
    code, pointer, _ = refusal_of(f'{{"a": [1, {text}]}}'.encode())

    assert (code, pointer) == ("BUNDLE_INVALID", "/a/1")


@pytest.mark.parametrize(
    "text",
    ["9007199254740992", "-9007199254740992", "1e17", "9007199254740992.0", "9" * 5000, "1e20"],
)
def test_integers_of_two_to_the_53_and_more_are_refused_with_advice(text: str) -> None:
    code, pointer, message = refusal_of(f'{{"id": {text}}}'.encode())

    assert (code, pointer) == ("BUNDLE_INVALID", "/id")
    assert "send it as a string" in message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740991", 9007199254740991),
        ("-9007199254740991", -9007199254740991),
        ("5.0", 5),
        ("1e3", 1000),
        ("-0", 0),
        ("-0.0", 0),
        ("0.1", 0.1),
        ("1e21", 1e21),
        ("1e-7", 1e-7),
        ("1e-400", 0),
    ],
)
def test_a_number_is_an_integer_where_its_value_is_one(text: str, value: float) -> None:
    found = parse_json(text.encode())

    assert (found, type(found)) == (value, type(value))
    assert str(found) == str(value)


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b'{"a": ["\\ud800"]}', "/a/0"),
        (b'{"a": "\\udc00\\ud800"}', "/a"),
        (b'{"a": {"\\ud800": 1}}', "/a"),
        (b'{"\\ud800": 1, "\\ud800": 2}', ""),
    ],
)
def test_an_unpaired_surrogate_is_refused(raw: bytes, pointer: str) -> None:
    code, found, message = refusal_of(raw)

    assert (code, found) == ("BUNDLE_INVALID", pointer)
    assert "surrogate" in message


def test_a_surrogate_pair_is_one_character() -> None:
    assert parse_json(b'["\\ud83d\\ude00 \\\\ud800"]') == ["\U0001f600 \\ud800"]


def test_the_null_character_is_refused() -> None:
    code, pointer, message = refusal_of(b'{"a": {"b": "x\\u0000"}}')

    assert (code, pointer) == ("BUNDLE_INVALID", "/a/b")
    assert "U+0000" in message


def test_bytes_that_are_not_utf_8_are_refused_with_line_and_column() -> None:
    code, pointer, message = refusal_of(b'{\n "a": ["x", "\xff"]}')

    assert (code, pointer) == ("BUNDLE_INVALID", "/a/1")
    assert message.startswith("line 2, column 14")


def test_utf_16_is_refused() -> None:
    code, _, _ = refusal_of('{"a": 1}'.encode("utf-16"))

    assert code == "BUNDLE_INVALID"


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_a_second_byte_order_mark_is_refused() -> None:
    code, _, _ = refusal_of(b"\xef\xbb\xbf\xef\xbb\xbf[]")

    assert code == "BUNDLE_INVALID"


@pytest.mark.parametrize(
    ("raw", "pointer", "place"),
    [
        (b"", "", "line 1, column 1"),
        (b'{"a": [1, 2 3]}', "/a/1", "line 1, column 13"),
        (b'{\n"a": {\n  "b": tru}}', "/a/b", "line 3, column 8"),
        (b'{"a" 1}', "", "line 1, column 6"),
        (b'{"k\\u00e9": x}', "/k\u00e9", "line 1, column 13"),
        (b"[1] 2", "", "line 1, column 5"),
        (b'["a\nb"]', "/0", "line 1, column 4"),
        (b"{'a': 1}", "", "line 1, column 2"),
        (b'{"a": "open', "/a", "line 1, column 7"),
        (b'{"\\ud800": x}', "/?", "line 1, column 12"),
    ],
)
def test_a_syntax_fault_is_named_by_pointer_line_and_column(
    raw: bytes, pointer: str, place: str
) -> None:
    code, found, message = refusal_of(raw)

    assert (code, found) == ("BUNDLE_INVALID", pointer)
    assert message.startswith(place + ":")


def test_thirty_two_levels_are_taken_and_the_next_one_is_named() -> None:
    parse_json(DEEPEST)

    code, pointer, _ = refusal_of(b'{"a": [1, ' + b"[" * 31 + b"]" * 31 + b"]}")

    assert (code, pointer) == ("TOO_DEEP", "/a/1" + "/0" * 30)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":[' * 50_000 + b"]}" * 50_000,
    ],
)
def test_a_hundred_thousand_levels_are_refused_without_recursion(raw: bytes) -> None:
    code, _, _ = refusal_of(raw)

    assert code == "TOO_DEEP"


def test_brackets_inside_texts_do_not_count() -> None:
    assert parse_json(json.dumps(["[" * 99, '"{\\"' * 99]).encode())


def test_a_document_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(ContractViolation) as caught:
        parse_json(b"not json at all", max_bytes=14)

    assert caught.value.refusal_code == "TOO_LARGE"


def test_eight_mebibytes_are_taken_and_one_byte_more_is_not() -> None:
    text = b'"' + b"x" * (8 * 1024 * 1024 - 2) + b'"'

    parse_json(text)

    assert refusal_of(text + b" ")[0] == "TOO_LARGE"


@pytest.mark.parametrize(
    "raw",
    [
        b'"' + b'\\"' * 3_000_000,
        b"[" + b"[]," * 1_000_000 + b"[" * 40,
        b"[" + b"1," * 1_000_000 + b'"\\u0000"]',
        b'{"a":' + b" " * 7_000_000 + b"x",
    ],
)
def test_hostile_documents_cost_seconds_at_most(raw: bytes) -> None:
    started = time.perf_counter()

    with pytest.raises(ContractViolation):
        parse_json(raw)

    assert time.perf_counter() - started < 6


def test_a_bundle_of_a_hundred_requests_takes_a_few_milliseconds_at_most() -> None:
    request = {"id": "r", "payload": {"targets": ["https://example.com"], "depth": 1, "x": 0.5}}
    raw = json.dumps({"requests": [request] * 100}, indent=2).encode()

    def seconds() -> float:
        started = time.perf_counter()
        parse_json(raw)
        return time.perf_counter() - started

    # Measured: 0.3 ms; the bound leaves room for a busy machine.
    assert min(seconds() for _ in range(20)) < 0.005


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, max_value=9e15, min_value=-9e15)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
)
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(KEYS, children, max_size=4),
    max_leaves=12,
)


def same(left: object, right: object) -> bool:
    """Equal, and of the same types all the way down."""
    return left == right and repr(left) == repr(right)


@given(VALUES)
def test_reading_the_canonical_form_gives_the_same_value_again(value: JsonValue) -> None:
    first = parse_json(json.dumps(value).encode())

    assert same(parse_json(canonical_bytes(first)), _in_canonical_order(first))


def _in_canonical_order(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return {name: _in_canonical_order(value[name]) for name in names}
    return [_in_canonical_order(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_the_digest_does_not_depend_on_white_space_or_spelling(value: JsonValue) -> None:
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    spread = json.dumps(value, indent=3, ensure_ascii=True).encode()

    assert digest_of(parse_json(compact)) == digest_of(parse_json(spread))


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_refusal(raw: bytes) -> None:
    try:
        parse_json(raw)
    except ContractViolation as refusal:
        f"{refusal.message} {refusal.pointer}".encode()


JSON_PIECES = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"a"',
        '"a',
        "1",
        "1e999",
        "-",
        "NaN",
        "null",
        '"\\ud800"',
        "\\",
        " ",
    ]
)


@given(st.lists(JSON_PIECES, max_size=20).map("".join))
def test_anything_like_json_gives_what_json_gives_or_a_refusal(text: str) -> None:
    try:
        found = parse_json(text.encode())
    except ContractViolation:
        return

    assert found == json.loads(text)
