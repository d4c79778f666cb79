"""From the crawl's notebook to its report."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from sqlite3 import Connection

from jobforge.autopilots.growth.seo.catalog import MAX_SITE_ITEMS, to_site_issue
from jobforge.autopilots.growth.seo.crawl_options import CrawlOptions
from jobforge.autopilots.growth.seo.graph import LinkGraph, analyze_graph
from jobforge.autopilots.growth.seo.model import (
    SEVERITIES,
    CrawlReport,
    PageSummary,
    SeoItem,
    SiteIssue,
)
from jobforge.autopilots.growth.seo.score import page_score, site_score
from jobforge.autopilots.growth.seo.site_checks import Hit, site_hits
from jobforge.autopilots.growth.seo.store import CrawlStore, State

SITE_WIDE = frozenset(["robots-txt", "sitemap-invalid", "no-sitemap", "crawl-trap"])


def build_report(
    store: CrawlStore,
    options: CrawlOptions,
    *,
    start: str,
    sitemaps: Iterable[str],
    notes: tuple[str, ...],
    is_late: bool = False,
) -> CrawlReport:
    """Judge the site from what the crawl wrote down."""
    db = store.db
    positions, graph = _graph(db, start)
    hits = [hit for hit in site_hits(db, graph, positions) if options.wants(hit.audit)]
    issues = tuple(issue for issue in _issues(store, hits) if options.wants(issue.audit))
    pages = _pages(db, graph, positions, _scores(db, hits))
    limit = "the time limit was" if is_late else "max_pages"
    waiting = store.count(State.QUEUED)
    judged = [page.score for page in pages if page.score is not None]
    return CrawlReport(
        start_url=start,
        pages=pages,
        issues=issues,
        score=site_score(judged, (i.audit for i in issues if i.audit in SITE_WIDE)),
        blocked_urls=_urls(db, State.BLOCKED),
        sitemaps=tuple(sitemaps),
        urls_known=store.count_known(),
        is_complete=waiting == 0,
        stopped_because=f"{limit} reached, {waiting} URLs left" if waiting else None,
        notes=notes,
    )


def _urls(db: Connection, state: State) -> tuple[str, ...]:
    rows = db.execute("SELECT url FROM url WHERE state = ? ORDER BY url", (int(state),))
    return tuple(row[0] for row in rows)


def _graph(db: Connection, start: str) -> tuple[dict[int, int], LinkGraph]:
    ids = [row[0] for row in db.execute("SELECT id FROM url WHERE state = 1 ORDER BY id")]
    positions = {url_id: position for position, url_id in enumerate(ids)}
    edges = {
        (positions[source], positions[target])
        for source, target in db.execute("SELECT source, target FROM link WHERE nofollow = 0")
        if source in positions and target in positions
    }
    for source, target in db.execute("SELECT id, redirect FROM url WHERE redirect IS NOT NULL"):
        if source in positions and target in positions and source != target:
            edges.add((positions[source], positions[target]))
    row = db.execute("SELECT id FROM url WHERE url = ?", (start,)).fetchone()
    starts = [positions[row[0]]] if row and row[0] in positions else []
    return positions, analyze_graph(len(ids), sorted(edges), starts)


def _issues(store: CrawlStore, hits: Iterable[Hit]) -> tuple[SiteIssue, ...]:
    urls: dict[str, dict[str, None]] = {}
    items: dict[str, list[SeoItem]] = {}
    for audit, url, _, found in store.findings():
        urls.setdefault(audit, {})[url] = None
        _sample(items.setdefault(audit, []), url, found)
    for hit in hits:
        urls.setdefault(hit.audit, {})[hit.url] = None
        _sample(items.setdefault(hit.audit, []), hit.url, [hit.item])
    issues = [to_site_issue(audit, concerned, items[audit]) for audit, concerned in urls.items()]
    return tuple(
        sorted(issues, key=lambda i: (SEVERITIES.index(i.severity), -len(i.urls), i.audit))
    )


def _sample(kept: list[SeoItem], url: str, found: list[SeoItem]) -> None:
    """Keep the first items of each URL, so that the evidence names where it was found."""
    for item in found[: MAX_SITE_ITEMS - len(kept)]:
        about = f"{item.detail} → {item.url}" if item.url and item.url != url else item.detail
        kept.append(SeoItem(about, url, item.element, item.line))


def _scores(db: Connection, hits: Iterable[Hit]) -> dict[str, int]:
    """Scores of pages that fail an audit of the whole site too."""
    audits: dict[str, set[str]] = {}
    for hit in hits:
        if hit.audit not in SITE_WIDE:
            audits.setdefault(hit.url, set()).add(hit.audit)
    for url, audit in db.execute(
        "SELECT url.url, audit FROM finding JOIN url ON url.id = finding.url"
    ):
        if url in audits:
            audits[url].add(audit)
    return {url: page_score(failed) for url, failed in audits.items()}


def _pages(
    db: Connection, graph: LinkGraph, positions: dict[int, int], scores: dict[str, int]
) -> tuple[PageSummary, ...]:
    rows = db.execute(
        "SELECT a.id, a.url, a.status, a.depth, a.content_type, a.size, a.elapsed_ms, a.title, "
        "a.words, a.is_html, a.noindex, a.canonical, b.url, a.in_sitemap, a.score, a.error, "
        "a.first_byte_ms "
        "FROM url a LEFT JOIN url b ON b.id = a.redirect WHERE a.state = 1 ORDER BY a.url"
    )
    return tuple(_page(row, graph, positions[row[0]], scores) for row in rows)


def _page(
    row: tuple[object, ...], graph: LinkGraph, position: int, scores: dict[str, int]
) -> PageSummary:
    (url_id, url, status, depth, kind, size, elapsed, title, words, is_html, noindex, canonical,
     redirect, in_sitemap, score, error, first_byte) = row  # fmt: skip
    clicks = graph.clicks[position]
    is_ok = bool(is_html) and status == HTTPStatus.OK and not noindex and redirect is None
    own = score if isinstance(score, int) else None
    return PageSummary(
        url=str(url),
        status=status if isinstance(status, int) else None,
        depth=clicks if clicks is not None else depth if isinstance(depth, int) else 0,
        content_type=str(kind or ""),
        size_bytes=size if isinstance(size, int) else 0,
        elapsed_ms=elapsed if isinstance(elapsed, float) else 0.0,
        title=str(title or ""),
        word_count=words if isinstance(words, int) else 0,
        is_html=bool(is_html),
        is_indexable=is_ok and canonical in (None, url_id),
        redirect_to=str(redirect) if redirect else None,
        in_sitemap=bool(in_sitemap),
        inlinks=graph.inlinks[position],
        rank=graph.ranks[position],
        score=scores.get(str(url), own) if own is not None else None,
        error=str(error) if error else None,
        first_byte_ms=first_byte if isinstance(first_byte, float) else 0.0,
    )
