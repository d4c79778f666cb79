"""Tickets that say the same, and tickets that belong to one conversation."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jobforge.autopilots.support.sentence_vectors import VectorChoice, load_encoders
from jobforge.autopilots.support.text_space import TextSpace

SAME_MEANING, SAME_WORDS = 0.9, 0.6
"""Cosines from which two tickets say the same; both must be reached."""
_BATCH = 1_000
_REPLY_MARK = re.compile(
    r"^(?:\s*(?:re|aw|fw|fwd|wg|antw|sv|tr)\s*(?:\[\d+\])?\s*:)+", re.IGNORECASE
)


def find_duplicates(texts: Sequence[str], *, vectors: VectorChoice = "static") -> list[int]:
    """Return for each text the place of the first one that says the same, maybe its own."""
    first = list(range(len(texts)))
    if len(texts) < 2:  # noqa: PLR2004 - one text has no duplicate
        return first
    space, placed = TextSpace.learn(texts, load_encoders(vectors))
    raw = [encoder.embed(texts) for encoder in space.encoders]
    unit = [one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9) for one in raw]
    for start in range(0, len(texts), _BATCH):
        rows = slice(start, min(start + _BATCH, len(texts)))
        words = (placed.words[rows] @ placed.words.T).toarray()
        is_same = words >= SAME_WORDS
        for one in unit:
            is_same &= (one[rows] @ one.T) >= SAME_MEANING
        for row, same in enumerate(is_same, start=start):
            earlier = np.flatnonzero(same[:row])
            if len(earlier):
                first[row] = first[int(earlier[0])]
    return first


def find_threads(tickets: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return for each ticket the place of the first of its conversation.

    One conversation: the same `thread_id`; without one the same customer and subject, reply marks
    aside. A ticket without customer or subject stands alone.
    """
    first: list[int] = []
    seen: defaultdict[tuple[str, ...], int] = defaultdict(lambda: -1)
    for place, ticket in enumerate(tickets):
        key = _thread_key(ticket)
        if key is not None and seen[key] < 0:
            seen[key] = place
        first.append(place if key is None else seen[key])
    return first


def _thread_key(ticket: Mapping[str, Any]) -> tuple[str, ...] | None:
    if ticket.get("thread_id"):
        return ("thread", str(ticket["thread_id"]))
    subject = _REPLY_MARK.sub("", str(ticket.get("subject") or "")).strip().lower()
    customer = str(ticket.get("customer_id") or "").strip()
    return ("subject", customer, subject) if customer and subject else None
