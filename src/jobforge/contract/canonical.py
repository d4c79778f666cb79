"""Canonical JSON (RFC 8785) and the digests made from it."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


def canonical_bytes(value: Any) -> bytes:  # noqa: ANN401 (any JSON value)
    """The one spelling of a JSON value.

    Raises:
        ValueError: for what has no canonical form: integers of 2^53 and more, NaN, infinities.
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from None


def digest_of(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    """`sha256:` and the hex digest of the value's canonical form."""
    return checksum_of(canonical_bytes(value))


def checksum_of(content: bytes) -> str:
    """`sha256:` and the hex digest of the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
