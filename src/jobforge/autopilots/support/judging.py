"""Everything that is said about one ticket, with the words and rules that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from jobforge.autopilots.support.classifier import Prediction, TicketClassifier
from jobforge.autopilots.support.completeness import (
    STARTER_NEEDS,
    Intent,
    NeededInformation,
    find_missing,
    judge_intent,
)
from jobforge.autopilots.support.language import detect_language
from jobforge.autopilots.support.personal_data import (
    count_kinds,
    find_personal_data,
    mask_personal_data,
)
from jobforge.autopilots.support.priority import suggest_priority
from jobforge.autopilots.support.resolution_times import estimate_resolution
from jobforge.autopilots.support.routing import HUMAN_REVIEW, Route, RoutingRules, route_ticket
from jobforge.autopilots.support.signals import (
    Sentiment,
    Signal,
    Urgency,
    judge_sentiment,
    judge_urgency,
)
from jobforge.autopilots.support.ticket import CustomerTier
from jobforge.core.model import Model

OUT_OF_SCOPE = "general"
MIN_ALTERNATIVE = 0.01
"""Alternatives less likely than this are not named."""


class TriageOptions(Model):
    """What to judge; what is switched off comes back as null."""

    urgency_detection: bool = True
    category_classification: bool = True
    sentiment_analysis: bool = True


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
    intent: Intent
    language: str | None
    confidence: Confidence
    needs_person: bool
    agent_id: str | None
    due_at: datetime | None
    alternatives: tuple[CategoryScore, ...]
    missing_information: tuple[str, ...] = Field(description="Questions to ask back.")
    reasons: tuple[Reason, ...]
    personal_data_found: dict[str, int]
    learned_from: Literal["tenant", "starter"]
    n_examples: int


class TriageSettings(Model):
    """What holds for every ticket of a tenant."""

    options: TriageOptions = TriageOptions()
    rules: RoutingRules = RoutingRules()
    confidence_threshold: float = 0.5
    needed_information: dict[str, tuple[NeededInformation, ...]] = STARTER_NEEDS
    learned_from: Literal["tenant", "starter"] = "starter"
    n_examples: int = 0


class IncomingTicket(Model):
    """One ticket to judge."""

    ticket_id: str
    text: str
    opened_at: datetime
    tier: CustomerTier | None = None
    requested_priority: str | None = None


def judge_tickets(
    tickets: Sequence[IncomingTicket],
    classifier: TicketClassifier,
    settings: TriageSettings,
    *,
    closed_tickets: Sequence[Mapping[str, Any]] = (),
) -> list[TriageResult]:
    """Judge tickets, in their order. Personal data is masked before anything else reads a text.

    Raises:
        SourceMalformed: the closed tickets lack a column, or hold a time that cannot be read.
    """
    texts = [mask_personal_data(ticket.text) for ticket in tickets]
    wanted = settings.options.category_classification
    predictions = classifier.predict(texts) if wanted else [None] * len(texts)
    times: dict[str | None, timedelta | None] = {}
    results = []
    for ticket, text, prediction in zip(tickets, texts, predictions, strict=True):
        category = _name_category(prediction)
        if category not in times:
            times[category] = estimate_resolution(closed_tickets, category)
        results.append(_judge(ticket, text, prediction, settings, times[category]))
    return results


def _judge(
    ticket: IncomingTicket,
    text: str,
    prediction: Prediction | None,
    settings: TriageSettings,
    resolution_time: timedelta | None,
) -> TriageResult:
    options = settings.options
    urgency = judge_urgency(text) if options.urgency_detection else None
    sentiment = judge_sentiment(text) if options.sentiment_analysis else None
    category = _name_category(prediction)
    language = detect_language(text)
    priority, steps = suggest_priority(
        urgency, sentiment, tier=ticket.tier, requested=ticket.requested_priority
    )
    doubt = _find_doubt(prediction, settings.confidence_threshold)
    route = _route(ticket, settings.rules, category, priority, language, doubt)
    missing = find_missing(text, settings.needed_information.get(category or "", ()))
    return TriageResult(
        ticket_id=ticket.ticket_id,
        urgency=urgency.level if urgency else None,
        category=category,
        sentiment=sentiment.level if sentiment else None,
        suggested_priority=priority,
        routing_recommendation=route.queue,
        estimated_resolution_time=resolution_time,
        intent=judge_intent(text),
        language=language,
        confidence=Confidence(
            category=_round(prediction.confidence) if prediction else None,
            urgency=urgency.confidence if urgency else None,
            sentiment=sentiment.confidence if sentiment else None,
        ),
        needs_person=doubt is not None,
        agent_id=route.agent_id,
        due_at=route.due_at,
        alternatives=_list_alternatives(prediction),
        missing_information=tuple(one.ask for one in missing),
        reasons=(
            *_explain(prediction, urgency, sentiment),
            *(Reason(about="priority", text=step) for step in steps),
            *(Reason(about="routing", text=one) for one in route.reasons),
        ),
        personal_data_found=count_kinds(find_personal_data(ticket.text)),
        learned_from=settings.learned_from,
        n_examples=settings.n_examples,
    )


def _find_doubt(prediction: Prediction | None, threshold: float) -> str | None:
    """Say why a person has to decide on the category, or None."""
    if prediction is None:
        return "no category was asked for: a person decides"
    if prediction.out_of_scope:
        return "unlike the tickets learned from: a person decides"
    if prediction.confidence < threshold:
        sure = _round(prediction.confidence)
        return f"confidence {sure} is below the threshold {threshold:g}: a person decides"
    return None


def _route(
    ticket: IncomingTicket,
    rules: RoutingRules,
    category: str | None,
    priority: int,
    language: str | None,
    doubt: str | None,
) -> Route:
    route = route_ticket(
        rules,
        category=HUMAN_REVIEW if doubt or category is None else category,
        priority=priority,
        languages=[language] if language not in {None, "en"} and rules.agents else [],
        tier=ticket.tier,
        opened_at=ticket.opened_at,
    )
    if doubt is None:
        return route
    return route.model_copy(update={"reasons": (doubt, *route.reasons[1:])})


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


def _round(value: float) -> float:
    return round(value, 3)
