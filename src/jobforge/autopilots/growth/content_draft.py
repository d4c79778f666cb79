"""`autopilot.growth.content_draft`: brief and drafts from own pages, each line with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from jobforge.autopilots.growth.content.brief import build_brief
from jobforge.autopilots.growth.content.draft import Assignment, Piece, Writer, write_long
from jobforge.autopilots.growth.content.html_report import to_html
from jobforge.autopilots.growth.content.languages import ENGLISH, language_of
from jobforge.autopilots.growth.content.markdown import to_markdown
from jobforge.autopilots.growth.content.result import (
    BriefTerm,
    CompetingPage,
    ContentBrief,
    ContentDraftResult,
    DraftVariant,
)
from jobforge.autopilots.growth.content.review import SCORE_FORMULA, enforce, review, rivals_of
from jobforge.autopilots.growth.content.rewording import Rewriter, reword
from jobforge.autopilots.growth.content.short import SHORT, description_of, title_of
from jobforge.autopilots.growth.content.sources import Source, SourceRef, load_source
from jobforge.autopilots.growth.content.voice import Profile, load_profile
from jobforge.core.context import JobContext
from jobforge.core.errors import PayloadInvalid
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

ContentType = Literal[
    "blog_post", "landing_page", "email", "social_post", "ad_copy",
    "meta_description", "title_tag", "og_copy", "onboarding_email", "changelog_note",
]  # fmt: skip
Tone = Literal["professional", "casual", "witty", "inspirational", "technical"]


class DraftOptions(Model):
    """Length, number of variants, and what they hold."""

    word_count_target: int = Field(default=500, ge=100, le=5000)
    include_cta: bool = True
    seo_optimized: bool = True
    draft_variants: int = Field(default=1, ge=1, le=3)


class ContentDraftPayload(Model):
    """What to write, from what, and in whose voice.

    `sources` are the user's own pages: they are quoted, with their id. `competitors` are read for
    the brief and never quoted. `existing_pages` are looked through for pages on the same subject. A
    profile is a file `profiles/<name>.yaml` of the tenant's folder; it may stand for the topic.
    """

    content_type: ContentType
    topic: str | None = Field(default=None, min_length=2, max_length=300)
    goal: str | None = Field(default=None, max_length=1000)
    target_audience: str | None = Field(default=None, max_length=300)
    tone: Tone | None = None
    keywords: tuple[str, ...] = Field(default=(), max_length=50)
    features: tuple[str, ...] = Field(default=(), max_length=50)
    call_to_action: str | None = Field(default=None, max_length=200)
    profile_name: str | None = Field(default=None, max_length=100)
    sources: tuple[SourceRef, ...] = Field(default=(), max_length=50)
    competitors: tuple[SourceRef, ...] = Field(default=(), max_length=20)
    existing_pages: tuple[SourceRef, ...] = Field(default=(), max_length=200)
    prohibited_claims: tuple[str, ...] = ()
    required_disclaimers: tuple[str, ...] = ()
    rewriter: Rewriter | None = None
    options: DraftOptions = DraftOptions()

    @model_validator(mode="after")
    def _says_what_about(self) -> Self:
        if self.topic is None and self.profile_name is None:
            raise ValueError("name a topic, or a profile_name that brings one")
        return self


def plan_assignment(
    payload: ContentDraftPayload,
    profile: Profile,
    own: tuple[Source, ...],
    competitors: tuple[Source, ...],
) -> Assignment:
    """What to write, from payload and profile; the payload's words win, rules of both count.

    Raises:
        PayloadInvalid: neither names a topic.
    """
    goals = (payload.goal,) if payload.goal else profile.goals
    topic = payload.topic or next(iter([*payload.keywords, *profile.keywords, *goals]), "")
    if not topic:
        raise PayloadInvalid(
            "the profile names no keyword or goal to write about", pointer="/topic"
        )
    tone = payload.tone or (profile.tone if profile.tone in TONES else "professional")
    features = tuple((name, "") for name in payload.features) or profile.features
    return Assignment(
        topic=topic,
        audience=payload.target_audience or profile.audience,
        tone=str(tone),
        keywords=tuple(dict.fromkeys([*payload.keywords, *profile.keywords[:3]])) or (topic,),
        profile=replace(profile, features=features),
        brief=build_brief(topic, own, competitors),
        own=own,
        competitors=competitors,
        target_words=payload.options.word_count_target,
        include_cta=payload.options.include_cta,
        action=payload.call_to_action,
        prohibited=tuple(dict.fromkeys([*payload.prohibited_claims, *profile.prohibited])),
        disclaimers=tuple(dict.fromkeys([*payload.required_disclaimers, *profile.disclaimers])),
    )


TONES = ("professional", "casual", "witty", "inspirational", "technical")


def write(content_type: ContentType, writer: Writer) -> list[Piece]:
    """Write one variant."""
    short = SHORT.get(content_type)
    return short(writer) if short else write_long(writer)


async def _variant(
    payload: ContentDraftPayload, job: Assignment, number: int, context: JobContext
) -> tuple[DraftVariant, list[str], list[str]]:
    writer = Writer(job, number)
    pieces = write(payload.content_type, writer)
    notes: list[str] = []
    if payload.rewriter is not None:
        pieces, notes = await reword(pieces, payload.rewriter, job.prohibited, context)
    title, description = title_of(writer), description_of(writer)
    names = (title.text, description.text)
    draft = review(payload.content_type, job, number, pieces, names)
    if not payload.options.seo_optimized:
        draft = draft.model_copy(update={"seo_score": 0})
    enforce(draft, job, needs_disclaimers=payload.content_type != "title_tag")
    return draft, writer.dropped, notes


async def handle(payload: ContentDraftPayload, context: JobContext) -> ContentDraftResult:
    """Read sources and profile, write, review, store."""
    profile = await _profile(payload, context)
    own = await _load(payload.sources, "s", context)
    competitors = await _load(payload.competitors, "c", context)
    pages = await _load(payload.existing_pages, "p", context)
    _check_ids((*own, *competitors, *pages))
    job = plan_assignment(payload, profile, own, competitors)
    drafts, dropped, notes = [], dict[str, None](), list[str]()
    for number in range(payload.options.draft_variants):
        draft, left, said = await _variant(payload, job, number, context)
        drafts.append(draft)
        dropped |= dict.fromkeys(left)
        notes += said
    result = _result(payload, job, tuple(drafts), pages, (tuple(dropped), notes))
    await _store(result, context)
    return result


async def _profile(payload: ContentDraftPayload, context: JobContext) -> Profile:
    return await load_profile(payload.profile_name, context) if payload.profile_name else Profile()


async def _load(
    refs: tuple[SourceRef, ...], prefix: str, context: JobContext
) -> tuple[Source, ...]:
    named = [
        ref if ref.source_id else ref.model_copy(update={"source_id": f"{prefix}{position}"})
        for position, ref in enumerate(refs, start=1)
    ]
    return tuple([await load_source(ref, n, context) for n, ref in enumerate(named, start=1)])


def _check_ids(sources: tuple[Source, ...]) -> None:
    """A citation leads to one text, and no text hides another's overlap."""
    seen: set[str] = set()
    for source in sources:
        if source.source_id in seen:
            raise PayloadInvalid(f"two texts have the id {source.source_id}", pointer="/sources")
        seen.add(source.source_id)


