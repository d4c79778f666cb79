"""The JSON that the modules hash: what `JSON.stringify` makes of an object with sorted keys.

The modules are written in JavaScript and build a new object with its keys in order. That differs
from RFC 8785 in one point: keys that are array indices come first, by value, wherever they were
put (ECMA-262, OrdinaryOwnPropertyKeys).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring as quoted

import rfc8785

from jobforge.contract.collation import collation_key

KeyOrder = Callable[[Iterable[str]], list[str]]

_FIRST_NON_INDEX = 2**32 - 1
_QUICK = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_SAME_IN_BOTH_ORDERS = re.compile("[a-z_]*")


def by_code_unit(keys: Iterable[str]) -> list[str]:
    """The order of `Array.prototype.sort`: by UTF-16 code unit."""
    found = list(keys)
    if "".join(found).isascii():
        return sorted(found)
    return sorted(found, key=lambda key: key.encode("utf-16-be"))


def by_locale(keys: Iterable[str]) -> list[str]:
    """The order of `localeCompare` where all keys are ASCII, else that of `by_code_unit`."""
    found = list(keys)
    joined = "".join(found)
    if _SAME_IN_BOTH_ORDERS.fullmatch(joined) or not joined.isascii():
        return by_code_unit(found)
    return sorted(found, key=collation_key)


def producer_json(value: object, order: KeyOrder = by_code_unit) -> str:
    """Write a JSON value, as `parse_json` gives it, without white space.

    Raises:
        TypeError: for what is no JSON value.
    """
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return _write_object(value, order)
    if isinstance(value, list | tuple):
        return "[" + ",".join([producer_json(item, order) for item in value]) + "]"
    if value is None or isinstance(value, bool | int | float):
        return _write_scalar(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def producer_hash(value: object, order: KeyOrder = by_code_unit) -> str:
    """64 hex digits: the SHA-256 of the value's producer JSON in UTF-8."""
    return hashlib.sha256(producer_json(value, order).encode()).hexdigest()


def has_producer_hash(value: object, claimed: str, order: KeyOrder = by_code_unit) -> bool:
    """Whether the value's producer JSON has this SHA-256.

    A quicker writer goes first. It is right for most documents, and where its text has the claimed
    hash it is the text that was hashed: SHA-256 allows no other.
    """
    quick = hashlib.sha256(_QUICK.encode(value).encode()).hexdigest()
    return quick == claimed or producer_hash(value, order) == claimed


def _write_object(value: Mapping[str, object], order: KeyOrder) -> str:
    keys = order(value)
    if any("0" <= key < ":" for key in keys):
        keys.sort(key=_index_of)
    members = [f"{quoted(key)}:{producer_json(value[key], order)}" for key in keys]
    return "{" + ",".join(members) + "}"


def _write_scalar(value: float | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return rfc8785.dumps(value).decode()


def _index_of(key: str) -> int:
    """The array index that a key is, or one behind all others; a stable sort keeps their order."""
    is_index = key.isascii() and key.isdecimal() and (key == "0" or key[0] != "0")
    if is_index and len(key) <= len(str(_FIRST_NON_INDEX)):
        return min(int(key), _FIRST_NON_INDEX)
    return _FIRST_NON_INDEX
