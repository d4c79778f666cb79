"""What a drafting job answers: the brief, and each draft with its checks."""

from __future__ import annotations

from typing import Any

from jobforge.core.model import Model


class DraftLine(Model):
    """One line of a draft, and where it is from: a source id, or the place of a template."""

    kind: str
    text: str
    origin: str
    reference: str


class InternalLink(Model):
    """A link to set."""

    url: str
    anchor: str


class DraftVariant(Model):
    """One draft. `overlap` is the share of its runs of eight words found in each source."""

    variant: int
    title: str
    description: str
    content: str
    word_count: int
    estimated_read_time: str
    lines: tuple[DraftLine, ...]
    overlap: dict[str, float]
    claims_needing_proof: tuple[str, ...]
    internal_links: tuple[InternalLink, ...]
    json_ld: dict[str, Any] | None
    seo_checks: dict[str, bool]
    seo_score: int
    reading_ease: float | None
    grade_level: float | None


class BriefTerm(Model):
    """A term, in how many competitors' texts it is, and whether own pages have it."""

    term: str
    weight: float
    competitors: int
    in_own: bool


class ContentBrief(Model):
    """What a text on the subject has to cover."""

    topics: tuple[str, ...]
    terms: tuple[BriefTerm, ...]
    questions: tuple[str, ...]
    entities: tuple[str, ...]
    outline: tuple[str, ...]
    missing_terms: tuple[str, ...]


class CompetingPage(Model):
    """An own page on the same subject."""

    url: str
    title: str
    similarity: float


class ContentDraftResult(Model):
    """Brief and drafts; the scores are those of the first draft, readability its reading ease."""

    content_type: str
    topic: str
    brief: ContentBrief
    drafts: tuple[DraftVariant, ...]
    seo_score: int
    seo_score_formula: str
    readability_score: float | None
    cannibalisation: tuple[CompetingPage, ...]
    dropped_sentences: tuple[str, ...]
    notes: tuple[str, ...]
