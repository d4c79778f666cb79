"""The support domain: what a ticket is about, what to answer, what the knowledge base lacks."""

from __future__ import annotations

from jobforge.autopilots.support.articles import Article, Passage
from jobforge.autopilots.support.classifier import Alternative, Prediction, TicketClassifier
from jobforge.autopilots.support.knowledge import Hit, KnowledgeIndex
from jobforge.autopilots.support.personal_data import (
    PersonalDatum,
    find_personal_data,
    mask_personal_data,
)
from jobforge.autopilots.support.signals import Signal, judge_sentiment, judge_urgency
from jobforge.autopilots.support.triage import TRIAGE, suggest_priority, triage_ticket

__all__ = [
    "TRIAGE",
    "Alternative",
    "Article",
    "Hit",
    "KnowledgeIndex",
    "Passage",
    "PersonalDatum",
    "Prediction",
    "Signal",
    "TicketClassifier",
    "find_personal_data",
    "judge_sentiment",
    "judge_urgency",
    "mask_personal_data",
    "suggest_priority",
    "triage_ticket",
]
