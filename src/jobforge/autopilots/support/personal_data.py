"""Find personal data and secrets in text, by type, and mask them."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

PersonalDataKind = Literal[
    "secret", "email", "payment_card", "iban", "phone", "national_id", "ip_address", "address"
]


@dataclass(frozen=True, slots=True)
class PersonalDatum:
    """Where a personal datum stands: `[start, end)` in the text. The value itself is not kept."""

    kind: PersonalDataKind
    start: int
    end: int


def find_personal_data(text: str) -> list[PersonalDatum]:
    """Return what was found, in order and without overlaps; the more specific kind wins."""
    found: list[PersonalDatum] = []
    is_taken = bytearray(len(text))
    for kind, pattern, is_real in _RULES:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not any(is_taken[start:end]) and is_real(match.group()):
                found.append(PersonalDatum(kind, start, end))
                is_taken[start:end] = b"\1" * (end - start)
    return sorted(found, key=lambda datum: datum.start)


def mask_personal_data(text: str) -> str:
    """Return the text with every personal datum replaced by its type, like `[email]`."""
    parts: list[str] = []
    position = 0
    for datum in find_personal_data(text):
        parts += [text[position : datum.start], f"[{datum.kind}]"]
        position = datum.end
    return "".join([*parts, text[position:]])


def count_kinds(data: Sequence[PersonalDatum]) -> dict[str, int]:
    """Return how many there are of each kind, by name."""
    return dict(sorted(Counter(str(datum.kind) for datum in data).items()))


def _always(_: str) -> bool:
    return True


def _is_card(text: str) -> bool:
    """Check the last digit. Source: ISO/IEC 7812-1, annex B (Luhn)."""
    digits = [int(character) for character in text if character.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """Check the remainder. Source: ISO 13616-1, 6.1 (ISO/IEC 7064, MOD 97-10)."""
    packed = re.sub(r"\s", "", text).upper()
    turned = packed[4:] + packed[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_phone(text: str) -> bool:
    """Check the number of digits (at most 15: ITU-T E.164, 6.1), and that it is no date."""
    n_digits = sum(character.isdigit() for character in text)
    return n_digits <= _MAX_PHONE_DIGITS and not _DATE.fullmatch(text)


_MAX_PHONE_DIGITS = 15
_DATE = re.compile(r"(?:19|20)\d\d[-./ ]\d\d?[-./ ]\d\d?(?: \d\d?)?|\d\d?[-./]\d\d?[-./]\d{4}")
_STREET = (
    r"(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|square|sq"
    r"|terrace|way)"
)
_ORDINARY = (
    r"(?:not|wrong|invalid|incorrect|expired|missing|too|never|still|correct|required|set|reset"
    r"|in|on|for|and|or|the|a|an|my|to|being|shown|stored|sent|longer|no|always|also|leaked)"
)
_PLACEHOLDER = r"[\"'<${]*(?:KEY|TOKEN|YOUR|XXX|PASSWORD|SECRET)"
_CREDENTIAL = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|\b(?:sk|pk|rk|ghp|gho|ghs|xox[abps]|glpat|shpat)[-_][A-Za-z0-9_-]{8,}"
    r"|\bgithub_pat_\w{20,}|\bAKIA[A-Z0-9]{16}\b|\bAIza[\w-]{35}"
    r"|(?i:\bbearer\s+)[\w.~+/=-]{8,}"
    r"|(?i:\b(?:password|passwort|passwd|pwd|pass ?code|pin|secret|api[_ -]?key|access[_ -]?token))"
    rf"(?i:\s+is\s*:?\s+|\s*[:=]\s*)(?!(?i:{_ORDINARY})\b|{_PLACEHOLDER})\S{{4,}}"
)
_CITY_LINE = r"(?:,?\s+[A-Z]{2}\s+\d{5}(?:-\d{4})?)"
_RULES: tuple[tuple[PersonalDataKind, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("secret", re.compile(_CREDENTIAL), _always),
    ("email", re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), _always),
    (
        "iban",
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
        _is_iban,
    ),
    ("payment_card", re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d)"), _is_card),
    ("national_id", re.compile(r"\b(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b"), _always),
    ("ip_address", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)"), _is_ip_address),
    (
        "ip_address",
        re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}(?![\w:])"),
        _is_ip_address,
    ),
    ("phone", re.compile(r"(?<![\w.-])(?:\+|\()?\d(?:[ ./()-]{0,2}\d){8,14}(?![\w-])"), _is_phone),
    (
        "address",
        re.compile(
            rf"\b\d{{1,5}}[a-z]?\s+(?:[A-Z][\w'.-]*\s+){{1,4}}(?i:{_STREET})\b\.?"
            rf"(?:,?\s+(?:[A-Z][\w'-]+\s?){{1,3}}{_CITY_LINE}?)?"
        ),
        _always,
    ),
    (
        "address",
        re.compile(
            r"\b(?:[A-ZÄÖÜ][\wäöüß]*(?:straße|strasse|str\.|weg|platz|allee|gasse)"
            r"|Straße|Strasse|Weg|Platz|Allee|Gasse)\s+\d{1,4}[a-z]?\b"
            r"(?:,?\s+\d{5}\s+[A-ZÄÖÜ][\wäöüß-]+)?"
        ),
        _always,
    ),
)
