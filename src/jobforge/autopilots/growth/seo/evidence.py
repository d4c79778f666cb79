"""Items that point to an element, and sentences that count them."""

from __future__ import annotations

from jobforge.autopilots.growth.seo.document import Element, line_of, snippet
from jobforge.autopilots.growth.seo.model import SeoItem


def item(element: Element, detail: str, url: str = "") -> SeoItem:
    """An item that points to an element."""
    return SeoItem(detail=detail, url=url, element=snippet(element), line=line_of(element))


def count_of(items: tuple[SeoItem, ...], noun: str) -> str:
    """The number of items with its noun."""
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"
