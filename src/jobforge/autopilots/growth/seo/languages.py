"""Language and region subtags that hreflang and `lang` may use."""

from __future__ import annotations

from jobforge.autopilots.growth.seo.tables import words

_SCRIPT_LENGTH = 4
_NUMERIC_REGION_LENGTH = 3
_MAX_SUBTAG_LENGTH = 8


def is_language(code: str) -> bool:
    """Whether the text, in lower case, is a language subtag."""
    return code in words("languages", "iso_639_1") or code in words("languages", "iso_639_3")


def is_region(code: str) -> bool:
    """Whether the text, in upper case, is a region: two letters, or three digits."""
    is_numeric = len(code) == _NUMERIC_REGION_LENGTH and code.isdigit()
    return is_numeric or code in words("languages", "regions")


def is_language_tag(tag: str) -> bool:
    """Whether the tag is language[-Script][-REGION], its parts known.

    Source: RFC 5646, section 2.1; Google Search Central, "Localized versions of your pages".
    """
    language, *rest = tag.replace("_", "!").split("-")
    if not is_language(language.lower()):
        return False
    if rest and len(rest[0]) == _SCRIPT_LENGTH and rest[0].isalpha():
        rest = rest[1:]
    if rest and is_region(rest[0].upper()):
        rest = rest[1:]
    return all(part.isalnum() and len(part) <= _MAX_SUBTAG_LENGTH for part in rest)
