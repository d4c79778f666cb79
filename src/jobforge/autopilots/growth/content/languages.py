"""Which language a text is in, and how easy it reads by that language's own formula."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jobforge.autopilots.growth.content.text import STOPWORDS, reading_ease, sentences, words
from jobforge.autopilots.growth.tables import package_table

_MIN_WORDS = 30
_MIN_SHARE = 0.2
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class _Language:
    """Small words, what makes a syllable, and the weights of the formula."""

    small: frozenset[str]
    nuclei: re.Pattern[str]
    silent: re.Pattern[str]
    base: float
    sentence: float
    syllable: float

    def syllables(self, word: str) -> int:
        """Syllables by the letters; one at least."""
        return max(1, len(self.nuclei.findall(self.silent.sub("", word.lower()))))


@cache
def _languages() -> Mapping[str, _Language]:
    return {
        name: _Language(
            small=frozenset(row["small"].split()),
            nuclei=re.compile(row["nuclei"]),
            silent=re.compile(row["silent"]),
            base=row["base"],
            sentence=row["sentence"],
            syllable=row["syllable"],
        )
        for name, row in package_table("content/languages").items()
    }


def language_of(text: str) -> str | None:
    """The language of running text by its small words, as a code of ISO 639-1.

    A text of fewer than 30 words counts as English, as templates are. None where fewer than a fifth
    of the words are small ones of any language that is known here.
    """
    own = [word.lower() for word in words(text)]
    if len(own) < _MIN_WORDS:
        return ENGLISH
    known = {ENGLISH: STOPWORDS} | {name: row.small for name, row in _languages().items()}
    counts = {name: sum(word in small for word in own) for name, small in known.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= _MIN_SHARE * len(own) else None


def syllables_in(language: str, word: str) -> int:
    """Syllables of a word in one of the languages of the table, by its letters."""
    return _languages()[language].syllables(word)


def reading_ease_in(language: str | None, text: str) -> float | None:
    """Reading ease by the formula of the language; None for a text without words, or no language.

    100 is very easy and 0 very hard in each. Source: Flesch for English; the adaptations named in
    `languages.toml`.
    """
    if language is None or language == ENGLISH:
        return reading_ease(text if language else "")
    row, own = _languages()[language], words(text)
    if not own:
        return None
    length = len(own) / (len(sentences(text)) or 1)
    spoken = sum(map(row.syllables, own)) / len(own)
    return row.base - row.sentence * length - row.syllable * spoken
