"""Audits that need the whole site: links, redirects, duplicates, canonicals, hreflang, sitemaps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from sqlite3 import Connection

from jobforge.autopilots.growth.seo.graph import LinkGraph
from jobforge.autopilots.growth.seo.model import SeoItem
from jobforge.autopilots.growth.seo.similarity import near_duplicates
from jobforge.autopilots.growth.seo.store import State
from jobforge.autopilots.growth.seo.tables import text

MAX_CLICKS = 4
MAX_HOPS = 20
_CHAIN = 3
_NAME = re.compile(r"^-- name: (\S+)\n", re.MULTILINE)
_STATES = {state.name.lower(): int(state) for state in State}


@dataclass(frozen=True, slots=True)
class Hit:
    """One URL that fails an audit, and why."""

    audit: str
    url: str
    item: SeoItem


@cache
def site_queries() -> dict[str, str]:
    """The query of each audit, by the audit's name."""
    _, *parts = _NAME.split(text("site_checks.sql"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def site_hits(db: Connection, graph: LinkGraph, positions: dict[int, int]) -> Iterator[Hit]:
    """Every hit of every audit of the whole site."""
    for audit, query in site_queries().items():
        for url, detail, concerned in db.execute(query, _STATES):
            yield Hit(audit, url, SeoItem(str(detail), concerned or ""))
    yield from redirect_hits(db)
    yield from near_duplicate_hits(db)
    yield from position_hits(db, graph, positions)


def redirect_hits(db: Connection) -> Iterator[Hit]:
    """Chains and loops of redirects, by HTTP or meta refresh."""
    rows = db.execute(
        "SELECT id, url, redirect FROM url WHERE redirect IS NOT NULL ORDER BY url"
    ).fetchall()
    following = {url_id: target for url_id, _, target in rows}
    names = {url_id: url for url_id, url, _ in rows}
    for url_id, url, _ in rows:
        path = _path(url_id, following)
        if len(set(path)) < len(path):
            if path[-1] == url_id:
                hops = f"comes back after {len(path) - 1} hops"
                yield Hit("redirect-loop", url, SeoItem(hops, names.get(path[1], "")))
        elif len(path) >= _CHAIN:
            hops = f"{len(path) - 1} redirects in a row"
            yield Hit("redirect-chain", url, SeoItem(hops, names.get(path[1], "")))


def _path(url_id: int, following: dict[int, int]) -> list[int]:
    """The hops from a URL; ends where nothing follows, or with the first URL met again."""
    path = [url_id]
    while len(path) <= MAX_HOPS and (step := following.get(path[-1])) is not None:
        path.append(step)
        if step in path[:-1]:
            break
    return path


def near_duplicate_hits(db: Connection) -> Iterator[Hit]:
    """Pages whose text nearly agrees, but not exactly."""
    rows = db.execute(
        "SELECT url, simhash, digest FROM indexable WHERE simhash IS NOT NULL ORDER BY url"
    ).fetchall()
    for group in near_duplicates([row[1] for row in rows]):
        if len({rows[i][2] for i in group}) == 1:
            continue
        for position in group:
            other = rows[group[0] if position != group[0] else group[1]][0]
            detail = f"{len(group)} pages nearly alike"
            yield Hit("near-duplicate-content", rows[position][0], SeoItem(detail, other))


def position_hits(db: Connection, graph: LinkGraph, positions: dict[int, int]) -> Iterator[Hit]:
    """Pages that are hard to reach: orphans, and those many clicks away."""
    rows = db.execute(
        "SELECT id, url, in_sitemap FROM url WHERE is_html = 1 AND status = 200 ORDER BY url"
    )
    for url_id, url, in_sitemap in rows:
        clicks = graph.clicks[positions[url_id]]
        if clicks is not None and clicks > MAX_CLICKS:
            yield Hit("depth", url, SeoItem(f"{clicks} clicks from the start", url))
        if graph.inlinks[positions[url_id]] == 0 and clicks != 0:
            where = "only the sitemap names it" if in_sitemap else "no page links to it"
            yield Hit("orphan", url, SeoItem(where, url))
