"""How values are shown: instants, durations, sizes, digests, JSON, Markdown, diffs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from markdown_it import MarkdownIt
from markupsafe import Markup

NOTHING: Final = "\N{EN DASH}"
MANY: Final = 100
"""More than so many are not counted on every page."""

_SHORT_DIGEST: Final = 12
_KIBI: Final = 1024
_MAX_JSON_CHARS: Final = 200_000


def to_instant(moment: datetime | None) -> Markup:
    """An instant in UTC, for people and for programs."""
    if moment is None:
        return Markup(NOTHING)  # noqa: S704 (a dash)
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(timespec="milliseconds"), utc.strftime("%Y-%m-%d %H:%M:%S")
    )


def to_duration(seconds: float | timedelta | None) -> str:
    """A duration in its two largest units."""
    if seconds is None:
        return NOTHING
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if total < 1:
        return f"{total * 1000:.0f} ms"
    if total < 60:  # noqa: PLR2004 (seconds in a minute)
        return f"{total:.1f} s"
    minutes, rest = divmod(int(total), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2])


def to_ago(moment: datetime | None, now: datetime) -> str:
    """How long ago it was, or in how long it will be."""
    if moment is None:
        return NOTHING
    distance = now - moment
    words = to_duration(abs(distance))
    return f"in {words}" if distance < timedelta(0) else f"{words} ago"


def to_size(size: int) -> str:
    """A number of bytes."""
    if size < _KIBI:
        return f"{size} B"
    if size < _KIBI**2:
        return f"{size / _KIBI:.1f} KiB"
    return f"{size / _KIBI**2:.1f} MiB"


def to_short(digest: str | None) -> str:
    """The beginning of a digest or an id; the whole stands beside it where it matters."""
    if not digest:
        return NOTHING
    return digest.removeprefix("sha256:")[:_SHORT_DIGEST]


def to_count(number: float) -> str:
    """A number with its thousands apart."""
    return f"{number:,.0f}".replace(",", "\u202f") if number == int(number) else f"{number:,.2f}"


def to_pretty(value: Any) -> str:  # noqa: ANN401 (any JSON)
    """JSON, indented; a text is taken for JSON where it is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)[:_MAX_JSON_CHARS]
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_JSON_CHARS else text[:_MAX_JSON_CHARS] + "\n… (cut)"


def to_markdown(text: str) -> Markup:
    """Markdown as HTML. HTML in it stays text, and nothing in it loads anything."""
    return Markup(_markdown().render(text))  # noqa: S704 (no HTML of the text's own is let through)


def to_diff(diff: str) -> list[tuple[str, str]]:
    """The lines of a unified diff, each with what it is: `add`, `del`, `at` or `same`."""
    return [(_kind(line), line) for line in diff.splitlines()]


def to_reads(text: str) -> str:
    """A code or event as people read it: `POLICY_TOKEN_USED` → `policy token used`."""
    return text.replace("_", " ").lower()


def _kind(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "at"
    return {"+": "add", "-": "del"}.get(line[:1], "same")


def _markdown() -> MarkdownIt:
    return MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "instant": to_instant,
    "duration": to_duration,
    "ago": to_ago,
    "size": to_size,
    "short": to_short,
    "count": to_count,
    "pretty": to_pretty,
    "markdown": to_markdown,
    "diff_lines": to_diff,
    "reads": to_reads,
    "from_json": lambda text: None if text is None else json.loads(text),
}
