"""RDFa Lite in a page, as the objects that JSON-LD would have; schema.org's words only.

Source: RDFa Lite 1.1 (W3C, 2015): `vocab`, `typeof`, `property`, `resource` and `prefix`; values as
in HTML+RDFa 1.1, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from jobforge.autopilots.growth.seo.document import Document, Element, fold, text_content
from jobforge.autopilots.growth.seo.urls import resolve

MAX_VISITED = 50_000
"""Elements that are looked at in one page."""

_SCHEMA = "schema.org/"
_KNOWN_PREFIXES = MappingProxyType({"schema": "http://schema.org/"})
"""Source: RDFa Core initial context."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """What words mean at a place of the page."""

    vocabulary: str = ""
    prefixes: Mapping[str, str] = field(default_factory=lambda: _KNOWN_PREFIXES)

    def inside(self, element: Element) -> _Scope:
        """The scope of an element, which may name another vocabulary or further prefixes."""
        vocabulary, prefixes = element.get("vocab"), element.get("prefix")
        found = self if vocabulary is None else replace(self, vocabulary=vocabulary.strip())
        if prefixes:
            parts = prefixes.split()
            pairs = zip(parts[::2], parts[1::2], strict=False)
            named = {name.rstrip(":").lower(): address for name, address in pairs}
            found = replace(found, prefixes={**found.prefixes, **named})
        return found

    def words(self, text: str | None) -> list[str]:
        """The words of schema.org in an attribute, without their address."""
        addresses = (self._address(word) for word in (text or "").split())
        return [address.rpartition("/")[2] for address in addresses if _SCHEMA in address]

    def _address(self, word: str) -> str:
        prefix, colon, rest = word.partition(":")
        if not colon:
            return f"{self.vocabulary.rstrip('/')}/{word}"
        return word if rest.startswith("//") else self.prefixes.get(prefix.lower(), "") + rest


Item = dict[str, Any]


def rdfa_items(page: Document) -> Iterator[tuple[Element, Item]]:
    """Each item that is no property of another, with its element."""
    if "typeof" in page.text_of_source.lower():
        yield from _read(page)


def _read(page: Document) -> list[tuple[Element, Item]]:
    found: list[tuple[Element, Item]] = []
    waiting: list[tuple[Element, _Scope, Item | None]] = [(page.root, _Scope(), None)]
    visited = 0
    while waiting and visited < MAX_VISITED:
        visited += 1
        element, scope, owner = waiting.pop()
        scope = scope.inside(element)
        names = scope.words(element.get("property")) if owner is not None else []
        if element.get("typeof") is not None:
            own: Item = {"@type": scope.words(element.get("typeof"))}
            _add(owner, names, own)
            if not names:
                found.append((element, own))
            owner = own
        elif names:
            _add(owner, names, _value(page, element))
        waiting += [(child, scope, owner) for child in reversed(element)]
    return found


def _add(owner: Item | None, names: list[str], value: object) -> None:
    """A property that stands twice holds a list."""
    if owner is None:
        return
    for name in names:
        known = owner.get(name)
        if known is None:
            owner[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            owner[name] = [known, value]


def _value(page: Document, element: Element) -> str:
    if (content := element.get("content")) is not None:
        return content
    for name in ("resource", "href", "src"):
        if (address := element.get(name)) is not None:
            return resolve(address, page.base_url) or ""
    moment = element.get("datetime") if str(element.tag) == "time" else None
    return moment if moment is not None else fold(text_content(element))
