"""`autopilot.support.triage`: what a ticket is about, how soon it matters, who takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from jobforge.autopilots.support.classifier import TicketClassifier
from jobforge.autopilots.support.completeness import STARTER_NEEDS, NeededInformation
from jobforge.autopilots.support.judging import (
    IncomingTicket,
    TriageOptions,
    TriageResult,
    TriageSettings,
    judge_tickets,
)
from jobforge.autopilots.support.labelled_tickets import LabelledTickets
from jobforge.autopilots.support.learning import LearningSources, fit_cached, load_examples
from jobforge.autopilots.support.routing import RoutingRules
from jobforge.autopilots.support.ticket import CustomerContext, TicketContent, translate_ticket
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource
from jobforge.core.job_type import JobType
from jobforge.core.model import Model


def to_instant(value: object) -> object:
    """Read an ISO 8601 time; one without a zone is taken as UTC."""
    if not isinstance(value, str):
        return value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("not an ISO 8601 time") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


Instant = Annotated[datetime, BeforeValidator(to_instant)]


class TenantKnowledge(Model):
    """What the tenant's own tickets and rules say; everything is optional."""

    training: LabelledTickets | None = Field(
        default=None, description="Labelled tickets; the tenant's categories are learned from them."
    )
    corrections: LabelledTickets | None = Field(
        default=None, description="Tickets that were judged wrongly, with the right label."
    )
    closed_tickets: DataSource | None = Field(
        default=None, description="Rows with created_at, closed_at and category."
    )
    rules: RoutingRules = RoutingRules()
    needed_information: dict[str, tuple[NeededInformation, ...]] | None = Field(
        default=None, strict=False, description="By category; null means the built-in list."
    )
    confidence_threshold: float = Field(
        default=0.5, ge=0, le=1, description="Below it a person decides on the category."
    )

    def list_sources(self) -> tuple[DataSource, ...]:
        """Name the data sources."""
        labelled = [one.source for one in (self.training, self.corrections) if one is not None]
        return (*labelled, *([self.closed_tickets] if self.closed_tickets else []))


class TriagePayload(TenantKnowledge):
    """One ticket, and what the tenant knows that helps to judge it."""

    ticket_id: str = Field(min_length=1, max_length=256)
    ticket_content: TicketContent
    customer_context: CustomerContext | None = None
    options: TriageOptions = TriageOptions()
    ticket_priority: str | None = Field(
        default=None, max_length=64, description="The priority it carries now: a hint."
    )
    ticket_status: str | None = Field(default=None, max_length=64)
    opened_at: Instant | None = Field(default=None, description="Null means now.")


def triage_ticket(
    payload: TriagePayload,
    classifier: TicketClassifier,
    settings: TriageSettings,
    *,
    now: datetime,
    closed_tickets: Sequence[Mapping[str, Any]] = (),
) -> TriageResult:
    """Judge one ticket. Personal data is masked before anything else reads the text.

    Raises:
        SourceMalformed: the closed tickets lack a column, or hold a time that cannot be read.
    """
    customer = payload.customer_context
    ticket = IncomingTicket(
        ticket_id=payload.ticket_id,
        text=payload.ticket_content.text,
        opened_at=payload.opened_at or now,
        tier=customer.tier if customer else None,
        requested_priority=payload.ticket_priority,
    )
    return judge_tickets([ticket], classifier, settings, closed_tickets=closed_tickets)[0]


async def prepare(
    knowledge: TenantKnowledge, options: TriageOptions, context: JobContext
) -> tuple[TicketClassifier, TriageSettings, Sequence[Mapping[str, Any]]]:
    """Learn from the tenant's tickets where it has any, and read its closed ones."""
    sources = LearningSources(training=knowledge.training, corrections=knowledge.corrections)
    examples, learned_from = await load_examples(sources, context)
    classifier = fit_cached(examples.texts, examples.labels, 0)
    settings = TriageSettings(
        options=options,
        rules=knowledge.rules,
        confidence_threshold=knowledge.confidence_threshold,
        needed_information=knowledge.needed_information or STARTER_NEEDS,
        learned_from=learned_from,
        n_examples=len(examples.texts),
    )
    closed = await context.data.rows(knowledge.closed_tickets) if knowledge.closed_tickets else ()
    return classifier, settings, closed


async def handle(payload: TriagePayload, context: JobContext) -> TriageResult:
    """Prepare, judge, and keep the judgement as an artifact."""
    classifier, settings, closed = await prepare(payload, payload.options, context)
    result = triage_ticket(payload, classifier, settings, now=context.now(), closed_tickets=closed)
    await context.artifacts.put(
        f"support-triage-{context.job.job_id}.json",
        result.model_dump_json(indent=2).encode(),
        kind="triage_result",
        mime_type="application/json",
    )
    return result


_EXAMPLE: Mapping[str, Any] = {
    "ticket_id": "T-1001",
    "ticket_content": {
        "subject": "Charged twice",
        "body": "I was charged twice for March. Please refund one payment, this is urgent.",
    },
    "customer_context": {"customer_id": "C-7", "tier": "pro"},
}

TRIAGE = JobType(
    name="autopilot.support.triage",
    title="Triage a support ticket",
    domain="support",
    payload=TriagePayload,
    result=TriageResult,
    scopes=frozenset({"support:read"}),
    timeout=timedelta(seconds=60),
    handle=handle,
    examples=(_EXAMPLE,),
    result_examples=(
        {
            "ticket_id": "T-1001",
            "urgency": "high",
            "category": "billing",
            "sentiment": "neutral",
            "suggested_priority": 2,
            "routing_recommendation": "billing",
            "estimated_resolution_time": None,
            "intent": "request",
            "language": "en",
            "confidence": {"category": 0.995, "urgency": 0.55, "sentiment": 0.711},
            "needs_person": False,
            "agent_id": None,
            "due_at": None,
            "alternatives": [],
            "missing_information": [],
            "reasons": [
                {
                    "about": "category",
                    "text": "closest category: billing",
                    "words": ["payment", "refund", "twice"],
                },
                {"about": "urgency", "text": "urgency high", "words": ["urgent", "charged twice"]},
            ],
            "personal_data_found": {},
            "learned_from": "starter",
            "n_examples": 145,
        },
    ),
    translate=translate_ticket,
    sources=TriagePayload.list_sources,
)
