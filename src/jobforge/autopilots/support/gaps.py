"""Where the knowledge base lets customers down: groups of tickets that no article answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import Any

from pydantic import Field

from jobforge.autopilots.support.clustering import cluster_tickets
from jobforge.autopilots.support.knowledge import Hit, KnowledgeIndex
from jobforge.autopilots.support.labelled_tickets import find_text_columns, join_columns
from jobforge.autopilots.support.personal_data import mask_personal_data
from jobforge.core.errors import SourceMalformed
from jobforge.core.model import Model

MIN_TO_CLUSTER = 6
"""Fewer tickets than this are taken as one group."""
_MINUTES_AN_HOUR = 60


class SupportCase(Model):
    """A ticket as evidence: masked text, and its masked resolution where it has one."""

    ticket_id: str
    subject: str
    text: str
    resolution: str
    handling_minutes: float | None
    is_resolved: bool


class Gap(Model):
    """A group of tickets. `score` = volume x (1 - best article's score) x mean handling hours.

    Without handling times every ticket counts as one hour, and `handling_hours` is null.
    """

    ticket_ids: tuple[str, ...]
    example: str
    volume: int
    unresolved: int
    best_article_id: str | None
    best_score: float = Field(ge=0, le=1)
    handling_hours: float | None
    score: float


def read_cases(rows: Sequence[Mapping[str, Any]]) -> list[SupportCase]:
    """Read rows with ticket_id, subject, body or text, resolution, status, handling_minutes.

    Everything is masked here, customers' names included, so that nothing personal goes further.

    Raises:
        SourceMalformed: a row has no ticket_id or no text, or a handling time is no number.
    """
    columns = find_text_columns({name for row in rows for name in row})
    return [_read_case(row, columns) for row in rows]


def find_gaps(cases: Sequence[SupportCase], index: KnowledgeIndex | None) -> list[Gap]:
    """Group the tickets and score the groups, worst gap first; ties by first ticket."""
    texts = [case.text for case in cases]
    is_few = len(cases) < MIN_TO_CLUSTER
    groups = [0] * len(cases) if is_few else cluster_tickets(texts)
    members: dict[int, list[SupportCase]] = {}
    for case, group in zip(cases, groups, strict=True):
        members.setdefault(group, []).append(case)
    gaps = [_score_gap(some, index) for some in members.values()]
    return sorted(gaps, key=lambda gap: -gap.score)


def find_best_articles(
    cases: Sequence[SupportCase], index: KnowledgeIndex, n: int
) -> list[tuple[str, float]]:
    """Return the articles that fit most of the cases, with the median of their scores."""
    scores: dict[str, list[float]] = {}
    for case in cases:
        hits: list[Hit] = index.search(case.subject or case.text, n)
        for hit in hits:
            scores.setdefault(hit.article_id, []).append(hit.score)
    padded = {
        name: median([*found, *[0.0] * (len(cases) - len(found))]) for name, found in scores.items()
    }
    return sorted(padded.items(), key=lambda pair: -pair[1])[:n]


def _score_gap(cases: Sequence[SupportCase], index: KnowledgeIndex | None) -> Gap:
    best = find_best_articles(cases, index, 1) if index else []
    article_id, score = best[0] if best else (None, 0.0)
    minutes = [case.handling_minutes for case in cases if case.handling_minutes is not None]
    hours = mean(minutes) / _MINUTES_AN_HOUR if minutes else None
    return Gap(
        ticket_ids=tuple(case.ticket_id for case in cases),
        example=cases[0].subject or cases[0].text[:120],
        volume=len(cases),
        unresolved=sum(not case.is_resolved for case in cases),
        best_article_id=article_id,
        best_score=round(score, 3),
        handling_hours=None if hours is None else round(hours, 3),
        score=round(len(cases) * (1 - score) * (1.0 if hours is None else hours), 3),
    )


def _read_case(row: Mapping[str, Any], columns: Sequence[str]) -> SupportCase:
    ticket_id = str(row.get("ticket_id") or "").strip()
    if not ticket_id:
        raise SourceMalformed("a ticket has no ticket_id")
    name = str(row.get("customer_name") or "").strip()
    text = _mask(join_columns(row, columns), name)
    if not text:
        raise SourceMalformed(f"ticket {ticket_id[:80]} has no text")
    resolution = _mask(str(row.get("resolution") or "").strip(), name)
    status = str(row.get("status") or "").lower()
    return SupportCase(
        ticket_id=ticket_id,
        subject=_mask(str(row.get("subject") or row.get("title") or "").strip(), name),
        text=text,
        resolution=resolution,
        handling_minutes=_to_minutes(row.get("handling_minutes"), ticket_id),
        is_resolved=bool(resolution) and status not in {"open", "new", "pending", "reopened"},
    )


def _mask(text: str, name: str) -> str:
    masked = mask_personal_data(text)
    for part in sorted({name, *name.split()}, key=len, reverse=True):
        masked = masked.replace(part, "[name]") if len(part) > 1 else masked
    return masked


def _to_minutes(value: object, ticket_id: str) -> float | None:
    if value in (None, ""):
        return None
    try:
        return max(0.0, float(str(value)))
    except ValueError:
        raise SourceMalformed(f"ticket {ticket_id[:80]}: handling_minutes is no number") from None
