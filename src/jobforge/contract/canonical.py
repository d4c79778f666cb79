"""Canonical JSON (RFC 8785) and the digests made from it.

The library writes everything. For the plainest values, which are nearly all we sign, the standard
library's C encoder gives the same bytes in a fraction of the time; a property test holds the two
against each other. Where they could differ (floats, large integers, keys beyond ASCII, whose order
is another), the library has the word.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

_LARGEST_EXACT = 2**53 - 1
_PLAIN = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
)


def canonical_bytes(value: Any) -> bytes:  # noqa: ANN401 (any JSON value)
    """The one spelling of a JSON value.

    Raises:
        ValueError: for what has no canonical form: integers of 2^53 and more, NaN, infinities.
    """
    if is_plain(value):
        return _PLAIN.encode(value).encode()
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from None


def is_plain(value: object) -> bool:
    """Whether both writers agree on it: texts, truth values, null, exact integers, ASCII keys.

    It holds no float, whose spelling differs between languages.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -_LARGEST_EXACT <= value <= _LARGEST_EXACT  # type: ignore[operator]  # it is an int
    if kind is dict:
        return all(
            type(key) is str and key.isascii() and is_plain(member)
            for key, member in value.items()  # type: ignore[attr-defined]  # it is a dict
        )
    if kind is list or kind is tuple:
        return all(map(is_plain, value))  # type: ignore[call-overload]  # it is a sequence
    return False


def digest_of(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    """`sha256:` and the hex digest of the value's canonical form."""
    return checksum_of(canonical_bytes(value))


def checksum_of(content: bytes) -> str:
    """`sha256:` and the hex digest of the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
