"""Checks of a finished draft: score, claims, cannibalisation, links, structured data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobforge.autopilots.growth.content.brief import similarity
from jobforge.autopilots.growth.content.draft import (
    MAX_OVERLAP,
    Assignment,
    Piece,
    plain,
    to_content,
)
from jobforge.autopilots.growth.content.languages import ENGLISH, language_of, reading_ease_in
from jobforge.autopilots.growth.content.result import DraftLine, DraftVariant, InternalLink
from jobforge.autopilots.growth.content.sources import Source, path_of
from jobforge.autopilots.growth.content.text import (
    DESCRIPTION_FONT,
    DESCRIPTION_PIXELS,
    TITLE_FONT,
    TITLE_PIXELS,
    grade_level,
    overlap,
    pixel_width,
    terms,
    words,
)
from jobforge.autopilots.growth.content.voice import claims_in, prohibited_in
from jobforge.core.errors import HandlerFailed, PayloadInvalid

READING_WORDS_PER_MINUTE = 238
"""Source: Brysbaert, How many words do we read per minute?, 2019 (silent reading of English)."""

RIVAL_SIMILARITY = 0.6
MAX_LINKS = 5
SCORE_FORMULA = (
    "share of checks passed: keyword in title, in the first 50 words and in a heading; title "
    "within 580 px; description within 920 px; a link to an own page; most of the brief's terms "
    "covered"
)
_FIRST_WORDS = 50


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link to an own page that the draft could set, and the words to set it on."""

    url: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Rival:
    """An own page that is about the same, so that both compete for one search."""

    url: str
    title: str
    similarity: float


def review(
    content_type: str,
    job: Assignment,
    number: int,
    pieces: Sequence[Piece],
    names: tuple[str, str],
) -> DraftVariant:
    """A draft with everything that is measured of it; `names` are its title and description.

    Reading ease is that of the language most of its small words are of, None where that is not
    known here; the grade is for English only.
    """
    title, description = names
    text = plain(pieces)
    links = links_for(pieces, job.own)
    checks = seo_checks(pieces, title, description, job, len(links))
    count = len(words(text))
    prose = " ".join(piece.text for piece in pieces if piece.kind == "sentence")
    language = language_of(prose)
    return DraftVariant(
        variant=number + 1,
        title=title,
        description=description,
        content=to_content(pieces),
        word_count=count,
        estimated_read_time=f"{max(1, round(count / READING_WORDS_PER_MINUTE))} min",
        lines=tuple(
            DraftLine(kind=p.kind, text=p.text, origin=p.origin, reference=p.reference)
            for p in pieces
        ),
        overlap=overlaps(pieces, job),
        claims_needing_proof=claims_in([p.text for p in pieces if p.origin != "disclaimer"]),
        internal_links=tuple(InternalLink(url=link.url, anchor=link.anchor) for link in links),
        json_ld=json_ld(content_type, title, description, job, pieces),
        seo_checks=checks,
        seo_score=seo_score(checks),
        reading_ease=reading_ease_in(language, prose),
        grade_level=grade_level(prose) if language == ENGLISH else None,
    )


def enforce(draft: DraftVariant, job: Assignment, *, needs_disclaimers: bool) -> None:
    """The last gate: what is prohibited is not there, what is required is, no source is copied.

    Raises:
        PayloadInvalid: topic, keywords or features say what is prohibited; nothing is stored.
        HandlerFailed: a required disclaimer is missing, or a source is copied.
    """
    own = "\n".join(line.text for line in draft.lines if line.origin != "disclaimer")
    said = prohibited_in(f"{own}\n{draft.title}\n{draft.description}", job.prohibited)
    if said:
        raise PayloadInvalid(f"the draft would say what is prohibited: {', '.join(said)}")
    missing = [text for text in job.disclaimers if text not in draft.content]
    if missing and needs_disclaimers:
        raise HandlerFailed(f"the draft misses a required disclaimer: {missing[0]}")
    if not is_own_work(draft.overlap):
        raise HandlerFailed("a source accounts for a fifth of the draft or more")


