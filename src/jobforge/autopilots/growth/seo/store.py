"""The crawl's notebook: frontier, pages, links and findings in one SQLite file.

Memory stays flat however large the site is, and a crawl that was killed goes on where it was.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.tables import text

AFTERWARDS = ("broken-images", "external-link-broken", "external-link-redirect", "large-image")
"""Audits of what lies outside the site; they are made when the crawl is through."""
FORM = 2
"""Goes up when the tables change, so that no crawl goes on with another version's."""

MAX_ITEMS_PER_FINDING = 5


class State(IntEnum):
    """Where a URL stands. Only a queued one is fetched; an outsider is known by its links."""

    QUEUED = 0
    DONE = 1
    BLOCKED = 2
    BEYOND = 3
    TRAP = 4


@dataclass(frozen=True, slots=True)
class QueuedUrl:
    """A URL that waits to be fetched."""

    id: int
    url: str
    depth: int


@dataclass(frozen=True, slots=True)
class LinkTo:
    """A link from a page to another URL of the site."""

    url: str
    is_nofollow: bool = False


@dataclass(slots=True)
class PageFacts:
    """What is kept of one fetched URL."""

    status: int | None = None
    content_type: str = ""
    size: int = 0
    elapsed_ms: float = 0.0
    first_byte_ms: float = 0.0
    title: str = ""
    description: str = ""
    words: int = 0
    simhash: int | None = None
    digest: bytes | None = None
    canonical: str | None = None
    is_noindex: bool = False
    redirect: str | None = None
    score: int | None = None
    error: str | None = None
    is_html: bool = False
    next: str | None = None
    prev: str | None = None
    links: tuple[LinkTo, ...] = ()
    hreflang: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    external: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    is_nofollow: bool = False


