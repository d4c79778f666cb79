"""`autopilot.support.ingest_kb`: read a knowledge base, check it, and make it ready for search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from pydantic import Field, TypeAdapter, model_validator

from jobforge.autopilots.support.articles import (
    Article,
    Passage,
    read_document,
    to_article,
)
from jobforge.autopilots.support.duplicates import find_duplicates
from jobforge.autopilots.support.knowledge import KnowledgeIndex
from jobforge.autopilots.support.language import detect_language
from jobforge.autopilots.support.personal_data import find_personal_data, mask_personal_data
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource
from jobforge.core.errors import SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

SUFFIXES = (".md", ".markdown", ".html", ".htm", ".txt")
_PASSAGES = TypeAdapter(list[Passage])
_ARTICLES = TypeAdapter(list[Article])
_MAX_QUERIES = 20


class IngestKbPayload(Model):
    """Where the articles are: rows, files in the tenant's folder, or both."""

    articles: DataSource | None = Field(
        default=None, description="Rows: article_id, title, body; optional language, is_policy."
    )
    resolved_tickets: DataSource | None = Field(
        default=None, description="Past tickets as a second pool: ticket_id, subject, resolution."
    )
    source_paths: tuple[str, ...] = Field(
        default=(), max_length=1_000, description="Files or folders of Markdown, HTML and text."
    )
    queries: tuple[str, ...] = Field(
        default=(), max_length=_MAX_QUERIES, description="Searches to try on the new index."
    )

    @model_validator(mode="after")
    def _names_a_source(self) -> IngestKbPayload:
        if self.articles is None and self.resolved_tickets is None and not self.source_paths:
            raise ValueError("name articles, resolved_tickets or source_paths")
        return self


class Finding(Model):
    """Something about an article that its owner should look at."""

    article_id: str
    kind: str
    detail: str


class SearchSample(Model):
    """What one of the queries found."""

    query: str
    article_id: str
    passage_id: str
    score: float


class IngestKbResult(Model):
    """What was read. The articles and passages themselves are in the artifacts."""

    n_articles: int
    n_passages: int
    by_pool: dict[str, int]
    by_language: dict[str, int]
    findings: tuple[Finding, ...]
    samples: tuple[SearchSample, ...]


def ticket_to_article(row: Mapping[str, Any]) -> Article:
    """Turn a resolved ticket into an article of the pool of tickets, its personal data masked.

    Raises:
        SourceMalformed: it has no ticket_id, or no resolution.
    """
    resolution = str(row.get("resolution") or row.get("body") or "").strip()
    ticket_id = str(row.get("ticket_id") or row.get("article_id") or "").strip()
    if not resolution:
        raise SourceMalformed(f"resolved ticket {ticket_id[:80]} has no resolution")
    title = mask_personal_data(str(row.get("subject") or row.get("title") or ""))
    body = mask_personal_data(resolution)
    return to_article({"article_id": ticket_id, "title": title, "body": body, "pool": "ticket"})


def check_articles(articles: Sequence[Article]) -> list[Finding]:
    """Find empty bodies, personal data, and articles that say the same as an earlier one."""
    findings = []
    first = find_duplicates([f"{one.title}\n{one.body}" for one in articles])
    for place, article in enumerate(articles):
        kinds = sorted({datum.kind for datum in find_personal_data(article.body)})
        if not article.body.strip():
            findings.append(Finding(article_id=article.article_id, kind="empty", detail="no body"))
        if kinds:
            detail = ", ".join(kinds)
            findings.append(
                Finding(article_id=article.article_id, kind="personal_data", detail=detail)
            )
        if first[place] != place:
            other = articles[first[place]].article_id
            findings.append(
                Finding(article_id=article.article_id, kind="duplicate", detail=f"as {other}")
            )
    return findings


async def handle(payload: IngestKbPayload, context: JobContext) -> IngestKbResult:
    """Read, check, index, try the queries, and keep articles and passages as artifacts."""
    articles = await _read_all(payload, context)
    index = KnowledgeIndex.build(articles)
    await context.progress(0.7, f"{len(index.passages)} passages indexed")
    samples = [
        SearchSample(
            query=mask_personal_data(query), **{name: getattr(hit, name) for name in _HIT_FIELDS}
        )
        for query in payload.queries
        for hit in index.search(query, 3)
    ]
    job_id = context.job.job_id
    for name, content in (
        ("articles", _ARTICLES.dump_json(articles, indent=1)),
        ("passages", _PASSAGES.dump_json(list(index.passages), indent=1)),
    ):
        await context.artifacts.put(
            f"support-kb-{name}-{job_id}.json", content, kind=name, mime_type="application/json"
        )
    languages = (one.language or detect_language(f"{one.title} {one.body}") for one in articles)
    return IngestKbResult(
        n_articles=len(articles),
        n_passages=len(index.passages),
        by_pool=_count([one.pool for one in articles]),
        by_language=_count([language or "unknown" for language in languages]),
        findings=tuple(check_articles(articles)),
        samples=tuple(samples),
    )


_HIT_FIELDS = ("article_id", "passage_id", "score")


async def _read_all(payload: IngestKbPayload, context: JobContext) -> list[Article]:
    articles: list[Article] = []
    if payload.articles is not None:
        articles += map(to_article, await context.data.rows(payload.articles))
    for path in await _list_files(payload.source_paths, context):
        articles.append(read_document(path, await context.workspace.read(path)))
    if payload.resolved_tickets is not None:
        rows = await context.data.rows(payload.resolved_tickets)
        articles += map(ticket_to_article, rows)
    return articles


async def _list_files(paths: Sequence[str], context: JobContext) -> list[str]:
    """Return the documents at and below the paths.

    Raises:
        SourceMalformed: a path holds no document.
    """
    files: list[str] = []
    for path in paths:
        is_file = PurePosixPath(path).suffix.lower() in SUFFIXES
        found = [path] if is_file else list(await context.workspace.list(path, suffixes=SUFFIXES))
        if not found:
            raise SourceMalformed(f"there are no Markdown, HTML or text files in {path}")
        files += found
    return list(dict.fromkeys(files))


def _count(values: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def translate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a module's paths; its counts and sizes follow from them."""
    dropped = {"source_count", "ingestion_batch_size", "_metadata"}
    return {key: value for key, value in payload.items() if key not in dropped}


def list_sources(payload: IngestKbPayload) -> tuple[DataSource, ...]:
    """Name the payload's data sources."""
    return tuple(s for s in (payload.articles, payload.resolved_tickets) if s is not None)


_EXAMPLE: Mapping[str, Any] = {
    "articles": [
        {
            "article_id": "kb-reset",
            "title": "Reset a forgotten password",
            "body": "# Steps\n\nOpen the sign-in page and choose Forgot password.",
        }
    ],
    "resolved_tickets": [
        {"ticket_id": "T-9", "subject": "parcel never came", "resolution": "A second one was sent."}
    ],
    "queries": ["I forgot my password"],
}

INGEST_KB = JobType(
    name="autopilot.support.ingest_kb",
    title="Read a knowledge base",
    domain="support",
    payload=IngestKbPayload,
    result=IngestKbResult,
    scopes=frozenset({"support:read"}),
    timeout=timedelta(minutes=10),
    handle=handle,
    examples=(_EXAMPLE,),
    translate=translate,
    sources=list_sources,
)