def seo_checks(
    pieces: Sequence[Piece], title: str, description: str, job: Assignment, links: int
) -> dict[str, bool]:
    """What a search engine looks at, passed or not."""
    keyword = terms(job.keywords[0] if job.keywords else job.topic)
    text = plain(pieces)
    headings = " ".join(piece.text for piece in pieces if piece.kind != "sentence")
    covered = [c for c in job.brief.terms[:20] if c.term in set(terms(text))]
    return {
        "keyword in title": _has(title, keyword),
        "keyword in the first 50 words": _has(" ".join(text.split()[:_FIRST_WORDS]), keyword),
        "keyword in a heading": _has(headings, keyword),
        "title within 580 px": 0 < pixel_width(title, TITLE_FONT) <= TITLE_PIXELS,
        "description within 920 px": (
            0 < pixel_width(description, DESCRIPTION_FONT) <= DESCRIPTION_PIXELS
        ),
        "link to an own page": links > 0,
        "most of the brief's terms covered": len(covered) * 2 >= len(job.brief.terms[:20]),
    }


def _has(text: str, keyword: Sequence[str]) -> bool:
    return set(keyword) <= set(terms(text))


def seo_score(checks: dict[str, bool]) -> int:
    """0 to 100; see SCORE_FORMULA."""
    return round(100 * sum(checks.values()) / len(checks))


def links_for(pieces: Sequence[Piece], sources: Sequence[Source]) -> tuple[PageLink, ...]:
    """Own published pages whose title the draft speaks of, those of most shared words first."""
    text = set(terms(plain(pieces)))
    found = []
    for source in sources:
        wanted = set(terms(source.title))
        if source.url and wanted and len(wanted & text) * 2 >= len(wanted):
            found.append((-len(wanted & text), source.url, source.title))
    return tuple(PageLink(url, title) for _, url, title in sorted(found)[:MAX_LINKS])


def rivals_of(job: Assignment, pages: Sequence[Source]) -> tuple[Rival, ...]:
    """Own pages that aim at the same search.

    A page competes when its title or a heading is about the topic (a cosine of 0.6 or more).
    """
    topic = " ".join([job.topic, *job.keywords[:1]])
    found = []
    for page in pages:
        names = [page.title, *(section.heading for section in page.sections)]
        nearest = max((similarity(topic, name) for name in names if name), default=0.0)
        if nearest >= RIVAL_SIMILARITY:
            where = page.url or path_of(page.source_id)
            found.append(Rival(where, page.title, round(nearest, 3)))
    return tuple(sorted(found, key=lambda rival: (-rival.similarity, rival.url)))


def overlaps(pieces: Sequence[Piece], job: Assignment) -> dict[str, float]:
    """Share of the draft's runs of eight words that stand in each source."""
    text = plain(pieces)
    return {s.source_id: round(overlap(text, s.text), 4) for s in (*job.own, *job.competitors)}


def is_own_work(shares: dict[str, float]) -> bool:
    """Whether no source accounts for a fifth of the draft."""
    return all(share < MAX_OVERLAP for share in shares.values())


def json_ld(
    content_type: str, title: str, description: str, job: Assignment, pieces: Sequence[Piece]
) -> dict[str, Any] | None:
    """Structured data for the draft; None for texts that are not pages.

    It holds what is known. Dates, author and image are the publisher's to add.
    """
    kinds = {"blog_post": "BlogPosting", "landing_page": "WebPage"}
    if content_type not in kinds:
        return None
    found: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": kinds[content_type],
        "headline" if content_type == "blog_post" else "name": title,
        "description": description,
    }
    if job.keywords:
        found["keywords"] = ", ".join(job.keywords)
    if job.profile.name:
        found["publisher"] = {"@type": "Organization", "name": job.profile.name}
    cited = [s.url for s in job.own if s.url and any(p.reference == s.source_id for p in pieces)]
    if cited:
        found["citation"] = cited
    return found