class CrawlStore:
    """One crawl. `path` None keeps it in a private temporary file that SQLite removes itself.

    A file has one holder at a time: a second one gets `sqlite3.OperationalError`.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.db = sqlite3.connect(str(path) if path else "", timeout=2, isolation_level=None)
        self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.db.execute("PRAGMA journal_mode = " + ("WAL" if path else "OFF"))
        self.db.execute("PRAGMA synchronous = " + ("NORMAL" if path else "OFF"))
        self.db.execute("PRAGMA cache_size = -20000")
        self.db.executescript(text("store.sql"))
        self.db.execute("BEGIN IMMEDIATE")
        # What is no page's own, or was found after the crawl, is found anew by whoever goes on.
        self.db.execute(
            "DELETE FROM finding WHERE url IN (SELECT id FROM url WHERE state <> 1) "
            "OR audit IN (SELECT value FROM json_each(?))",
            (json.dumps(AFTERWARDS),),
        )

    def close(self) -> None:
        """Save what is open and let go of the file."""
        self.db.execute("COMMIT")
        self.db.close()

    def id_of(self, url: str) -> int | None:
        """The number of a known URL."""
        row = self.db.execute("SELECT id FROM url WHERE url = ?", (url,)).fetchone()
        return row[0] if row else None

    def add(self, url: str, *, depth: int | None, state: State, pattern: str = "") -> int:
        """Know a URL; one that is known already keeps its state."""
        cursor = self.db.execute(
            "INSERT OR IGNORE INTO url (url, state, depth, pattern) VALUES (?, ?, ?, ?)",
            (url, int(state), depth, pattern),
        )
        if cursor.rowcount == 1 and cursor.lastrowid is not None:
            return cursor.lastrowid
        known = self.id_of(url)
        assert known is not None  # noqa: S101 - the row was there, or the insert would have made it
        return known

    def requeue_beyond(self, url_id: int, depth: int | None) -> None:
        """Queue a URL that was known but not to be fetched so far."""
        self.db.execute(
            "UPDATE url SET state = 0, depth = ? WHERE id = ? AND state = ?",
            (depth, url_id, int(State.BEYOND)),
        )

    def mark(self, url_id: int, state: State) -> None:
        """Change where a URL stands."""
        self.db.execute("UPDATE url SET state = ? WHERE id = ?", (int(state), url_id))

    def mark_in_sitemap(self, url_id: int) -> None:
        """Note that a sitemap lists the URL."""
        self.db.execute("UPDATE url SET in_sitemap = 1 WHERE id = ?", (url_id,))

    def queued(self, limit: int, *, beyond: Iterable[int] = ()) -> list[QueuedUrl]:
        """The next URLs to fetch, nearest to the start first, without those being fetched now."""
        busy = set(beyond)
        rows = self.db.execute(
            "SELECT id, url, coalesce(depth, 0) FROM url WHERE state = 0 "
            "ORDER BY depth IS NULL, depth, id LIMIT ?",
            (limit + len(busy),),
        )
        return [QueuedUrl(*row) for row in rows if row[0] not in busy][:limit]

    def count(self, state: State) -> int:
        """How many URLs stand there."""
        row = self.db.execute("SELECT count(*) FROM url WHERE state = ?", (int(state),)).fetchone()
        return int(row[0])

    def count_known(self) -> int:
        """How many URLs are known."""
        return int(self.db.execute("SELECT count(*) FROM url").fetchone()[0])

    def save(self, page: QueuedUrl, facts: PageFacts, targets: Sequence[int | None]) -> None:
        """Write one fetched page down.

        `targets` are the numbers of its links, then of canonical, redirect, next, prev, then of its
        hreflang links, in that order; None where such a target does not exist or is another site's.
        """
        count = len(facts.links)
        canonical, redirect, following, previous = targets[count : count + 4]
        self.db.execute(
            "UPDATE url SET state = 1, status = ?, content_type = ?, size = ?, elapsed_ms = ?, "
            "first_byte_ms = ?, title = ?, description = ?, words = ?, simhash = ?, digest = ?, "
            "canonical = ?, noindex = ?, redirect = ?, score = ?, error = ?, is_html = ?, "
            "next = ?, prev = ? WHERE id = ?",
            (
                facts.status,
                facts.content_type,
                facts.size,
                facts.elapsed_ms,
                facts.first_byte_ms,
                facts.title,
                facts.description,
                facts.words,
                facts.simhash,
                facts.digest,
                canonical,
                facts.is_noindex,
                redirect,
                facts.score,
                facts.error,
                facts.is_html,
                following,
                previous,
                page.id,
            ),
        )
        links = zip(facts.links, targets[:count], strict=True)
        self.db.executemany(
            "INSERT INTO link VALUES (?, ?, ?)",
            [(page.id, target, link.is_nofollow) for link, target in links if target is not None],
        )
        alternates = zip(facts.hreflang, targets[count + 4 :], strict=True)
        self.db.executemany(
            "INSERT INTO hreflang VALUES (?, ?, ?)",
            [(page.id, code, target) for (code, _), target in alternates if target is not None],
        )
        outside = [(page.id, u, 0) for u in facts.external] + [
            (page.id, u, 1) for u in facts.images
        ]
        self.db.executemany("INSERT INTO outside VALUES (?, ?, ?)", outside)
        for finding in facts.findings:
            self.add_finding(page.id, finding)

    def add_finding(self, url_id: int, finding: Finding) -> None:
        """Write one finding down."""
        kept = [(i.detail, i.url, i.element, i.line) for i in finding.items[:MAX_ITEMS_PER_FINDING]]
        self.db.execute(
            "INSERT INTO finding VALUES (?, ?, ?, ?)",
            (url_id, finding.audit, finding.evidence, json.dumps(kept)),
        )

    def commit(self) -> None:
        """Make what was written so far survive a kill."""
        self.db.execute("COMMIT")
        self.db.execute("BEGIN")

    def findings(self) -> Iterator[tuple[str, str, str, list[SeoItem]]]:
        """Every finding: audit, URL, evidence, items; by audit, then URL."""
        rows = self.db.execute(
            "SELECT audit, url.url, evidence, items FROM finding JOIN url ON url.id = finding.url "
            "ORDER BY audit, url.url"
        )
        for audit, url, evidence, items in rows:
            yield audit, url, evidence, [SeoItem(*item) for item in json.loads(items)]


def open_store(path: Path | None) -> CrawlStore:
    """The crawl kept at `path`, to go on with.

    Where another attempt still holds the file, this one begins anew without it; where the file is
    torn, it begins anew in its place.
    """
    try:
        return CrawlStore(path)
    except sqlite3.OperationalError:
        return CrawlStore()
    except sqlite3.DatabaseError:
        assert path is not None  # noqa: S101 - a private file was made just now
        path.unlink()
        return CrawlStore(path)