def _result(
    payload: ContentDraftPayload,
    job: Assignment,
    drafts: tuple[DraftVariant, ...],
    pages: tuple[Source, ...],
    said: tuple[tuple[str, ...], list[str]],
) -> ContentDraftResult:
    dropped, notes = said
    rivals = rivals_of(job, (*job.own, *pages))
    return ContentDraftResult(
        content_type=payload.content_type,
        topic=job.topic,
        brief=_brief(job),
        drafts=drafts,
        seo_score=drafts[0].seo_score,
        seo_score_formula=SCORE_FORMULA,
        readability_score=drafts[0].reading_ease,
        cannibalisation=tuple(
            CompetingPage(url=r.url, title=r.title, similarity=r.similarity) for r in rivals
        ),
        dropped_sentences=dropped,
        notes=(*_notes(payload, job, drafts), *dict.fromkeys(notes)),
    )


def _brief(job: Assignment) -> ContentBrief:
    return ContentBrief(
        topics=job.brief.topics,
        terms=tuple(BriefTerm(**asdict(term)) for term in job.brief.terms),
        questions=job.brief.questions,
        entities=job.brief.entities,
        outline=tuple(group.heading for group in job.brief.headings),
        missing_terms=job.brief.missing,
    )


def _notes(
    payload: ContentDraftPayload, job: Assignment, drafts: tuple[DraftVariant, ...]
) -> list[str]:
    notes = []
    if not job.own and payload.content_type not in SHORT:
        notes.append("no source was given: the draft is an outline that states no fact")
    short = [d for d in drafts if d.word_count < payload.options.word_count_target * 0.8]
    if short and payload.content_type not in SHORT:
        notes.append(
            f"the sources support {short[0].word_count} of {payload.options.word_count_target} "
            "words without copying a fifth from one of them: give more sources, or a rewriter"
        )
    if language_of("\n".join(source.text for source in job.own)) != ENGLISH:
        notes.append(
            "the sources are not in English, but templates and stop words are: the sentences "
            "between quotes need a translator, and readability goes by the language that most of a "
            "draft's small words are of"
        )
    return notes


async def _store(result: ContentDraftResult, context: JobContext) -> None:
    stem = f"growth-content-{context.job.job_id}"
    files = (
        ("json", result.model_dump_json(indent=1), "content_draft", "application/json"),
        ("md", to_markdown(result), "content_markdown", "text/markdown"),
        ("html", to_html(result), "content_report_page", "text/html"),
    )
    for suffix, text, kind, mime_type in files:
        await context.artifacts.put(
            f"{stem}.{suffix}", text.encode(), kind=kind, mime_type=mime_type
        )


def translate(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Turn the growth module's payload into ours; ours stays as it is.

    The module asks for `use_llm` and a provider by name; without an endpoint of the tenant's there
    is none to ask, so the draft is written without one.
    """
    if not {"use_llm", "variant_count", "llm_provider"} & payload.keys():
        return payload
    own = dict(payload)
    for key in ("use_llm", "llm_provider"):
        own.pop(key, None)
    count = own.pop("variant_count", None)
    options = dict(own.get("options", {}))
    if count is not None:
        options.setdefault("draft_variants", count)
    return {**own, "options": options}


CONTENT_DRAFT = JobType(
    name="autopilot.growth.content_draft",
    title="Draft content from your own pages",
    domain="growth",
    payload=ContentDraftPayload,
    result=ContentDraftResult,
    handle=handle,
    scopes=frozenset({"growth:read"}),
    timeout=timedelta(minutes=3),
    examples=(
        {
            "content_type": "blog_post",
            "topic": "pruning roses",
            "keywords": ["pruning roses"],
            "sources": [{"url": "https://garden.example/roses"}],
        },
        {"content_type": "meta_description", "profile_name": "acme", "goal": "More sign-ups"},
    ),
    translate=translate,
)
