"""`autopilot.support.propose_kb_patch`: what the knowledge base lacks, written from tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from jobforge.autopilots.support.articles import Article
from jobforge.autopilots.support.contradictions import (
    Contradiction,
    StaleArticle,
    find_contradictions,
    find_stale,
)
from jobforge.autopilots.support.gaps import (
    Gap,
    find_best_articles,
    find_gaps,
    read_cases,
)
from jobforge.autopilots.support.kb_article import Proposal, write_article
from jobforge.autopilots.support.knowledge import KnowledgeIndex
from jobforge.autopilots.support.triage import to_instant
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, NamedDataset
from jobforge.core.errors import SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

ContentType = Literal["new_article", "section_update", "faq_entry"]
Decision = Literal["new_article", "section_update", "faq_entry", "article_exists"]

RELATED_FROM, SAME_FROM = 0.18, 0.42
"""Scores from which an article is related to the tickets, and from which it covers them."""
_N_RELATED = 3
_TYPE_OF_PATCH: dict[str, ContentType] = {
    "update_article": "section_update",
    "update": "section_update",
    "section_update": "section_update",
    "patch": "section_update",
    "faq": "faq_entry",
    "faq_entry": "faq_entry",
}


class PatchOptions(Model):
    """How the article should be."""

    include_code_examples: bool = True
    review_required: bool = Field(
        default=True, description="Kept for callers; a review is always required."
    )
    auto_link_related: bool = True


class ProposeKbPatchPayload(Model):
    """The tickets to learn from, and the knowledge base to compare them with."""

    source_ticket_ids: tuple[str, ...] = Field(min_length=1, max_length=5_000)
    target_kb_article_id: str | None = Field(default=None, max_length=256)
    content_type: ContentType = "new_article"
    options: PatchOptions = PatchOptions()
    tickets: DataSource = Field(
        default=NamedDataset(name="tickets"),
        description="Rows: ticket_id, subject, body, resolution; optional status, "
        "handling_minutes, created_at, customer_name.",
    )
    knowledge: DataSource = Field(
        default=NamedDataset(name="knowledge"),
        description="Articles: article_id, title, body; optional updated_at.",
    )
    proposal_id: str | None = Field(default=None, max_length=256)
    proposed_title: str | None = Field(
        default=None, max_length=200, description="A module's title; it is used where given."
    )


class ProposeKbPatchResult(Model):
    """A proposal for a person. Nothing is published."""

    content_type: ContentType
    decision: Decision
    decided_because: str
    proposed_title: str
    proposed_content: str
    has_answer: bool
    unified_diff: str
    related_articles: tuple[str, ...]
    near_duplicate_of: str | None
    suggested_tags: tuple[str, ...]
    evidence_ticket_ids: tuple[str, ...]
    missing_ticket_ids: tuple[str, ...]
    gaps: tuple[Gap, ...]
    contradictions: tuple[Contradiction, ...]
    stale_articles: tuple[StaleArticle, ...]
    review_state: Literal["proposed"] = "proposed"
    draft_only: Literal[True] = True
    requires_review: Literal[True] = True


def propose_patch(
    rows: Sequence[Mapping[str, Any]],
    articles: Sequence[Article | Mapping[str, Any]],
    payload: ProposeKbPatchPayload,
) -> ProposeKbPatchResult:
    """Find the worst gap among the tickets and write what would close it.

    Raises:
        SourceMalformed: none of the tickets is there, a row is incomplete, or the target article
            does not exist.
    """
    wanted = set(payload.source_ticket_ids)
    chosen = [row for row in rows if str(row.get("ticket_id") or "") in wanted]
    if not chosen:
        raise SourceMalformed("none of the source tickets is among the rows")
    cases = read_cases(chosen)
    index = KnowledgeIndex.build(articles) if articles else None
    gaps = find_gaps(cases, index)
    some = [case for case in cases if case.ticket_id in set(gaps[0].ticket_ids)]
    best = find_best_articles(some, index, _N_RELATED) if index else []
    related = [name for name, score in best if score >= RELATED_FROM]
    decision, target_id, why = _decide(payload, best)
    target = _find_target(index, target_id)
    links = [index.find_article(name) for name in related if name != target_id] if index else []
    proposal = write_article(
        some,
        title=payload.proposed_title,
        target=target if decision == "section_update" else None,
        as_faq=decision == "faq_entry",
        include_code=payload.options.include_code_examples,
        related=links if payload.options.auto_link_related else (),
    )
    nearby = [index.find_article(name) for name in related] if index else []
    contradictions = find_contradictions(nearby, some)
    found = {case.ticket_id for case in cases}
    return ProposeKbPatchResult(
        content_type=payload.content_type,
        decision=decision,
        decided_because=why,
        near_duplicate_of=best[0][0] if best and best[0][1] >= SAME_FROM else None,
        **_to_fields(proposal),
        related_articles=tuple(related),
        evidence_ticket_ids=gaps[0].ticket_ids,
        missing_ticket_ids=tuple(one for one in payload.source_ticket_ids if one not in found),
        gaps=tuple(gaps),
        contradictions=tuple(contradictions),
        stale_articles=tuple(
            find_stale(nearby, contradictions, newest_ticket=_find_newest(chosen))
        ),
    )


def _to_fields(proposal: Proposal) -> dict[str, Any]:
    return {
        "proposed_title": proposal.title,
        "proposed_content": proposal.markdown,
        "has_answer": proposal.has_answer,
        "unified_diff": proposal.diff,
        "suggested_tags": proposal.tags,
    }


def _decide(
    payload: ProposeKbPatchPayload, best: Sequence[tuple[str, float]]
) -> tuple[Decision, str | None, str]:
    """Choose between a new article and a patch; never a second article on the same matter."""
    if payload.target_kb_article_id:
        return "section_update", payload.target_kb_article_id, "the caller named the article"
    name, score = best[0] if best else (None, 0.0)
    if score >= SAME_FROM:
        return "section_update", name, f"{name} covers this already (score {score:.2f})"
    if payload.content_type == "section_update":
        if name is not None and score >= RELATED_FROM:
            return "section_update", name, f"{name} is closest (score {score:.2f})"
        return "new_article", None, "no article is close enough to take a section"
    return payload.content_type, None, f"no article covers this (best score {score:.2f})"


def _find_target(index: KnowledgeIndex | None, article_id: str | None) -> Article | None:
    if article_id is None:
        return None
    if index is None or article_id not in index.article_places:
        raise SourceMalformed(f"there is no article {article_id[:80]} in the knowledge base")
    return index.find_article(article_id)


def _find_newest(rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    times = []
    for row in rows:
        try:
            value = to_instant(str(row.get("created_at") or ""))
        except ValueError:
            continue
        times += [value] if isinstance(value, datetime) else []
    return max(times, default=None)


async def handle(payload: ProposeKbPatchPayload, context: JobContext) -> ProposeKbPatchResult:
    """Read tickets and articles, propose, and keep the proposal and its Markdown as artifacts."""
    rows = await context.data.rows(payload.tickets)
    articles = await context.data.rows(payload.knowledge)
    result = propose_patch(rows, articles, payload)
    name = f"support-kb-patch-{context.job.job_id}"
    await context.artifacts.put(
        f"{name}.json",
        result.model_dump_json(indent=2).encode(),
        kind="kb_patch_proposal",
        mime_type="application/json",
    )
    await context.artifacts.put(
        f"{name}.md",
        result.proposed_content.encode(),
        kind="kb_patch_markdown",
        mime_type="text/markdown",
    )
    return result


def translate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a module's `related_tickets` and `patch_type` into ours; its own diff is not used."""
    dropped = {"related_ticket_count", "diff_preview", "_metadata"}
    translated = {key: value for key, value in payload.items() if key not in dropped}
    if "related_tickets" in translated and "source_ticket_ids" not in translated:
        translated["source_ticket_ids"] = [
            str(one.get("ticket_id") or one.get("id")) if isinstance(one, dict) else one
            for one in translated.pop("related_tickets")
        ]
    patch_type = translated.pop("patch_type", None)
    if patch_type is not None:
        translated["content_type"] = _TYPE_OF_PATCH.get(str(patch_type), "new_article")
    return translated


