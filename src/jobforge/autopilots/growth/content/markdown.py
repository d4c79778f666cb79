"""Brief and drafts as Markdown, for people."""

from __future__ import annotations

from jobforge.autopilots.growth.content.result import ContentDraftResult


def to_markdown(result: ContentDraftResult) -> str:
    """Brief and drafts, for people."""
    lines = [f"# Drafts: {result.topic} ({result.content_type})", ""]
    lines += [f"- note: {note}" for note in result.notes]
    lines += [f"- competes with [{p.title}]({p.url}), similarity {p.similarity}"
              for p in result.cannibalisation]  # fmt: skip
    for draft in result.drafts:
        ease = "n/a" if draft.reading_ease is None else f"{draft.reading_ease:.0f}"
        lines += [
            "", f"## Variant {draft.variant}", "",
            f"Title: {draft.title}", "", f"Description: {draft.description}", "",
            f"{draft.word_count} words, {draft.estimated_read_time}; SEO {draft.seo_score}; "
            f"reading ease {ease}; "
            f"largest overlap {max(draft.overlap.values(), default=0):.0%}", "",
            "---", "", draft.content, "---", "",
            *[f"- needs proof: {text}" for text in draft.claims_needing_proof],
            *[f"- link: [{link.anchor}]({link.url})" for link in draft.internal_links],
        ]  # fmt: skip
    lines += ["", "## Brief", "", f"Outline: {'; '.join(result.brief.outline) or 'none'}", "",
              f"Questions: {' '.join(result.brief.questions) or 'none'}", "",
              f"Missing on own pages: {', '.join(result.brief.missing_terms) or 'nothing'}",
              ""]  # fmt: skip
    return "\n".join(lines)
