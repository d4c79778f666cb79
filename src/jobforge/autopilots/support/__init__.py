"""The support domain: what a ticket is about, what to answer, what the knowledge base lacks."""

from __future__ import annotations

from jobforge.autopilots.support.articles import Article, Passage
from jobforge.autopilots.support.batch_triage import BATCH_TRIAGE
from jobforge.autopilots.support.classifier import Alternative, Prediction, TicketClassifier
from jobforge.autopilots.support.clustering import cluster_tickets
from jobforge.autopilots.support.draft_reply import DRAFT_REPLY
from jobforge.autopilots.support.drafting import DraftReply, Ticket, draft_reply
from jobforge.autopilots.support.fact_check import find_unsupported
from jobforge.autopilots.support.ingest_kb import INGEST_KB
from jobforge.autopilots.support.knowledge import Hit, KnowledgeIndex
from jobforge.autopilots.support.personal_data import (
    PersonalDatum,
    find_personal_data,
    mask_personal_data,
)
from jobforge.autopilots.support.priority import suggest_priority
from jobforge.autopilots.support.propose_kb_patch import PROPOSE_KB_PATCH, propose_patch
from jobforge.autopilots.support.reply_writer import Draft
from jobforge.autopilots.support.routing import RoutingRules, add_business_time, route_ticket
from jobforge.autopilots.support.signals import Signal, judge_sentiment, judge_urgency
from jobforge.autopilots.support.triage import TRIAGE, triage_ticket

__all__ = [
    "BATCH_TRIAGE",
    "DRAFT_REPLY",
    "INGEST_KB",
    "PROPOSE_KB_PATCH",
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
    "RoutingRules",
    "Signal",
    "Ticket",
    "TicketClassifier",
    "add_business_time",
    "cluster_tickets",
    "draft_reply",
    "find_personal_data",
    "find_unsupported",
    "judge_sentiment",
    "judge_urgency",
    "mask_personal_data",
    "propose_patch",
    "route_ticket",
    "suggest_priority",
    "triage_ticket",
]