def list_sources(payload: ProposeKbPatchPayload) -> tuple[DataSource, ...]:
    """Name the payload's data sources."""
    return (payload.tickets, payload.knowledge)


_EXAMPLE: Mapping[str, Any] = {
    "source_ticket_ids": ["T-1", "T-2", "T-3"],
    "tickets": [
        {
            "ticket_id": "T-1",
            "subject": "Export fails above 10000 rows",
            "body": "Why does my export stop? Mail me at jo@example.org.",
            "resolution": "Hi Jo,\nSplit the export by month. Each file may have 10000 rows.",
            "customer_name": "Jo Doe",
            "handling_minutes": 30,
        },
        {
            "ticket_id": "T-2",
            "subject": "Export stops",
            "body": "The export of our contacts stops in the middle.",
            "resolution": "Split the export by month.",
            "handling_minutes": 45,
        },
        {
            "ticket_id": "T-3",
            "subject": "export incomplete",
            "body": "Half of the rows are missing from the export.",
        },
    ],
    "knowledge": [
        {
            "article_id": "kb-export",
            "title": "Export contacts",
            "body": "Choose Contacts, then Export. Each file may have 5000 rows.",
        },
        {"article_id": "kb-reset", "title": "Reset a password", "body": "Choose Forgot password."},
    ],
}

PROPOSE_KB_PATCH = JobType(
    name="autopilot.support.propose_kb_patch",
    title="Propose a knowledge-base article",
    domain="support",
    payload=ProposeKbPatchPayload,
    result=ProposeKbPatchResult,
    scopes=frozenset({"support:read"}),
    timeout=timedelta(seconds=180),
    handle=handle,
    examples=(_EXAMPLE,),
    translate=translate,
    sources=list_sources,
)
