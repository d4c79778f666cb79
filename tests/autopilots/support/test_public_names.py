from __future__ import annotations

import subprocess
import sys

from jobforge.autopilots import support

NAMES = [
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


def test_the_public_names_are_these() -> None:
    assert support.__all__ == NAMES
    assert all(hasattr(support, name) for name in NAMES)
    assert callable(support.draft_reply)


def test_importing_the_domain_loads_no_heavy_library() -> None:
    code = (
        "import sys, jobforge.autopilots.support; "
        "heavy = ('scipy', 'sklearn', 'tokenizers', 'lxml', 'duckdb'); "
        "print([m for m in heavy if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter and code

    assert done.stdout.strip() == "[]"
