"""What a module written in JavaScript does to make its JSON and its hashes, worked out again."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

Json = dict[str, Any]


_COLLATION = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789" + "".join(
    pair for letter in "abcdefghijklmnopqrstuvwxyz" for pair in (letter, letter.upper())
)


def js_number(value: float) -> str:
    """ECMA-262 Number::toString, from the shortest digits that `repr` finds."""
    if value == 0:
        return "0"
    sign, digits_tuple, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    digits, point = "".join(map(str, digits_tuple)), len(digits_tuple) + exponent
    if 0 < point <= 21:
        text = digits.ljust(point, "0")
        text = text if len(digits) <= point else f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        text = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return ("-" if sign else "") + text


def js_text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def compare_code_units(left: str, right: str) -> int:
    a, b = left.encode("utf-16-be"), right.encode("utf-16-be")
    return (a > b) - (a < b)


def compare_locale(left: str, right: str) -> int:
    """`localeCompare` for printable ASCII: letters first without case, then small ones first."""
    without_case = (
        [_COLLATION.index(c) for c in left.lower()],
        [_COLLATION.index(c) for c in right.lower()],
    )
    with_case = [_COLLATION.index(c) for c in left], [_COLLATION.index(c) for c in right]
    a, b = with_case if without_case[0] == without_case[1] else without_case
    return (a > b) - (a < b)


def js_json(value: object, compare: Callable[[str, str], int] = compare_code_units) -> str:
    """`JSON.stringify` of an object rebuilt with its keys in order."""
    match value:
        case None | True | False:
            return json.dumps(value)
        case str():
            return js_text(value)
        case int() | float():
            return js_number(float(value))
        case list():
            return "[" + ",".join(js_json(item, compare) for item in value) + "]"
        case dict():
            names = sorted(value, key=functools.cmp_to_key(compare))
            indices = [n for n in names if re.fullmatch("0|[1-9][0-9]*", n) and int(n) < 2**32 - 1]
            ordered = sorted(indices, key=int) + [n for n in names if n not in indices]
            members = (f"{js_text(n)}:{js_json(value[n], compare)}" for n in ordered)
            return "{" + ",".join(members) + "}"
        case _:
            raise TypeError(type(value))


def sha(value: object, compare: Callable[[str, str], int] = compare_code_units) -> str:
    return hashlib.sha256(js_json(value, compare).encode()).hexdigest()


def pick(source: Json, *names: str) -> Json:
    return {name: source[name] for name in names if name in source}


def drop(source: Json, *names: str) -> Json:
    return {name: value for name, value in source.items() if name not in names}
