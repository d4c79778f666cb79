"""A tenant's own tickets as training data: which columns to read, and what to do with bad rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from jobforge.autopilots.support.personal_data import mask_personal_data
from jobforge.core.data_source import DataSource
from jobforge.core.errors import SourceMalformed
from jobforge.core.model import Model

TEXT_COLUMNS = ("text", "ticket", "message", "content", "description")
SUBJECT_COLUMNS = ("subject", "title")
BODY_COLUMNS = ("body", "body_preview")
LABEL_COLUMNS = ("label", "category", "intent", "topic")


class LabelledRows(Model):
    """Where labelled tickets come from. Columns left out are found by their usual names."""

    source: DataSource
    text_columns: tuple[str, ...] | None = Field(
        default=None,
        strict=False,
        description="Columns that make up the text, joined in this order.",
    )
    label_column: str | None = None


def _expand(value: object) -> object:
    is_bare_source = isinstance(value, str | list) or (
        isinstance(value, dict) and "source" not in value
    )
    return {"source": value} if is_bare_source else value


LabelledTickets = Annotated[LabelledRows, BeforeValidator(_expand)]
"""A data source alone will do."""


class LabelledTexts(Model):
    """Texts and their labels, in the rows' order; `skipped` counts rows that lack either."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    skipped: int


def read_labelled(rows: Sequence[Mapping[str, Any]], columns: LabelledRows) -> LabelledTexts:
    """Pick text and label out of each row; the texts are masked, as those to be judged are.

    Raises:
        SourceMalformed: there are no rows, a column is missing, or no row has both values.
    """
    if not rows:
        raise SourceMalformed("the labelled tickets have no rows")
    names = {name for row in rows for name in row}
    text_columns = columns.text_columns or find_text_columns(names)
    label_column = columns.label_column or _first(LABEL_COLUMNS, names)
    absent = [name for name in (*text_columns, label_column) if name not in names]
    if absent:
        raise SourceMalformed(f"the labelled tickets have no column {', '.join(absent)}")
    pairs = [(join_columns(row, text_columns), _to_text(row.get(label_column))) for row in rows]
    kept = [(text, label) for text, label in pairs if text and label]
    if not kept:
        raise SourceMalformed(f"no row has both a text and a {label_column}")
    return LabelledTexts(
        texts=tuple(mask_personal_data(text) for text, _ in kept),
        labels=tuple(label for _, label in kept),
        skipped=len(pairs) - len(kept),
    )


def find_text_columns(names: set[str]) -> tuple[str, ...]:
    """Return the columns that hold a ticket's text, by their usual names."""
    for name in TEXT_COLUMNS:
        if name in names:
            return (name,)
    parts = [n for group in (SUBJECT_COLUMNS, BODY_COLUMNS) for n in group if n in names]
    return tuple(parts) or (TEXT_COLUMNS[0],)


def _first(candidates: Sequence[str], names: set[str]) -> str:
    return next((name for name in candidates if name in names), candidates[0])


def join_columns(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """Return the text that a row has in these columns, one after the other."""
    return "\n".join(filter(None, (_to_text(row.get(name)) for name in columns)))


def _to_text(value: object) -> str:
    return "" if value is None else str(value).strip()


def merge_corrections(examples: LabelledTexts, corrections: LabelledTexts) -> LabelledTexts:
    """Add corrections to examples; of the same text the last correction's label holds."""
    corrected = dict(zip(corrections.texts, corrections.labels, strict=True))
    kept = [
        (text, label)
        for text, label in zip(examples.texts, examples.labels, strict=True)
        if text not in corrected
    ]
    merged = [*kept, *corrected.items()]
    return LabelledTexts(
        texts=tuple(text for text, _ in merged),
        labels=tuple(label for _, label in merged),
        skipped=examples.skipped + corrections.skipped,
    )
