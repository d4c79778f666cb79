"""`autopilot.support.batch_triage`: many tickets at once, with duplicates, threads and drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from jobforge.autopilots.support.classifier import TicketClassifier
from jobforge.autopilots.support.drift import DriftReport, report_drift
from jobforge.autopilots.support.duplicates import find_duplicates, find_threads
from jobforge.autopilots.support.judging import (
    IncomingTicket,
    TriageOptions,
    TriageResult,
    judge_tickets,
)
from jobforge.autopilots.support.labelled_tickets import find_text_columns, join_columns
from jobforge.autopilots.support.learning import LearningSources, load_examples
from jobforge.autopilots.support.personal_data import mask_personal_data
from jobforge.autopilots.support.triage import TenantKnowledge, prepare, to_instant
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, NamedDataset
from jobforge.core.errors import SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

MAX_TICKETS = 20_000
_TIERS = frozenset({"free", "starter", "pro", "enterprise"})


class BatchTriagePayload(TenantKnowledge):
    """Which tickets, and what the tenant knows that helps to judge them."""

    tickets: DataSource = Field(
        default=NamedDataset(name="tickets"),
        description="Rows with ticket_id and subject and body (or text); optional customer_id, "
        "tier, priority, created_at, thread_id.",
    )
    ticket_ids: tuple[str, ...] | None = Field(
        default=None, max_length=MAX_TICKETS, description="Only these; null means all."
    )
    options: TriageOptions = TriageOptions()
    include_drift_report: bool = True


class Together(Model):
    """Tickets that belong together; the first is the one to answer."""

    ticket_ids: tuple[str, ...]


class BatchTriageResult(Model):
    """Each ticket's judgement, first things first, and what the batch shows as a whole."""

    n_tickets: int
    missing_ticket_ids: tuple[str, ...]
    tickets: tuple[TriageResult, ...]
    by_category: dict[str, int]
    by_priority: dict[str, int]
    n_for_a_person: int
    duplicates: tuple[Together, ...]
    threads: tuple[Together, ...]
    drift: DriftReport | None = Field(description="Null without categories, or when not asked for.")


def select_rows(
    rows: Sequence[Mapping[str, Any]], ticket_ids: Sequence[str] | None
) -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
    """Return the rows asked for, and the ids that no row has.

    Raises:
        SourceMalformed: there are no rows, a row has no ticket_id, none is left, or too many are.
    """
    if not rows:
        raise SourceMalformed("there are no tickets")
    if any(not str(row.get("ticket_id") or "").strip() for row in rows):
        raise SourceMalformed("a ticket has no ticket_id")
    wanted = None if ticket_ids is None else set(ticket_ids)
    chosen = [row for row in rows if wanted is None or str(row["ticket_id"]) in wanted]
    found = {str(row["ticket_id"]) for row in chosen}
    missing = tuple(one for one in dict.fromkeys(ticket_ids or ()) if one not in found)
    if not chosen:
        raise SourceMalformed("none of the tickets asked for is among the rows")
    if len(chosen) > MAX_TICKETS:
        raise SourceMalformed(f"{len(chosen)} tickets at once; at most {MAX_TICKETS}")
    return chosen, missing


def to_incoming(row: Mapping[str, Any], columns: Sequence[str], now: datetime) -> IncomingTicket:
    """Read one row; a tier we do not know is none.

    Raises:
        SourceMalformed: the row has no text, or its created_at is not a time.
    """
    ticket_id, text = str(row["ticket_id"]).strip(), join_columns(row, columns)
    if not text:
        raise SourceMalformed(f"ticket {ticket_id[:80]} has no text")
    try:
        opened_at = to_instant(str(row["created_at"])) if row.get("created_at") else now
    except ValueError:
        raise SourceMalformed(f"ticket {ticket_id[:80]}: created_at is not a time") from None
    tier = str(row.get("tier") or "").lower()
    return IncomingTicket.model_validate(
        {
            "ticket_id": ticket_id,
            "text": text,
            "opened_at": opened_at,
            "tier": tier if tier in _TIERS else None,
            "requested_priority": str(row.get("priority") or "") or None,
        }
    )


