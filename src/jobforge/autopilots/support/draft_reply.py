"""`autopilot.support.draft_reply`: proposals for an answer, each sentence with its source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, model_validator

from jobforge.autopilots.support.drafting import (
    DraftReply,
    Ticket,
    draft_reply,
)
from jobforge.autopilots.support.knowledge import KnowledgeIndex
from jobforge.autopilots.support.reply_templates import Tone
from jobforge.autopilots.support.reply_writer import Draft
from jobforge.autopilots.support.ticket import TicketContent, translate_ticket
from jobforge.autopilots.support.wording import WordingModel, reword
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, NamedDataset
from jobforge.core.job_type import JobType
from jobforge.core.model import Model


class Turn(Model):
    """One message of the conversation so far."""

    role: Literal["customer", "agent", "system"]
    content: str = Field(max_length=200_000)
    timestamp: datetime | None = None


class DraftOptions(Model):
    """How the drafts should be."""

    max_length: int = Field(default=1000, ge=50, le=5000, description="Characters.")
    include_signature: bool = True
    draft_variants: int = Field(default=1, ge=1, le=3)


class DraftReplyPayload(Model):
    """The ticket to answer, by its text, its conversation, or the topics a triage found."""

    ticket_id: str = Field(min_length=1, max_length=256)
    ticket_content: TicketContent | None = None
    conversation_history: tuple[Turn, ...] = Field(default=(), max_length=500)
    customer_name: str | None = Field(default=None, max_length=1_000)
    tone: Tone = "professional"
    include_resources: bool = True
    options: DraftOptions = DraftOptions()
    knowledge: DataSource = Field(
        default=NamedDataset(name="knowledge"),
        description="Articles: article_id, title, body; optional language, is_policy.",
    )
    resolved_tickets: DataSource | None = Field(
        default=None, description="Past tickets as a second pool: article_id, title, body."
    )
    wording_model: WordingModel | None = None
    triage_result_id: str | None = Field(default=None, max_length=256)
    urgency: str | None = Field(default=None, max_length=64)
    triage_topics: tuple[str, ...] = Field(default=(), max_length=50)

    @model_validator(mode="after")
    def _says_something(self) -> DraftReplyPayload:
        if not (self.ticket_content or self.last_words or self.triage_topics):
            raise ValueError("there is no ticket text, no customer's message and no topic")
        return self

    @property
    def last_words(self) -> str:
        """What the customer wrote last, if a conversation was given."""
        said = [turn.content for turn in self.conversation_history if turn.role == "customer"]
        return next((text for text in reversed(said) if text.strip()), "")

    def to_ticket(self) -> Ticket:
        """Return the ticket to answer: the last message of the customer, else the ticket's text."""
        content = self.ticket_content
        topics = " ".join(topic.replace("_", " ") for topic in self.triage_topics)
        return Ticket(
            ticket_id=self.ticket_id,
            subject=content.subject if content else topics,
            body=self.last_words or (content.body if content else ""),
            customer_name=self.customer_name,
        )


class DraftReplyResult(DraftReply):
    """Drafts for a person; nothing is ever sent. `wording_refused`: why a rewording was dropped."""

    n_articles: int
    wording_refused: tuple[str, ...] = ()


async def handle(payload: DraftReplyPayload, context: JobContext) -> DraftReplyResult:
    """Index the tenant's articles, draft, and have the wording improved if a model is named."""
    rows = await context.data.rows(payload.knowledge)
    if payload.resolved_tickets is not None:
        past = await context.data.rows(payload.resolved_tickets)
        rows = [*rows, *({**row, "pool": "ticket"} for row in past)]
    index = KnowledgeIndex.build(rows)
    options = payload.options
    reply = draft_reply(
        payload.to_ticket(),
        index=index,
        tone=payload.tone,
        variants=options.draft_variants,
        max_length=options.max_length,
        include_signature=options.include_signature,
        include_resources=payload.include_resources,
    )
    drafts, refused = reply.drafts, list[str]()
    if payload.wording_model is not None:
        drafts, refused = await _reword_all(reply.drafts, payload, context)
    result = DraftReplyResult(
        **{**dict(reply), "drafts": drafts},
        n_articles=len(index.articles),
        wording_refused=tuple(dict.fromkeys(refused)),
    )
    await context.artifacts.put(
        f"support-draft-{context.job.job_id}.json",
        result.model_dump_json(indent=2).encode(),
        kind="draft_reply",
        mime_type="application/json",
    )
    return result


async def _reword_all(
    drafts: tuple[Draft, ...], payload: DraftReplyPayload, context: JobContext
) -> tuple[tuple[Draft, ...], list[str]]:
    reworded: list[Draft] = []
    refused: list[str] = []
    for draft in drafts:
        if payload.wording_model is None or not draft.quotes:
            reworded.append(draft)
            continue
        wording = await reword(
            draft, payload.wording_model, context.http, max_length=payload.options.max_length
        )
        reworded.append(wording.draft)
        refused += wording.refused_because
    return tuple(reworded), refused


def translate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a module's payload into ours; a review by a person needs no asking for."""
    translated = translate_ticket(payload)
    translated.pop("requires_human_review", None)
    return translated


def list_sources(payload: DraftReplyPayload) -> tuple[DataSource, ...]:
    """Name the payload's data sources."""
    past = payload.resolved_tickets
    return (payload.knowledge,) if past is None else (payload.knowledge, past)


_EXAMPLE: Mapping[str, Any] = {
    "ticket_id": "T-1002",
    "ticket_content": {
        "subject": "Password",
        "body": "How do I reset my password? Can you call my dentist?",
    },
    "customer_name": "Jo Doe",
    "options": {"draft_variants": 2},
    "knowledge": [
        {
            "article_id": "kb-reset",
            "title": "Reset a forgotten password",
            "body": "Open the sign-in page and choose Forgot password. "
            "The link works for 30 minutes.",
        },
        {
            "article_id": "kb-invoice",
            "title": "Download an invoice",
            "body": "Invoices are under Settings, Billing.",
        },
    ],
}

DRAFT_REPLY = JobType(
    name="autopilot.support.draft_reply",
    title="Draft a reply with sources",
    domain="support",
    payload=DraftReplyPayload,
    result=DraftReplyResult,
    scopes=frozenset({"support:read"}),
    timeout=timedelta(seconds=120),
    handle=handle,
    examples=(_EXAMPLE,),
    translate=translate,
    sources=list_sources,
)
