"""The support domain: what a ticket is about, what to answer, what the knowledge base lacks."""

from __future__ import annotations

from jobforge.autopilots.support.articles import Article, Passage
from jobforge.autopilots.support.classifier import Alternative, Prediction, TicketClassifier
from jobforge.autopilots.support.clustering import cluster_tickets
from jobforge.autopilots.support.draft_reply import DRAFT_REPLY
from jobforge.autopilots.support.drafting import Draft, DraftReply, Ticket, draft_reply
from jobforge.autopilots.support.fact_check import find_unsupported
from jobforge.autopilots.support.knowledge import Hit, KnowledgeIndex
from jobforge.autopilots.support.personal_data import (
    PersonalDatum,
    find_personal_data,
    mask_personal_data,
)
from jobforge.autopilots.support.signals import Signal, judge_sentiment, judge_urgency
from jobforge.autopilots.support.triage import TRIAGE, suggest_priority, triage_ticket

__all__ = [
    "DRAFT_REPLY",
    "TRIAGE",
    "Alternative",
    "Article",
    "Draft",
    "DraftReply",
    "Hit",
    "KnowledgeIndex",
    "Passage",
    "PersonalDatum",
    "Prediction",
    "Signal",
    "Ticket",
    "TicketClassifier",
    "cluster_tickets",
    "draft_reply",
    "find_personal_data",
    "find_unsupported",
    "judge_sentiment",
    "judge_urgency",
    "mask_personal_data",
    "suggest_priority",
    "triage_ticket",
]
