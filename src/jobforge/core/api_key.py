"""API keys: how one looks, and what may be stored of it."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Final

PREFIX: Final = "jfk"
SECRET_BYTES: Final = 32
"""256 bits: nobody guesses one, so that a plain SHA-256 keeps it (no password's slow hash)."""

MAX_LIFETIME: Final = timedelta(days=366)
DEFAULT_LIFETIME: Final = timedelta(days=90)
USE_IS_NOTED_EVERY: Final = timedelta(minutes=1)

_KEY: Final = re.compile(rf"{PREFIX}_[0-9a-f]{{12}}_[0-9a-f]{{{2 * SECRET_BYTES}}}")


def to_key(key_id: str, secret: bytes) -> str:
    """The key as its owner holds it: prefix, public id, secret."""
    return f"{PREFIX}_{key_id}_{secret.hex()}"


def is_key(text: str) -> bool:
    """Whether it has the form of a key."""
    return _KEY.fullmatch(text) is not None


def key_hash(key: str) -> bytes:
    """SHA-256 of the whole key: what is stored, and what it is found by."""
    return hashlib.sha256(key.encode()).digest()
