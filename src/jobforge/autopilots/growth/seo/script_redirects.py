"""Redirects that only a script makes: they are told, and not followed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jobforge.autopilots.growth.seo.document import Document
from jobforge.autopilots.growth.seo.evidence import item
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.urls import page_url

MAX_SCRIPT = 200_000
_TARGET = r"\s*[\"']([^\"'\n]{1,2000})[\"']\s*(?=[;)}\n]|$)"
_MOVES = re.compile(
    r"(?<![\w$.])(?:(?:window|document|self|top|parent)\.)?location"
    rf"(?:(?:\.href)?\s*=(?!=){_TARGET}|\.(?:replace|assign)\s*\({_TARGET})"
)
_STRINGS = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|/\*.*?\*/|//[^\n]*", re.DOTALL)


def script_redirects(page: Document) -> Iterator[Finding]:
    """Inline scripts that leave the page as soon as they run.

    Only what stands outside every function and block counts, or anything on a page that has no
    text of its own: what a script does on a click is no redirect.
    """
    found = tuple(_found(page))
    if found:
        yield Finding("script-redirect", found, found[0].detail)


def _found(page: Document) -> Iterator[SeoItem]:
    for script in page.all("script"):
        text = (script.text or "")[:MAX_SCRIPT]
        if "location" not in text or script.get("src"):
            continue
        for match in _MOVES.finditer(text):
            target = page_url(match[1] or match[2], page.base_url)
            if target is None or target == page.url:
                continue
            if not page.words or _depth(text[: match.start()]) == 0:
                yield item(script, f"a script leads to {target}; it was not followed", target)


def _depth(text: str) -> int:
    """How many blocks and functions are open at the end of the text."""
    code = _STRINGS.sub("", text)
    return code.count("{") - code.count("}")
