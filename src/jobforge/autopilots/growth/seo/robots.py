"""robots.txt: what RFC 9309 lets a crawler fetch, and what is wrong with the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from jobforge.autopilots.growth.seo.tables import words
from jobforge.autopilots.growth.seo.urls import path_and_query

MAX_ROBOTS_BYTES = 500 * 1024
_PRODUCT = re.compile(r"^[A-Za-z_.-]+")
_SITEMAP_SCHEMES = ("http", "https", "ftp")
_SPECIFIC = "!#$&'()*+,/:;=?@[]~%-._"


@dataclass(frozen=True, slots=True)
class Rule:
    """One allow or disallow line; `line` counts from 1."""

    is_allow: bool
    pattern: str
    line: int


@dataclass(frozen=True, slots=True)
class Group:
    """The rules of the user agents named above them."""

    agents: tuple[str, ...]
    rules: tuple[Rule, ...]
    crawl_delay_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RobotsError:
    """A line that a crawler cannot use; `line` counts from 1."""

    line: int
    content: str
    message: str


@dataclass(frozen=True, slots=True)
class Robots:
    """A parsed robots.txt."""

    groups: tuple[Group, ...] = ()
    sitemaps: tuple[str, ...] = ()

    def rules_for(self, agent: str) -> tuple[Rule, ...]:
        """Every rule that binds this product token.

        Groups of the same name are one group; without a group of its own the `*` group counts.
        Source: RFC 9309, section 2.2.1.
        """
        return tuple(rule for group in self._groups_for(agent) for rule in group.rules)

    def crawl_delay_for(self, agent: str) -> float | None:
        """Seconds between two requests, where the file asks for it."""
        delays = [g.crawl_delay_seconds for g in self._groups_for(agent)]
        return max((delay for delay in delays if delay is not None), default=None)

    def blocking_rule(self, url: str, agent: str) -> Rule | None:
        """The disallow rule that forbids this URL, or None.

        The longest matching pattern decides; allow wins a tie.
        Source: RFC 9309, section 2.2.2.
        """
        path = _normalize(path_and_query(url))
        if path == "/robots.txt":
            return None
        matching = [r for r in self.rules_for(agent) if _matches(r.pattern, path)]
        best = max(matching, key=lambda r: (len(r.pattern), r.is_allow), default=None)
        return best if best and not best.is_allow else None

    def _groups_for(self, agent: str) -> tuple[Group, ...]:
        token = _product_of(agent)
        own = tuple(g for g in self.groups if token in g.agents)
        return own or tuple(g for g in self.groups if "*" in g.agents)


def parse_robots(content: str | bytes) -> Robots:
    """Read a robots.txt; lines that make no sense are skipped, as the RFC asks."""
    reader = _Reader()
    for number, name, value in _directives(_text(content)):
        reader.take(number, name, value)
    reader.close_group()
    return Robots(tuple(reader.groups), tuple(reader.sitemaps))


class _Reader:
    """Collects directives into groups; a group ends where a user agent follows a rule."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.sitemaps: list[str] = []
        self._agents: list[str] = []
        self._rules: list[Rule] = []
        self._delay: float | None = None
        self._is_naming = False

    def take(self, number: int, name: str, value: str) -> None:
        match name:
            case "user-agent":
                if not self._is_naming:
                    self.close_group()
                self._agents.append("*" if value == "*" else _product_of(value))
                self._is_naming = True
            case "sitemap":
                self.sitemaps.append(value)
            case _:
                self._take_member(number, name, value)

    def _take_member(self, number: int, name: str, value: str) -> None:
        if name in ("allow", "disallow"):
            self._is_naming = False
            if value.startswith(("/", "*")):
                self._rules.append(Rule(name == "allow", _normalize(value), number))
        elif name == "crawl-delay":
            self._is_naming = False
            self._delay = _seconds(value)

    def close_group(self) -> None:
        if self._agents:
            self.groups.append(Group(tuple(self._agents), tuple(self._rules), self._delay))
        self._agents, self._rules, self._delay = [], [], None


def validate_robots(content: str | bytes) -> tuple[RobotsError, ...]:
    """Every line that search engines may not understand, in order.

    Source: Lighthouse audit `robots-txt`; Google Search Central, "robots.txt specification".
    """
    errors: list[RobotsError] = []
    has_agent = False
    for number, line in enumerate(re.split(r"\r\n|\r|\n", _text(content)), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        name, colon, value = text.partition(":")
        directive = name.strip().lower()
        message = _fault(directive, value.strip()) if colon else "Syntax not understood"
        if message is None and directive in ("allow", "disallow") and not has_agent:
            message = "No user-agent specified"
        if message is None and directive == "user-agent":
            has_agent = True
        if message is not None:
            errors.append(RobotsError(number, line, message))
    return tuple(errors)


def _fault(directive: str, value: str) -> str | None:
    if directive not in words("html", "robots"):
        return "Unknown directive"
    if directive == "sitemap":
        return _sitemap_fault(value)
    if directive == "user-agent" and not value:
        return "No user-agent specified"
    if directive in ("allow", "disallow"):
        return _pattern_fault(value)
    return None


def _sitemap_fault(value: str) -> str | None:
    scheme = re.match(r"^([A-Za-z][A-Za-z0-9+.-]*):", value)
    if scheme is None:
        return "Invalid sitemap URL"
    if scheme.group(1).lower() not in _SITEMAP_SCHEMES:
        return "Invalid sitemap URL protocol"
    return None if urlsplit(value).netloc else "Invalid sitemap URL"


def _pattern_fault(value: str) -> str | None:
    if value and value[0] not in "/*":
        return 'Pattern should either be empty, start with "/" or "*"'
    if "$" in value[:-1]:
        return '"$" should only be used at the end of the pattern'
    return None


def _directives(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        name, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield number, name.strip().lower(), value.strip()


def _text(content: str | bytes) -> str:
    if isinstance(content, bytes):
        content = content[:MAX_ROBOTS_BYTES].decode("utf-8", errors="replace")
    return content.removeprefix("\ufeff")


def _product_of(agent: str) -> str:
    found = _PRODUCT.match(agent.strip())
    return found.group().lower() if found else agent.strip().lower()


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _normalize(path: str) -> str:
    """Percent-encode what is not ASCII, decode what need not be encoded.

    Source: RFC 9309, section 2.2.2, octets outside and inside the unreserved range.
    """
    if path.isascii() and "%" not in path:
        return path
    parts = re.split(r"(%[0-9A-Fa-f]{2})", path)
    return "".join(_encode_part(part) for part in parts)


def _encode_part(part: str) -> str:
    if part.startswith("%"):
        plain = unquote(part, errors="replace")
        return plain if plain.isascii() and (plain.isalnum() or plain in "-._~") else part.upper()
    return quote(part, safe=_SPECIFIC)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> tuple[tuple[str, ...], bool]:
    is_anchored = pattern.endswith("$")
    return tuple((pattern[:-1] if is_anchored else pattern).split("*")), is_anchored


def _matches(pattern: str, path: str) -> bool:
    """Match without a regular expression, so that no pattern can take exponential time."""
    pieces, is_anchored = _compiled(pattern)
    if not path.startswith(pieces[0]):
        return False
    if len(pieces) == 1:
        return not is_anchored or path == pieces[0]
    position = len(pieces[0])
    for piece in pieces[1:-1]:
        position = path.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    if is_anchored:
        return path.endswith(pieces[-1]) and len(path) - len(pieces[-1]) >= position
    return path.find(pieces[-1], position) >= 0
