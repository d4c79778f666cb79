"""Which classifier judges a tenant's tickets: learned from its own, or from the starter set."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from jobforge.autopilots.support.classifier import TicketClassifier
from jobforge.autopilots.support.labelled_tickets import (
    LabelledRows,
    LabelledTexts,
    merge_corrections,
    read_labelled,
)
from jobforge.autopilots.support.starter_tickets import STARTER_TICKETS
from jobforge.core.context import JobContext
from jobforge.core.model import Model


class LearningSources(Model):
    """Where labelled tickets and corrections come from; neither means the starter tickets."""

    training: LabelledRows | None = None
    corrections: LabelledRows | None = None


def list_starter_examples() -> LabelledTexts:
    """Return the starter tickets as labelled texts."""
    pairs = [(text, label) for label, texts in STARTER_TICKETS.items() for text in texts]
    return LabelledTexts(
        texts=tuple(text for text, _ in pairs), labels=tuple(label for _, label in pairs), skipped=0
    )


async def load_examples(
    sources: LearningSources, context: JobContext
) -> tuple[LabelledTexts, Literal["tenant", "starter"]]:
    """Return the examples to learn from, corrections included.

    Raises:
        DatasetMissing: a named source does not exist.
        SourceMalformed: its columns are not there, or every row is incomplete.
    """
    examples = list_starter_examples()
    learned: Literal["tenant", "starter"] = "starter"
    if sources.training is not None:
        rows = await context.data.rows(sources.training.source)
        examples, learned = read_labelled(rows, sources.training), "tenant"
    if sources.corrections is not None:
        rows = await context.data.rows(sources.corrections.source)
        corrections = read_labelled(rows, sources.corrections)
        examples, learned = merge_corrections(examples, corrections), "tenant"
    return examples, learned


@lru_cache(maxsize=2)
def fit_cached(texts: tuple[str, ...], labels: tuple[str, ...], seed: int) -> TicketClassifier:
    """Fit a classifier, or return the one that this process fitted to the very same examples."""
    return TicketClassifier.fit(texts, labels, seed=seed)
