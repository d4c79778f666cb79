"""Text as numbers: sentences, words, syllables, readability, overlap, width in pixels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from jobforge.autopilots.growth.tables import package_table

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")  # noqa: RUF001 - the typographic apostrophe is meant
_END = re.compile(r"[.…][\"')\]]*(?=\s+[\"'(\[]?[A-Z0-9À-Þ])|[!?][\"')\]]*(?=\s)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|nos|fig|mr|mrs|ms|dr|prof|st|inc|ltd|co|corp|jan|feb|mar|"
    r"apr|jun|jul|aug|sept?|oct|nov|dec)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT_END = re.compile(
    r"(?:[^laeiouy]e|[aeiouy]le|[^aeiouytdl]ed|[aeiouy]ll?ed|[^aeiouscxzgh]es|[aeiouy]les)$"
)
_SILENT_INSIDE = re.compile(
    r"[^aeiouyl]e(?=(?:ful|less|ness|ment|ly)(?:s|ly)?$)|ical(?=ly$)|ever(?=y)|sever(?=al)|"
    r"^(?:some|time|type|same|safe|where|here|there|home|note|name|base|life|side|line|trade|fore)"
    r"(?=[b-df-hj-np-tv-z][a-z]{2})"
)
_HIATUS = re.compile(
    r"i[aou]|[aeou]ing$|ua[lt]|eo[^u]|[a-z]y[aio]|eate|[dlr]ien|uou|ism(?=s?$)|thm(?=s?$)|"
    r"^re(?:act|us|op|en|in|or)|^co[aeo]p|rea[ct]t|cre(?=a)"
)
_MERGED = re.compile(r"[cstgx]i[aou]|[aeiou]y[aio]|frien|eous?$|geo[nr]|^bio(?=u)")

NGRAM = 8
STOPWORDS = frozenset(package_table("content/words")["stopwords"].split())

# Widths of Helvetica, which Arial shares, in thousandths of the font size; from its AFM file.
_WIDTHS = {
    222: "ijl'`", 260: "|", 278: " !,./:;I[]ft\\", 333: "()-r", 334: "{}", 355: '"', 389: "*",
    469: "^", 500: "ckJsvxyz", 556: "#$0123456789?L_abdeghnopqu", 584: "+<=>~", 611: "FTZ",
    667: "&ABEKPSVXY", 722: "CDHNRUw", 778: "GOQ", 833: "Mm", 889: "%", 944: "W", 1015: "@",
}  # fmt: skip
_WIDTH_OF = {char: width for width, chars in _WIDTHS.items() for char in chars}
_WIDEST = 722
TITLE_PIXELS, TITLE_FONT = 580, 20
DESCRIPTION_PIXELS, DESCRIPTION_FONT = 920, 14


def sentences(text: str) -> list[str]:
    """Split a paragraph into sentences; abbreviations and initials do not end one."""
    folded = " ".join(text.split())
    found: list[str] = []
    start = 0
    for match in [*_END.finditer(folded), None]:
        end = match.end() if match else len(folded)
        part = folded[start:end].strip()
        if match and _ABBREVIATION.search(part):
            continue
        if part:
            found.append(part)
        start = end
    return found


def words(text: str) -> list[str]:
    """Words as they stand; hyphens and apostrophes inside belong to the word."""
    return _WORD.findall(text)


def terms(text: str) -> list[str]:
    """Words in lower case that carry meaning, plural s cut."""
    lower = (word.lower() for word in words(text))
    return [_stem(word) for word in lower if word not in STOPWORDS and len(word) > 1]


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 - shorter words are their own stem
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004 - as above
        return word[:-1]
    return word


def syllables(word: str) -> int:
    """Syllables of an English word, by its letters; one at least."""
    lower = "".join(char for char in word.lower() if "a" <= char <= "z")
    if not lower:
        return 1
    count = len(_VOWELS.findall(lower)) + len(_HIATUS.findall(lower)) - len(_MERGED.findall(lower))
    count -= len(_SILENT_INSIDE.findall(lower)) + bool(_SILENT_END.search(lower))
    return max(1, count)


def reading_ease(text: str) -> float | None:
    """Flesch reading ease: 100 is very easy, 0 very hard; None for a text without words.

    Source: Flesch, A New Readability Yardstick, 1948.
    """
    own = words(text)
    if not own:
        return None
    count = len(sentences(text)) or 1
    spoken = sum(syllables(word) for word in own)
    return 206.835 - 1.015 * len(own) / count - 84.6 * spoken / len(own)


def grade_level(text: str) -> float | None:
    """Flesch-Kincaid grade: years of school needed; None for a text without words.

    Source: Kincaid, Fishburne, Rogers and Chissom, Research Branch Report 8-75, 1975.
    """
    own = words(text)
    if not own:
        return None
    count = len(sentences(text)) or 1
    spoken = sum(syllables(word) for word in own)
    return 0.39 * len(own) / count + 11.8 * spoken / len(own) - 15.59


def ngrams(text: str, size: int = NGRAM) -> list[tuple[str, ...]]:
    """Every run of so many words, in lower case, in order."""
    lower = [word.lower() for word in words(text)]
    return [tuple(lower[i : i + size]) for i in range(len(lower) - size + 1)]


@lru_cache(maxsize=128)
def _ngram_set(text: str, size: int) -> frozenset[tuple[str, ...]]:
    return frozenset(ngrams(text, size))


def overlap(text: str, source: str, size: int = NGRAM) -> float:
    """Share of the text's word runs that stand in the source, too."""
    own = ngrams(text, size)
    there = _ngram_set(source, size)
    return sum(run in there for run in own) / len(own) if own else 0.0


def pixel_width(text: str, font_size: int) -> float:
    """Width in Arial of this size in pixels; letters beyond ASCII count as wide ones."""
    return sum(_WIDTH_OF.get(char, _WIDEST) for char in text) * font_size / 1000


def fit(candidates: Iterable[str], *, pixels: int, font_size: int) -> str | None:
    """The first text that fits into the width."""
    return next((c for c in candidates if c and pixel_width(c, font_size) <= pixels), None)


def cut_to(text: str, *, pixels: int, font_size: int) -> str:
    """The text cut at a word so that it fits, without an ellipsis."""
    kept: Sequence[str] = text.split()
    while kept and pixel_width(" ".join(kept), font_size) > pixels:
        kept = kept[:-1]
    return " ".join(kept).rstrip(",;:– ")  # noqa: RUF001 - the dash is meant
