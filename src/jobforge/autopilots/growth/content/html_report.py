"""Drafts as one HTML file in which every line shows where it is from."""

from __future__ import annotations

from collections.abc import Iterator

from jobforge.autopilots.growth.charts import bar_chart
from jobforge.autopilots.growth.content.result import (
    ContentBrief,
    ContentDraftResult,
    DraftLine,
    DraftVariant,
)
from jobforge.autopilots.growth.content.text import (
    DESCRIPTION_FONT,
    DESCRIPTION_PIXELS,
    TITLE_FONT,
    TITLE_PIXELS,
    pixel_width,
)
from jobforge.autopilots.growth.html_page import html_list, html_page, html_table, text

_MAX_TERMS = 15


def to_html(result: ContentDraftResult) -> str:
    """Each draft with its checks and the origin of its lines, then the brief."""
    body = [
        f"<h1>Drafts: {text(result.topic)}</h1><p>{text(result.content_type)}</p>",
        html_list(result.notes),
    ]
    rivals = [(p.title, p.url, f"{p.similarity:.2f}") for p in result.cannibalisation]
    if rivals:
        body += ["<h2>Own pages on the same subject</h2>",
                 html_table(("page", "address", "similarity"), rivals, numbers=1)]  # fmt: skip
    for draft in result.drafts:
        body += _draft(draft)
    body += _brief(result.brief)
    return html_page(f"Drafts: {result.topic}", body)


def _draft(draft: DraftVariant) -> Iterator[str]:
    yield f"<h2>Variant {draft.variant}</h2>"
    yield html_table(("", ""), list(_facts(draft)))
    if draft.overlap:
        bars = [(source, round(100 * share, 1)) for source, share in draft.overlap.items()]
        yield bar_chart("Runs of eight words shared with each source, % (20 is refused)", bars)
    rows = ((_origin(line), line.text) for line in draft.lines)
    yield html_table(("from", "line"), list(rows))
    if draft.claims_needing_proof:
        yield f"<p><b>Needs proof:</b></p>{html_list(draft.claims_needing_proof)}"
    if draft.internal_links:
        links = (f"{link.anchor}: {link.url}" for link in draft.internal_links)
        yield f"<p><b>Links to set:</b></p>{html_list(links)}"


def _facts(draft: DraftVariant) -> Iterator[tuple[str, str]]:
    title, description = draft.title, draft.description
    yield "title", f"{title} ({pixel_width(title, TITLE_FONT):.0f} of {TITLE_PIXELS} px)"
    width = pixel_width(description, DESCRIPTION_FONT)
    yield "description", f"{description} ({width:.0f} of {DESCRIPTION_PIXELS} px)"
    yield "length", f"{draft.word_count} words, {draft.estimated_read_time}"
    ease, grade = draft.reading_ease, draft.grade_level
    if ease is not None:
        shown = "" if grade is None else f", grade {grade:.1f}"
        yield "readability", f"reading ease {ease:.0f}{shown}"
    failed = [name for name, is_passed in draft.seo_checks.items() if not is_passed]
    yield "SEO", f"{draft.seo_score} of 100{'; not: ' + ', '.join(failed) if failed else ''}"


def _origin(line: DraftLine) -> str:
    return f"{line.origin} {line.reference}"


def _brief(brief: ContentBrief) -> Iterator[str]:
    yield "<h2>Brief</h2>"
    yield f"<p><b>Outline:</b></p>{html_list(brief.outline)}" if brief.outline else ""
    yield f"<p><b>Questions:</b></p>{html_list(brief.questions)}" if brief.questions else ""
    terms = [
        (term.term, f"{term.weight:.2f}", str(term.competitors), "yes" if term.in_own else "no")
        for term in brief.terms[:_MAX_TERMS]
    ]
    if terms:
        yield html_table(("term", "weight", "competitors with it", "own pages"), terms, numbers=3)
    if brief.missing_terms:
        yield f"<p><b>Missing on own pages:</b> {text(', '.join(brief.missing_terms))}</p>"
