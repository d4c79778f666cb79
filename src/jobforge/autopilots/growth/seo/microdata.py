"""Microdata in a page, as the objects that JSON-LD would have.

Source: WHATWG HTML, section 5.2 (encoding microdata). Beside it, a `content` attribute counts on
any element, as search engines read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from lxml import etree

from jobforge.autopilots.growth.seo.document import Document, Element, fold, text_content
from jobforge.autopilots.growth.seo.urls import resolve

MAX_VISITED = 50_000
"""Elements that are looked at in one page: `itemref` can lead to the same ones again and again."""

MAX_NESTING = 40
_ITEMS = etree.XPath("//*[@itemscope and not(@itemprop)]")
_ADDRESSES = {
    "a": "href", "area": "href", "link": "href", "object": "data",
    "audio": "src", "embed": "src", "iframe": "src", "img": "src", "source": "src",
    "track": "src", "video": "src",
}  # fmt: skip
_VALUES = {"data": "value", "meter": "value", "time": "datetime"}


def microdata_items(page: Document) -> Iterator[tuple[Element, dict[str, Any]]]:
    """Each item that is no property of another, with its element."""
    if "itemscope" not in page.text_of_source.lower():
        return
    reader = _Reader(page)
    items = cast("list[Element]", _ITEMS(page.root))
    for element in items:
        yield element, reader.item(element, 0)


@dataclass
class _Reader:
    page: Document
    visited: int = 0
    ids: dict[str, Element] | None = field(default=None)

    def item(self, element: Element, depth: int) -> dict[str, Any]:
        """The element's type and properties; one that stands twice holds a list."""
        types = (element.get("itemtype") or "").split()
        found: dict[str, Any] = {"@type": types} if types else {}
        for part in self._parts(element):
            value = self._value(part, depth)
            for name in (part.get("itemprop") or "").split():
                known = found.get(name)
                if known is None:
                    found[name] = value
                else:
                    found[name] = [*known, value] if isinstance(known, list) else [known, value]
        return found

    def _parts(self, item: Element) -> Iterator[Element]:
        """The elements that are the item's properties; those of items inside are theirs."""
        waiting = [*reversed([*item, *self._referred(item)])]
        seen = {item}
        while waiting and self.visited < MAX_VISITED:
            self.visited += 1
            element = waiting.pop()
            if element in seen:
                continue
            seen.add(element)
            if element.get("itemprop"):
                yield element
            if element.get("itemscope") is None:
                waiting += reversed(element)

    def _referred(self, item: Element) -> list[Element]:
        names = (item.get("itemref") or "").split()
        if names and self.ids is None:
            self.ids = {}
            for element in self.page.root.iter():
                if name := element.get("id"):
                    self.ids.setdefault(name, element)
        return [self.ids[name] for name in names if self.ids and name in self.ids]

    def _value(self, element: Element, depth: int) -> Any:  # noqa: ANN401 - a text or an object
        if element.get("itemscope") is not None:
            return self.item(element, depth + 1) if depth < MAX_NESTING else {}
        tag = str(element.tag)
        content = element.get("content")
        if content is not None or tag == "meta":
            return content or ""
        if tag in _ADDRESSES:
            return resolve(element.get(_ADDRESSES[tag]) or "", self.page.base_url) or ""
        given = element.get(_VALUES[tag]) if tag in _VALUES else None
        return given if given is not None else fold(text_content(element))
