"""URLs that never end: calendars, filters, links that grow by themselves."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import parse_qsl, urlsplit

MAX_URL_LENGTH = 2000
MAX_REPEATED_SEGMENTS = 4
MAX_QUERY_VARIANTS = 2000
TRAP_DEPTH = 30
TRAP_SIBLINGS = 100
_MANY_PARAMETERS = 3
_DIGITS = re.compile(r"\d+")


def pattern_of(url: str) -> str:
    """The URL's family: its path with numbers as 0, and the names of its parameters."""
    parts = urlsplit(url)
    names = "&".join(sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}))
    return f"{_DIGITS.sub('0', parts.path)}?{names}"


class TrapWatch:
    """Counts the URLs of each family and says which newcomers lead nowhere new."""

    def __init__(self) -> None:
        self._families: Counter[str] = Counter()

    def is_trap(self, url: str, depth: int) -> bool:
        """Whether the newcomer belongs to a family without end.

        Such is a URL of more than 2,000 characters, one that repeats a path segment more than four
        times, a family of more than a hundred seen more than 30 clicks from the start, and one of
        more than 2,000 combinations of three or more parameters.
        """
        parts = urlsplit(url)
        segments = Counter(segment for segment in parts.path.split("/") if segment)
        if len(url) > MAX_URL_LENGTH or max(segments.values(), default=0) > MAX_REPEATED_SEGMENTS:
            return True
        family = pattern_of(url)
        self._families[family] += 1
        size = self._families[family]
        if depth > TRAP_DEPTH and size > TRAP_SIBLINGS:
            return True
        return family.count("&") >= _MANY_PARAMETERS - 1 and size > MAX_QUERY_VARIANTS
