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
_TEXTLIKE = frozenset({str, bool, type(None)})
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


def plain_text(value: Any) -> str | None:  # noqa: ANN401 (any JSON value)
    """The canonical form of a value that `is_plain`; None for any other.

    Raises:
        ValueError: a text with a lone surrogate.
    """
    if not is_plain(value):
        return None
    text = _PLAIN.encode(value)
    text.encode()  # what cannot be encoded has no canonical form
    return text


def is_plain(value: object) -> bool:
    """Whether both writers agree on it: texts, truth values, null, exact integers, ASCII keys.

    It holds no float, whose spelling differs between languages.
    """
    kind = type(value)
    if kind in _TEXTLIKE:
        return True
    if kind is int:
        return -_LARGEST_EXACT <= value <= _LARGEST_EXACT  # type: ignore[operator]  # it is an int
    if kind is dict:
        return _is_plain_object(value)  # type: ignore[arg-type]  # it is a dict
    if kind is list or kind is tuple:
        return all(map(is_plain, value))  # type: ignore[call-overload]  # it is a sequence
    return False


def _is_plain_object(value: dict[object, object]) -> bool:
    # A loop: nearly every payload and audit entry comes by here, and most members are texts.
    for key, member in value.items():
        if type(key) is not str or not key.isascii():
            return False
        if type(member) not in _TEXTLIKE and not is_plain(member):
            return False
    return True


def digest_of(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    """`sha256:` and the hex digest of the value's canonical form."""
    return checksum_of(canonical_bytes(value))


def checksum_of(content: bytes) -> str:
    """`sha256:` and the hex digest of the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
