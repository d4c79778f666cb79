"""`autopilot.support.triage`: what a ticket is about, how soon it matters, who takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Literal

from pydantic import Field

from jobforge.autopilots.support.classifier import Prediction, TicketClassifier
from jobforge.autopilots.support.labelled_tickets import LabelledTickets, read_labelled
from jobforge.autopilots.support.personal_data import (
    count_kinds,
    find_personal_data,
    mask_personal_data,
)
from jobforge.autopilots.support.resolution_times import estimate_resolution
from jobforge.autopilots.support.signals import (
    Sentiment,
    Signal,
    Urgency,
    judge_sentiment,
    judge_urgency,
)
from jobforge.autopilots.support.starter_tickets import STARTER_TICKETS
from jobforge.autopilots.support.ticket import (
    CustomerContext,
    CustomerTier,
    TicketContent,
    translate_ticket,
)
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

OUT_OF_SCOPE = "general"
HUMAN_REVIEW = "human-review"
MIN_ALTERNATIVE = 0.01
"""Alternatives less likely than this are not named."""
_PRIORITY_OF: dict[str, int] = {"critical": 1, "high": 2, "medium": 3, "low": 4}
_REQUESTED_HIGH = frozenset({"critical", "urgent", "highest", "p1", "p0"})


class TriageOptions(Model):
    """What to judge; what is switched off comes back as null."""

    urgency_detection: bool = True
    category_classification: bool = True
    sentiment_analysis: bool = True


class TriagePayload(Model):
    """One ticket, and what the tenant knows that helps to judge it."""

    ticket_id: str = Field(min_length=1, max_length=256)
    ticket_content: TicketContent
    customer_context: CustomerContext | None = None
    options: TriageOptions = TriageOptions()
    ticket_priority: str | None = Field(
        default=None, max_length=64, description="The priority it carries now: a hint."
    )
    ticket_status: str | None = Field(default=None, max_length=64)
    training: LabelledTickets | None = Field(
        default=None, description="The tenant's labelled tickets; its categories are learned here."
    )
    closed_tickets: DataSource | None = Field(
        default=None, description="Rows with created_at, closed_at and category."
    )
    queues: dict[str, str] = Field(
        default_factory=dict, description="Queue by category; a category not named is its own."
    )
    confidence_threshold: float = Field(
        default=0.5, ge=0, le=1, description="Below it a person decides on the category."
    )


class CategoryScore(Model):
    """A category and the calibrated probability that it is right."""

    category: str
    confidence: float


class Reason(Model):
    """Why something was judged as it was; `words` stand in the ticket."""

    about: Literal["category", "urgency", "sentiment", "priority", "routing"]
    text: str
    words: tuple[str, ...] = ()


class Confidence(Model):
    """How sure each judgement is, from 0 to 1; null where it was switched off."""

    category: float | None
    urgency: float | None
    sentiment: float | None


class TriageResult(Model):
    """The judgement. `suggested_priority` runs from 1 (first) to 5 (last)."""

    ticket_id: str
    urgency: Urgency | None
    category: str | None
    sentiment: Sentiment | None
    suggested_priority: int = Field(ge=1, le=5)
    routing_recommendation: str
    estimated_resolution_time: timedelta | None
    confidence: Confidence
    needs_person: bool
    alternatives: tuple[CategoryScore, ...]
    reasons: tuple[Reason, ...]
    personal_data_found: dict[str, int]
    learned_from: Literal["tenant", "starter"]
    n_examples: int


def triage_ticket(
    payload: TriagePayload,
    classifier: TicketClassifier,
    *,
    learned_from: Literal["tenant", "starter"] = "starter",
    n_examples: int = 0,
    closed_tickets: Sequence[Mapping[str, Any]] = (),
) -> TriageResult:
    """Judge one ticket. Personal data is masked before anything else looks at the text.

    Raises:
        SourceMalformed: the closed tickets lack a column, or hold a time that cannot be read.
    """
    raw = payload.ticket_content.text
    text = mask_personal_data(raw)
    options = payload.options
    prediction = classifier.predict([text])[0] if options.category_classification else None
    urgency = judge_urgency(text) if options.urgency_detection else None
    sentiment = judge_sentiment(text) if options.sentiment_analysis else None
    category = _name_category(prediction)
    priority, priority_reasons = suggest_priority(
        urgency, sentiment, tier=_tier(payload), requested=payload.ticket_priority
    )
    queue, needs_person, routing_reason = _route(payload, prediction, category)
    return TriageResult(
        ticket_id=payload.ticket_id,
        urgency=urgency.level if urgency else None,
        category=category,
        sentiment=sentiment.level if sentiment else None,
        suggested_priority=priority,
        routing_recommendation=queue,
        estimated_resolution_time=estimate_resolution(closed_tickets, category),
        confidence=Confidence(
            category=_round(prediction.confidence) if prediction else None,
            urgency=urgency.confidence if urgency else None,
            sentiment=sentiment.confidence if sentiment else None,
        ),
        needs_person=needs_person,
        alternatives=_list_alternatives(prediction),
        reasons=(
            *_explain(prediction, urgency, sentiment),
            *(Reason(about="priority", text=text) for text in priority_reasons),
            routing_reason,
        ),
        personal_data_found=count_kinds(find_personal_data(raw)),
        learned_from=learned_from,
        n_examples=n_examples,
    )


def suggest_priority(
    urgency: Signal[Urgency] | None,
    sentiment: Signal[Sentiment] | None,
    *,
    tier: CustomerTier | None = None,
    requested: str | None = None,
) -> tuple[int, tuple[str, ...]]:
    """Return a priority from 1 (first) to 5 (last) and the steps that led to it.

    Urgency sets the start (medium where it was not judged). One step up for a negative mood, for an
    enterprise customer with something urgent, and where the requester marked it urgent; one step
    down for a positive mood without urgency. Never more than two steps from the start.
    """
    level = urgency.level if urgency else "medium"
    start = _PRIORITY_OF[level]
    steps = [(0, f"urgency {level} starts at {start}")]
    is_pressing = level in {"high", "critical"}
    if sentiment and sentiment.level == "negative":
        steps.append((-1, "negative mood: one up"))
    if sentiment and sentiment.level == "positive" and not is_pressing:
        steps.append((1, "positive mood and nothing pressing: one down"))
    if tier == "enterprise" and is_pressing:
        steps.append((-1, "enterprise customer with something pressing: one up"))
    if requested and requested.strip().lower() in _REQUESTED_HIGH:
        steps.append((-1, "marked urgent by the requester: one up"))
    change = max(-2, min(2, sum(step for step, _ in steps)))
    return max(1, min(5, start + change)), tuple(text for _, text in steps)


def _route(
    payload: TriagePayload, prediction: Prediction | None, category: str | None
) -> tuple[str, bool, Reason]:
    if prediction is None or category is None:
        text = "no category was asked for: a person decides"
        return HUMAN_REVIEW, True, Reason(about="routing", text=text)
    if prediction.out_of_scope:
        text = "unlike every ticket learned from: a person decides"
        return HUMAN_REVIEW, True, Reason(about="routing", text=text)
    if prediction.confidence < payload.confidence_threshold:
        sure, needed = _round(prediction.confidence), payload.confidence_threshold
        text = f"confidence {sure} is below the threshold {needed}: a person decides"
        return HUMAN_REVIEW, True, Reason(about="routing", text=text)
    queue = payload.queues.get(category, category)
    return queue, False, Reason(about="routing", text=f"category {category} goes to {queue}")


def _name_category(prediction: Prediction | None) -> str | None:
    if prediction is None:
        return None
    return OUT_OF_SCOPE if prediction.out_of_scope else prediction.label


def _list_alternatives(prediction: Prediction | None) -> tuple[CategoryScore, ...]:
    if prediction is None:
        return ()
    likely = (one for one in prediction.alternatives if one.confidence >= MIN_ALTERNATIVE)
    pairs = [(one.label, one.confidence) for one in likely]
    if prediction.out_of_scope:
        pairs = [(prediction.label, prediction.confidence), *pairs]
    return tuple(CategoryScore(category=label, confidence=_round(sure)) for label, sure in pairs)


def _explain(
    prediction: Prediction | None,
    urgency: Signal[Urgency] | None,
    sentiment: Signal[Sentiment] | None,
) -> list[Reason]:
    reasons = []
    if prediction:
        text = f"closest category: {prediction.label}"
        reasons.append(Reason(about="category", text=text, words=prediction.reasons))
    if urgency:
        text = f"urgency {urgency.level}" if urgency.words else "no sign of urgency"
        reasons.append(Reason(about="urgency", text=text, words=urgency.words))
    if sentiment:
        text = f"mood {sentiment.level}" if sentiment.words else "no sign of mood"
        reasons.append(Reason(about="sentiment", text=text, words=sentiment.words))
    return reasons


def _tier(payload: TriagePayload) -> CustomerTier | None:
    return payload.customer_context.tier if payload.customer_context else None


def _round(value: float) -> float:
    return round(value, 3)


@cache
def load_starter_classifier() -> TicketClassifier:
    """Learn the starter tickets, once per process."""
    pairs = [(text, label) for label, texts in STARTER_TICKETS.items() for text in texts]
    return TicketClassifier.fit([text for text, _ in pairs], [label for _, label in pairs])


async def handle(payload: TriagePayload, context: JobContext) -> TriageResult:
    """Learn from the tenant's tickets where it has any, then judge this one."""
    learned: Literal["tenant", "starter"] = "starter"
    n_examples = sum(map(len, STARTER_TICKETS.values()))
    if payload.training is None:
        classifier = load_starter_classifier()
    else:
        rows = await context.data.rows(payload.training.source)
        examples = read_labelled(rows, payload.training)
        classifier = TicketClassifier.fit(examples.texts, examples.labels, seed=context.seed)
        learned, n_examples = "tenant", len(examples.texts)
    closed = await context.data.rows(payload.closed_tickets) if payload.closed_tickets else ()
    result = triage_ticket(
        payload,
        classifier,
        learned_from=learned,
        n_examples=n_examples,
        closed_tickets=closed,
    )
    await context.artifacts.put(
        f"support-triage-{context.job.job_id}.json",
        result.model_dump_json(indent=2).encode(),
        kind="triage_result",
        mime_type="application/json",
    )
    return result


def list_sources(payload: TriagePayload) -> tuple[DataSource, ...]:
    """Name the payload's data sources."""
    training = () if payload.training is None else (payload.training.source,)
    return training if payload.closed_tickets is None else (*training, payload.closed_tickets)


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
    translate=translate_ticket,
    sources=list_sources,
)
