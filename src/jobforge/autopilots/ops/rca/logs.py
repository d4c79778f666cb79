"""Log templates: what is mined from lines, what is new, and what bursts.

Source: He et al. 2017, "Drain: An Online Log Parsing Approach with Fixed Depth Tree" (the tree by
length and first words, and the similarity threshold); bursts by the Poisson tail.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from jobforge.autopilots.ops.chance import poisson_tail

MAX_LINE = 2000
MAX_TEMPLATES = 20_000
SIMILARITY = 0.5
PREFIX_WORDS = 2
BURST_P = 1e-4
_VARIABLE = re.compile(
    r"\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}\b|\b[0-9a-fA-F]{16,}\b"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\d+(?:\.\d+)?"
)
WILDCARD = "<*>"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line with its time."""

    at: datetime
    service: str
    text: str


@dataclass(frozen=True, slots=True)
class LogPattern:
    """A template that is new in the incident or comes more often than before."""

    template: str
    kind: str
    service: str
    before: int
    during: int
    expected: float
    first_at: datetime
    sample: str


@dataclass(slots=True)
class _Template:
    words: list[str]
    lines: list[LogLine] = field(default_factory=list)


def mine_templates(lines: Iterable[LogLine]) -> list[tuple[str, list[LogLine]]]:
    """Templates with their lines, in order of first appearance.

    A line is cut at 2,000 characters; after 20,000 templates new ones share one, `<*>`.
    """
    tree: defaultdict[tuple[int, tuple[str, ...]], list[_Template]] = defaultdict(list)
    ordered: list[_Template] = []
    rest = _Template([WILDCARD])
    for line in lines:
        words = _VARIABLE.sub(WILDCARD, line.text[:MAX_LINE]).split()
        leaf = tree[len(words), tuple(words[:PREFIX_WORDS])]
        found = _closest(leaf, words)
        if found is None and len(ordered) >= MAX_TEMPLATES:
            rest.lines.append(line)
            continue
        if found is None:
            found = _Template(words)
            leaf.append(found)
            ordered.append(found)
        found.words = [a if a == b else WILDCARD for a, b in zip(found.words, words, strict=True)]
        found.lines.append(line)
    templates = [*ordered, rest] if rest.lines else ordered
    return [(" ".join(template.words), template.lines) for template in templates]


def _closest(leaf: list[_Template], words: list[str]) -> _Template | None:
    best, best_share = None, SIMILARITY
    for template in leaf:
        same = sum(a == b for a, b in zip(template.words, words, strict=True))
        share = same / len(words) if words else 1.0
        if share >= best_share:
            best, best_share = template, share
    return best


def unusual_patterns(lines: Sequence[LogLine], start: datetime, end: datetime) -> list[LogPattern]:
    """Templates that are new from `start` on, or burst; new ones first, then by surprise.

    Without lines before `start` nothing can be called new: the list is empty.
    """
    past = [line for line in lines if line.at < start]
    if not past:
        return []
    before_seconds = max((start - min(line.at for line in past)).total_seconds(), 1.0)
    during_seconds = max((end - start).total_seconds(), 1.0)
    found = [
        pattern
        for template, members in mine_templates(sorted(lines, key=lambda line: line.at))
        if (pattern := _judge(template, members, start, before_seconds, during_seconds))
    ]
    return sorted(found, key=lambda p: (p.kind != "new", -p.during / max(p.expected, 0.1)))


def _judge(
    template: str, members: list[LogLine], start: datetime, before: float, during: float
) -> LogPattern | None:
    fresh = [line for line in members if line.at >= start]
    old = len(members) - len(fresh)
    if not fresh:
        return None
    expected = old * during / before
    is_burst = poisson_tail(len(fresh), max(expected, 0.5)) < BURST_P
    if old and not is_burst:
        return None
    return LogPattern(
        template=template,
        kind="burst" if old else "new",
        service=fresh[0].service,
        before=old,
        during=len(fresh),
        expected=round(expected, 2),
        first_at=fresh[0].at,
        sample=fresh[0].text[:300],
    )
