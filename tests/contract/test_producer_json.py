"""The modules' own JSON, held against what V8 12 (Node 20.20) writes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract import producers
from tests.contract.test_parsing import VALUES

from jobforge.contract.parsing import JsonValue, parse_json
from jobforge.contract.producer_json import by_locale, producer_hash, producer_json

# node -e 'for (const x of […]) console.log(JSON.stringify(x))'
NUMBERS = {
    "1e21": "1e+21",
    "1.5e21": "1.5e+21",
    "123456789012345680000000": "1.2345678901234569e+23",
    "1e-7": "1e-7",
    "0.000001": "0.000001",
    "0.0000015": "0.0000015",
    "1.5e-7": "1.5e-7",
    "-0": "0",
    "-0.0": "0",
    "5.0": "5",
    "1.10": "1.1",
    "100e-2": "1",
    "9007199254740991": "9007199254740991",
    "5e-324": "5e-324",
    "1.7976931348623157e308": "1.7976931348623157e+308",
    "0.1e1": "1",
    "123456.789": "123456.789",
    "-2.5e-10": "-2.5e-10",
}


@pytest.mark.parametrize(("text", "written"), NUMBERS.items())
def test_numbers_are_written_as_ecmascript_writes_them(text: str, written: str) -> None:
    if "." not in text and len(text) > 16:
        text += "e0"

    assert producer_json(parse_json(text.encode())) == written


# node -e 'let o = {}; for (const k of keys.sort()) o[k] = 0; console.log(Object.keys(o))'
def test_keys_that_are_array_indices_come_first_by_value() -> None:
    keys = ["b", "10", "9", "4294967294", "4294967295", "01", "-1", "1.5", "0", "\u0661", "Z", " "]

    written = producer_json(dict.fromkeys(keys, 0))

    expected = [
        "0",
        "9",
        "10",
        "4294967294",
        " ",
        "-1",
        "01",
        "1.5",
        "4294967295",
        "Z",
        "b",
        "\u0661",
    ]
    assert list(json.loads(written)) == expected


# node -e 'console.log(keys.sort())'
def test_keys_are_sorted_by_utf_16_code_unit() -> None:
    keys = ["\U0001f600", "\ue000", "\uffff", "z", "Z", "_", "\u00e9"]

    written = producer_json(dict.fromkeys(keys, 0))

    assert list(json.loads(written)) == ["Z", "_", "z", "\u00e9", "\U0001f600", "\ue000", "\uffff"]


# node -e 'console.log(keys.sort((a, b) => a.localeCompare(b)))'
LOCALE_ORDER = (
    " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ"
)
LOCALE_WORDS = [
    "a",
    "A",
    "a b",
    "a_b",
    "a-b",
    "a1",
    "a10",
    "a2",
    "ab",
    "aB",
    "Ab",
    "b",
    "B",
    "e",
    "z",
]


def test_single_characters_are_sorted_as_locale_compare_sorts_them() -> None:
    shuffled = sorted(LOCALE_ORDER)

    assert "".join(by_locale(shuffled)) == LOCALE_ORDER


def test_words_are_sorted_as_locale_compare_sorts_them() -> None:
    shuffled = sorted(LOCALE_WORDS)

    assert by_locale(shuffled) == LOCALE_WORDS


def test_control_characters_are_ignored_as_locale_compare_ignores_them() -> None:
    assert by_locale(["b", "a\x01c", "ab"]) == ["ab", "a\x01c", "b"]


def test_keys_outside_ascii_fall_back_to_code_units() -> None:
    assert by_locale(["\u00e9", "z", "Z"]) == ["Z", "z", "\u00e9"]


@given(st.lists(st.text("abcxyz_", max_size=6), unique=True))
def test_both_orders_agree_on_the_keys_that_modules_write(keys: list[str]) -> None:
    assert by_locale(keys) == sorted(keys)


@given(VALUES)
def test_two_writers_agree(value: JsonValue) -> None:
    parsed = parse_json(json.dumps(value).encode())

    assert producer_json(parsed) == producers.js_json(parsed)


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6)


@given(st.dictionaries(PRINTABLE, st.integers(0, 9)))
def test_two_writers_agree_in_locale_order(value: dict[str, JsonValue]) -> None:
    assert producer_json(value, by_locale) == producers.js_json(value, producers.compare_locale)


def test_the_hash_is_the_sha_256_of_the_utf_8_text() -> None:
    # node -e 'crypto.createHash("sha256").update(JSON.stringify({"a":"é","b":[1e-7]}))…'
    expected = "d9a1e613be8c4c8f49e7bfc147df55a76a9b0ccbba077b2f7f5098f934f0c6a1"

    assert producer_hash({"b": [1e-7], "a": "\u00e9"}) == expected


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set is no JSON value"):
        producer_json({"a": {1}})
