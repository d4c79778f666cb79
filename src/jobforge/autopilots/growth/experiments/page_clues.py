"""What a page shows that bears on conversion: form fields, buttons, headline, speed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from jobforge.autopilots.growth.seo.document import Document, Element, fold, visible_text
from jobforge.autopilots.growth.seo.link_texts import NON_DESCRIPTIVE
from jobforge.autopilots.growth.seo.technical_checks import SLOW_RESPONSE

MANY_FIELDS = 7
_NO_FIELDS = frozenset(["hidden", "submit", "button", "reset", "image"])
_VAGUE = frozenset(
    ["submit", "send", "go", "ok", "next", "continue", "start", "get started", "click"]
)


@dataclass(frozen=True, slots=True)
class PageClues:
    """Facts of a page; `optional` names fields that are not marked as required."""

    fields: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    has_password: bool = False
    actions: tuple[str, ...] = ()
    headline: str = ""
    elapsed: timedelta | None = None

    def has(self, fact: str) -> bool:
        """Whether the page shows this fact of the playbook."""
        match fact:
            case "many_fields":
                return len(self.fields) >= MANY_FIELDS and bool(self.optional)
            case "has_password":
                return self.has_password
            case "vague_action":
                return self.vague_action is not None
            case "slow":
                return self.elapsed is not None and self.elapsed > SLOW_RESPONSE
            case _:
                return fact == "any"

    @property
    def vague_action(self) -> str | None:
        """The first button whose text says nothing."""
        vague = _VAGUE | NON_DESCRIPTIVE["en"]
        return next((text for text in self.actions if text.lower() in vague), None)

    def fill(self, text: str) -> str:
        """Put the page's facts into a change of the playbook."""
        return text.format(
            field_count=len(self.fields),
            optional_fields=", ".join(self.optional[:4]),
            action=repr(self.vague_action),
            headline=f" (now: {self.headline!r})" if self.headline else "",
            elapsed=f"{self.elapsed / timedelta(milliseconds=1):.0f} ms" if self.elapsed else "",
        )


def read_clues(html: bytes, *, url: str, elapsed: timedelta | None) -> PageClues:
    """Look at a page."""
    page = Document(html, url=url)
    fields = [e for e in page.all("input", "select", "textarea")
              if (e.get("type") or "text").lower() not in _NO_FIELDS]  # fmt: skip
    headings = [visible_text(e) for e in page.all("h1")]
    return PageClues(
        fields=tuple(_name(e) for e in fields),
        optional=tuple(_name(e) for e in fields if e.get("required") is None),
        has_password=any(e.get("type") == "password" for e in fields),
        actions=tuple(text for e in page.all("button", "input", "a") if (text := _action(e))),
        headline=headings[0] if headings else "",
        elapsed=elapsed,
    )


def _name(field: Element) -> str:
    keys = ("aria-label", "placeholder", "name", "id")
    return next((value for key in keys if (value := field.get(key))), str(field.tag))


def _action(element: Element) -> str:
    if element.tag == "button":
        return visible_text(element)
    if element.tag == "input":
        is_button = element.get("type") in ("submit", "button")
        return fold(element.get("value") or "Submit") if is_button else ""
    classes = f"{element.get('class') or ''} {element.get('role') or ''}".lower()
    return (
        visible_text(element) if "button" in classes or "btn" in classes or "cta" in classes else ""
    )
