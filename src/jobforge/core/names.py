"""Slugs and aliases: what tenants and projects may be called."""

from __future__ import annotations

import re
import unicodedata

from jobforge.core.errors import InvalidInput
from jobforge.core.redaction import mask_text

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_MAX_NAME = 256


def check_slug(slug: str) -> str:
    """The slug, if it is one.

    Raises:
        InvalidInput: it is not.
    """
    if not _SLUG.fullmatch(slug):
        raise InvalidInput(
            f"{slug!r} is no slug",
            hint="a slug has 1 to 63 of a-z, 0-9, _ and -, and starts with a letter or digit",
        )
    return slug


def to_slug(name: str) -> str:
    """A slug made from a name: accents dropped, everything else that does not fit a hyphen.

    Raises:
        InvalidInput: nothing of the name can stand in a slug.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:63]
    if not slug:
        raise InvalidInput(f"no slug can be made from {name!r}", hint="give one with --slug")
    return check_slug(slug)


def check_name(name: str, what: str = "name") -> str:
    """The name or alias, if it has 1 to 256 characters, no control characters and no secret.

    Raises:
        InvalidInput: it has not.
    """
    if not 1 <= len(name) <= _MAX_NAME or any(unicodedata.category(c) == "Cc" for c in name):
        raise InvalidInput(f"a {what} has 1 to {_MAX_NAME} printable characters")
    if mask_text(name) != name:
        raise InvalidInput(f"the {what} holds what looks like a secret; names are stored and shown")
    return name
