"""Which language a text is written in, by its script and its most common words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from jobforge.autopilots.support.terms import split_words

_COMMON = {
    "en": "the and to of is in it you that my for i on with not have can how do this what your",
    "de": "der die das und ich ist nicht zu den mit sie ein eine auf für wie kann es mein haben",
    "fr": "le la les et je de un une est pas que pour dans mon ma vous comment ne sur avec mes",
    "es": "el la los y que de en un una es no mi por para con cómo puedo se me su las",
    "it": "il lo la che di e non un una per come mio mia sono ho con posso mi del della",
    "pt": "o a os e que de um uma não é para meu minha como com eu em do da por",
    "nl": "de het een en ik is niet van mijn dat met voor hoe kan op te je heb zijn naar",
    "pl": "nie i w na się z jest do to jak mam moje czy mi o że po za dla mój",
    "sv": "och att det jag är inte en på som för med min hur kan har till av ett den mitt",
}
_WORDS = {
    language: frozenset(word for word in words.split() if len(word) > 1)
    for language, words in _COMMON.items()
}
_SCRIPTS = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "CYRILLIC": "ru",
    "ARABIC": "ar",
    "HEBREW": "he",
    "GREEK": "el",
    "DEVANAGARI": "hi",
    "THAI": "th",
}
_MIN_SHARE = 0.12
_MAX_CHARACTERS = 2_000


def detect_language(text: str) -> str | None:
    """Return an ISO 639-1 code, or None where too little tells. A tie goes to the earlier one.

    A script of its own decides alone; among Latin scripts the share of very common words does.
    """
    sample = text[:_MAX_CHARACTERS]
    by_script = _detect_script(sample)
    if by_script:
        return by_script
    words = [word for word in split_words(sample) if re.search(r"\w", word)]
    if not words:
        return None
    shares = {
        code: sum(word in known for word in words) / len(words) for code, known in _WORDS.items()
    }
    best = max(shares, key=lambda code: shares[code])
    return best if shares[best] >= _MIN_SHARE else None


def _detect_script(text: str) -> str | None:
    letters = [character for character in text if character.isalpha()]
    names = Counter(unicodedata.name(character, "?").split()[0] for character in letters)
    found = [name for name in _SCRIPTS if names[name] > len(letters) * 0.2]
    return _SCRIPTS[found[0]] if found else None