def group_places(first: Sequence[int], ticket_ids: Sequence[str]) -> tuple[Together, ...]:
    """Return the groups of two or more, in the order of their first ticket."""
    groups: dict[int, list[str]] = {}
    for place, root in enumerate(first):
        groups.setdefault(root, []).append(ticket_ids[place])
    return tuple(Together(ticket_ids=tuple(ids)) for ids in groups.values() if len(ids) > 1)


async def handle(payload: BatchTriagePayload, context: JobContext) -> BatchTriageResult:
    """Read, learn, judge, and compare with what was learned from."""
    rows, missing = select_rows(await context.data.rows(payload.tickets), payload.ticket_ids)
    columns = find_text_columns({name for row in rows for name in row})
    tickets = [to_incoming(row, columns, context.now()) for row in rows]
    classifier, settings, closed = await prepare(payload, payload.options, context)
    await context.progress(0.3, "categories learned")
    judged = judge_tickets(tickets, classifier, settings, closed_tickets=closed)
    texts = [mask_personal_data(ticket.text) for ticket in tickets]
    ids = [ticket.ticket_id for ticket in tickets]
    result = BatchTriageResult(
        n_tickets=len(tickets),
        missing_ticket_ids=missing,
        tickets=tuple(sorted(judged, key=lambda one: one.suggested_priority)),
        by_category=_count(one.category or "not judged" for one in judged),
        by_priority=_count(str(one.suggested_priority) for one in judged),
        n_for_a_person=sum(one.needs_person for one in judged),
        duplicates=group_places(find_duplicates(texts), ids),
        threads=group_places(find_threads(rows), ids),
        drift=await _report_drift(payload, context, classifier, texts),
    )
    await context.artifacts.put(
        f"support-batch-triage-{context.job.job_id}.json",
        result.model_dump_json(indent=2).encode(),
        kind="batch_triage_result",
        mime_type="application/json",
    )
    return result


async def _report_drift(
    payload: BatchTriagePayload,
    context: JobContext,
    classifier: TicketClassifier,
    texts: Sequence[str],
) -> DriftReport | None:
    if not (payload.include_drift_report and payload.options.category_classification):
        return None
    sources = LearningSources(training=payload.training, corrections=payload.corrections)
    then, _ = await load_examples(sources, context)
    return report_drift(then.texts, then.labels, texts, classifier.predict(texts))


def _count(values: Any) -> dict[str, int]:  # noqa: ANN401 - any iterable of names
    return dict(sorted(Counter(values).items()))


def translate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a module's ticket ids; its counts and sizes follow from them."""
    dropped = {"ticket_count", "batch_size", "is_batch", "_metadata"}
    return {key: value for key, value in payload.items() if key not in dropped}


def list_sources(payload: BatchTriagePayload) -> tuple[DataSource, ...]:
    """Name the payload's data sources."""
    return (payload.tickets, *payload.list_sources())


_EXAMPLE: Mapping[str, Any] = {
    "tickets": [
        {
            "ticket_id": "T-1",
            "subject": "Site down",
            "body": "Our whole site is down!",
            "created_at": "2026-01-15T09:00:00Z",
        },
        {
            "ticket_id": "T-2",
            "subject": "Re: Invoice",
            "body": "Please send the invoice of March again.",
            "customer_id": "C-7",
        },
        {
            "ticket_id": "T-3",
            "subject": "Invoice",
            "body": "Please send the invoice of March again!",
            "customer_id": "C-7",
        },
    ],
    "rules": {"response_hours": {"1": 1, "2": 4}},
}

BATCH_TRIAGE = JobType(
    name="autopilot.support.batch_triage",
    title="Triage many tickets",
    domain="support",
    payload=BatchTriagePayload,
    result=BatchTriageResult,
    scopes=frozenset({"support:read"}),
    timeout=timedelta(minutes=10),
    handle=handle,
    examples=(_EXAMPLE,),
    translate=translate,
    sources=list_sources,
)
