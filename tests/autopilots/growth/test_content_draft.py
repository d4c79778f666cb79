"""Tests of `autopilot.growth.content_draft`."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobforge.autopilots.growth import CONTENT_DRAFT
from jobforge.autopilots.growth.content.brief import build_brief, group_headings
from jobforge.autopilots.growth.content.result import ContentDraftResult
from jobforge.autopilots.growth.content.rewording import check_rewording
from jobforge.autopilots.growth.content.sources import parse_html, parse_text
from jobforge.autopilots.growth.content.text import (
    DESCRIPTION_FONT,
    DESCRIPTION_PIXELS,
    TITLE_FONT,
    TITLE_PIXELS,
    ngrams,
    pixel_width,
)
from jobforge.autopilots.growth.content.voice import claims_in, prohibited_in
from jobforge.autopilots.growth.seo.structured_data import validate_structured_data
from jobforge.autopilots.growth.tables import package_table
from jobforge.core.context import HttpRequest, HttpResponse
from jobforge.core.errors import (
    DatasetMissing,
    PathDenied,
    PayloadInvalid,
    SourceMalformed,
    TargetUnavailable,
)
from jobforge.testing.context import MemoryContext

GOLDEN = Path(__file__).parent / "golden" / "content_draft.json"
TYPES = ["blog_post", "landing_page", "email", "social_post", "ad_copy", "meta_description",
         "title_tag", "og_copy", "onboarding_email", "changelog_note"]  # fmt: skip
GENUINE = {
    "content_type": "meta_description",
    "features": [],
    "goal": "Improve signup conversion",
    "keywords": ["automation", "workflows"],
    "profile_name": "jobforge",
    "use_llm": False,
    "variant_count": 1,
}
PROFILE = b"""\
name: jobforge
extends: base
icp: {description: development teams, goals: [automate workflows]}
voice: {tone: technical}
keywords: {primary: [workflow automation], prohibited: [magic]}
features: [{name: Audit trails, description: Every run is recorded}]
prohibited_claims: [zero configuration]
"""
BASE = b"required_disclaimers: [Results vary.]\nprohibited_claims: [guaranteed]\n"
SUBJECTS = ["blade", "winter", "soil", "branch", "bud", "glove", "mulch", "root", "frost", "cut"]


def text_about(number: int) -> str:
    """A page of four sections on roses; no two pages share eight words in a row."""
    parts = [f"# Roses {number}"]
    for part, heading in enumerate(["When to prune roses", "Tools for pruning", "Care in summer"]):
        lines = [
            f"Note {number}{part}{n} tells how the {subject} of roses wants {number + n + 2} days "
            f"of care before pruning in year {1900 + 37 * number + 5 * n + part}."
            for n, subject in enumerate(SUBJECTS)
        ]
        parts += [f"## {heading}", " ".join(lines)]
    return "\n\n".join(parts)


def context_with(count: int = 4) -> MemoryContext:
    context = MemoryContext()
    for number in range(count):
        context.workspace.files[f"page{number}.md"] = text_about(number).encode()
    return context


def refs(count: int = 4) -> list[dict[str, str]]:
    return [{"path": f"page{n}.md", "url": f"https://g.example/{n}"} for n in range(count)]


async def run(payload: dict[str, Any], context: MemoryContext | None = None) -> ContentDraftResult:
    own = {"content_type": "blog_post", "topic": "pruning roses", "sources": refs()}
    assert CONTENT_DRAFT.handle is not None
    parsed = CONTENT_DRAFT.parse_payload({**own, **payload})
    return await CONTENT_DRAFT.handle(parsed, context or context_with())


@pytest.mark.parametrize("content_type", TYPES)
async def test_every_line_has_a_source_or_a_template(content_type: str) -> None:
    context = context_with()
    result = await run({"content_type": content_type, "features": ["Sharp blades"]}, context)
    texts = {f"s{n + 1}": text_about(n) for n in range(4)}
    templates = package_table("content/templates")

    for line in result.drafts[0].lines:
        if line.origin == "source":
            assert line.text in texts[line.reference]
        elif line.origin == "template" and line.reference.count(".") == 2:
            role, tone, index = line.reference.split(".")
            fixed = templates[role][tone][int(index)].split("{")[0].strip()
            assert line.text.startswith(fixed)
        else:
            assert line.origin in ("template", "brief", "profile", "disclaimer")


async def test_the_content_is_exactly_its_lines() -> None:
    draft = (await run({})).drafts[0]

    bare = draft.content.replace("#", "")
    for line in draft.lines:
        assert line.text in bare
        bare = bare.replace(line.text, "", 1)
    assert {part for part in bare.split() if not part.startswith("[s")} == set()


async def test_no_source_accounts_for_a_fifth() -> None:
    result = await run({"options": {"word_count_target": 2000, "draft_variants": 3}})

    for draft in result.drafts:
        own = "\n".join(line.text for line in draft.lines)
        for number in range(4):
            there = set(ngrams(text_about(number)))
            runs = ngrams(own)
            assert sum(run in there for run in runs) / len(runs) < 0.2
            assert draft.overlap[f"s{number + 1}"] < 0.2


async def test_one_source_gives_a_short_draft_and_says_so() -> None:
    result = await run({"sources": refs(1), "options": {"word_count_target": 800}})

    assert result.drafts[0].word_count < 400
    assert any("give more sources" in note for note in result.notes)


async def test_variants_differ() -> None:
    result = await run({"options": {"draft_variants": 3}})

    contents = [set(ngrams(draft.content)) for draft in result.drafts]
    for first, second in ((0, 1), (1, 2), (0, 2)):
        shared = contents[first] & contents[second]
        assert len(shared) / len(contents[first]) < 0.9
    assert len({draft.title for draft in result.drafts}) == 3
    assert len({draft.lines[1].text for draft in result.drafts}) == 3


async def test_competitors_are_read_and_never_quoted() -> None:
    result = await run({"sources": refs(2), "competitors": [{"path": "page3.md"}]})

    assert "c1" not in {line.reference for line in result.drafts[0].lines}
    assert result.drafts[0].overlap["c1"] < 0.05


async def test_what_is_prohibited_is_left_out_and_told() -> None:
    result = await run({"prohibited_claims": ["winters"]})

    assert "winter" not in result.drafts[0].content
    assert all("winter" in sentence for sentence in result.dropped_sentences)
    assert result.dropped_sentences


async def test_a_topic_that_is_prohibited_is_refused() -> None:
    with pytest.raises(PayloadInvalid, match="prohibited"):
        await run({"prohibited_claims": ["pruning roses"]})


@pytest.mark.parametrize("content_type", [t for t in TYPES if t != "title_tag"])
async def test_a_required_disclaimer_is_always_there(content_type: str) -> None:
    payload = {"content_type": content_type, "required_disclaimers": ["Roses may prick."]}

    result = await run(payload)

    assert "Roses may prick." in result.drafts[0].content


async def test_titles_and_descriptions_fit_their_pixels() -> None:
    for topic in (
        "x1",
        "pruning roses",
        "the pruning of very old climbing roses in wet places " * 4,
    ):
        draft = (await run({"topic": topic.strip()})).drafts[0]

        assert 0 < pixel_width(draft.title, TITLE_FONT) <= TITLE_PIXELS
        assert 0 < pixel_width(draft.description, DESCRIPTION_FONT) <= DESCRIPTION_PIXELS


async def test_a_post_fits_its_limit_and_an_ad_its_own() -> None:
    post = (await run({"content_type": "social_post"})).drafts[0]
    ad = (
        await run({"content_type": "ad_copy", "topic": "a long topic about roses and care"})
    ).drafts[0]

    assert len(post.content) <= 280 + len("[s1] ")
    assert len(ad.lines[0].text) <= 30
    assert len(ad.lines[1].text) <= 90


async def test_structured_data_is_valid_and_links_lead_to_own_pages() -> None:
    draft = (await run({})).drafts[0]

    assert draft.json_ld is not None
    assert validate_structured_data(draft.json_ld) == []
    assert draft.internal_links
    assert {link.url for link in draft.internal_links} <= {
        f"https://g.example/{n}" for n in range(4)
    }


async def test_own_pages_on_the_same_subject_compete() -> None:
    text = "\n\nThis page tells all about it."
    pages = [
        {"text": f"# Pruning roses{text}", "url": "https://g.example/x"},
        {"text": f"# Growing beans{text}", "url": "https://g.example/y"},
    ]

    result = await run({"existing_pages": pages, "sources": []})

    assert [page.url for page in result.cannibalisation] == ["https://g.example/x"]


async def test_without_a_source_nothing_is_claimed() -> None:
    draft = (await run({"sources": []})).drafts[0]

    assert {line.origin for line in draft.lines} <= {"template", "brief"}
    assert draft.claims_needing_proof == ()


async def test_the_modules_own_payload_names_a_profile() -> None:
    assert CONTENT_DRAFT.translate is not None
    assert CONTENT_DRAFT.handle is not None
    payload = CONTENT_DRAFT.parse_payload(CONTENT_DRAFT.translate(GENUINE))
    context = MemoryContext()
    context.workspace.files = {"profiles/jobforge.yaml": PROFILE, "profiles/base.yaml": BASE}

    result = await CONTENT_DRAFT.handle(payload, context)

    assert result.topic == "automation"
    assert "Results vary." in result.drafts[0].content
    with pytest.raises(DatasetMissing) as missing:
        await CONTENT_DRAFT.handle(payload, MemoryContext())
    assert "profiles/jobforge.yaml" in (missing.value.hint or "")


@pytest.mark.parametrize(
    "profile", [b"extends: jobforge\nname: x", b"{", b"- a\n- b", b"extends: ../base\n"]
)
async def test_a_profile_that_is_none_is_refused(profile: bytes) -> None:
    context = MemoryContext()
    context.workspace.files = {"profiles/jobforge.yaml": profile}

    with pytest.raises(SourceMalformed):
        await run({"profile_name": "jobforge", "sources": []}, context)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ({"path": "nowhere.md"}, DatasetMissing),
        ({"path": "../other/page.md"}, PathDenied),
        ({"url": "https://gone.example/"}, TargetUnavailable),
        ({"text": "no sentence here"}, SourceMalformed),
    ],
)
async def test_a_source_that_cannot_be_read_is_an_error(
    source: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await run({"sources": [source]})


@pytest.mark.parametrize(
    "payload",
    [{"topic": None}, {"content_type": "poem"}, {"tone": "rude"}, {"sources": [{}]},
     {"options": {"word_count_target": 99}}, {"options": {"draft_variants": 4}}],
)  # fmt: skip
async def test_a_payload_that_says_nothing_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        await run(payload)


def chat(answer: str) -> MemoryContext:
    context = context_with()

    def reply(request: HttpRequest) -> HttpResponse:
        sentence = json.loads(request.body or b"{}")["messages"][1]["content"].strip("<>")
        text = answer.replace("SENTENCE", " ".join(reversed(sentence.rstrip(".").split())) + ".")
        context.http.add(
            "https://t.example", json.dumps({"choices": [{"message": {"content": text}}]})
        )
        template = context.http.answers["https://t.example"]
        assert isinstance(template, HttpResponse)
        return template

    context.http.answers["https://model.example/v1/chat/completions"] = reply
    return context


REWRITER = {"url": "https://model.example/v1/chat/completions", "model": "small"}


async def test_an_endpoint_rewords_quotes_under_the_same_checks() -> None:
    draft = (await run({"rewriter": REWRITER}, chat("SENTENCE"))).drafts[0]

    reworded = [line for line in draft.lines if line.origin == "rewording"]
    assert reworded
    assert max(draft.overlap.values()) < 0.05


async def test_an_endpoint_that_wants_a_key_is_asked_by_its_connection() -> None:
    context = chat("SENTENCE")

    await run({"rewriter": {**REWRITER, "connection": "model-server"}}, context)

    asked = [request for request in context.http.requests if request.method == "POST"]
    assert asked
    assert {request.connection for request in asked} == {"model-server"}


async def test_a_rewording_that_adds_facts_is_refused() -> None:
    result = await run({"rewriter": REWRITER}, chat("SENTENCE It saves 50 percent."))

    assert {line.origin for line in result.drafts[0].lines} >= {"source"}
    assert any("its numbers differ" in note for note in result.notes)


@pytest.mark.parametrize(
    ("after", "fault"),
    [
        ("Care in 14 days helps the roses a lot.", None),
        ("Care in 15 days helps the roses a lot.", "its numbers differ"),
        ("Care by Acme in 14 days helps roses.", "it brings in Acme"),
        ("Care in 14 days is magic for the roses.", "it says what is prohibited"),
        ("14.", "it is not one sentence of similar length"),
    ],
)
def test_a_rewording_keeps_the_facts(after: str, fault: str | None) -> None:
    before = "Within 14 days of good care the roses get better."

    assert check_rewording(before, after, ["magic"]) == fault


def test_prohibited_phrases_are_found_in_any_form() -> None:
    assert prohibited_in("It needs ZERO  configurations.", ["zero configuration"])
    assert prohibited_in("Pure magic!", ["magic"])
    assert not prohibited_in("An imagination", ["magi"])


def test_claims_are_promises_not_statements() -> None:
    claims = claims_in(["We are the best.", "It is green.", "It saves 30% of time."])

    assert claims == ("We are the best.", "It saves 30% of time.")


def test_a_brief_finds_what_competitors_have_and_own_pages_lack() -> None:
    own = [parse_text("# Roses\n\nRoses need a lot of water.", source_id="s1")]
    text = "# Roses\n\n## How do roses get fertilizer?\n\n"
    text += "Give roses some fertilizer in Late March with Acme Gardens."
    theirs = [parse_text(text, source_id=f"c{n}") for n in (1, 2)]

    brief = build_brief("roses", own, theirs)

    assert "fertilizer" in brief.missing
    assert brief.questions == ("How do roses get fertilizer?",)
    assert "Acme Gardens" in brief.entities


def test_headings_that_mean_the_same_are_one() -> None:
    groups = group_headings([("a", "Pruning roses"), ("b", "How to prune the roses"),
                             ("c", "Pruning roses in winter"), ("d", "Watering")])  # fmt: skip

    assert groups[0].texts >= 2
    assert groups[-1].heading in ("Watering", "How to prune the roses")


def test_a_page_is_read_without_its_chrome() -> None:
    html = b"""<title>T</title><nav><p>Menu is here for you now.</p></nav><h2>A</h2>
    <p>One good line of text stands here. Short.</p>
    <footer><p>Rights are all reserved here.</p></footer>"""

    source = parse_html(html, source_id="s1")

    assert (
        source.sections
        == parse_text("# A\n\nOne good line of text stands here.", source_id="s1").sections
    )


async def test_the_golden_sources_give_the_golden_draft() -> None:
    case = json.loads(GOLDEN.read_text())
    assert case["job_type"] == CONTENT_DRAFT.name

    assert CONTENT_DRAFT.handle is not None
    payload = CONTENT_DRAFT.parse_payload(case["payload"])
    result = await CONTENT_DRAFT.handle(payload, MemoryContext())

    assert json.loads(result.model_dump_json()) == case["result"]


def test_every_example_is_a_valid_payload() -> None:
    for example in CONTENT_DRAFT.examples:
        CONTENT_DRAFT.parse_payload(example)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("We guarantee it.", "guaranteed"),
        ("It is guaranteed.", "guarantees"),
        ("Guaranteeing results", "guaranteed"),
        ("increasing sales", "increase sales"),
        ("Results are GUARAN\u00adTEED here.", "guaranteed"),
        ("\uff27\uff55aranteed results", "guaranteed"),
        ("risk\u00a0free trials", "risk free"),
        ("We are #1 in roses", "#1"),
    ],
)
def test_a_prohibited_claim_is_found_in_its_other_spellings(text: str, phrase: str) -> None:
    assert prohibited_in(text, [phrase]) == (phrase,)


@given(st.text(alphabet="aeinrst ", min_size=4, max_size=30), st.text(max_size=20))
def test_a_prohibited_phrase_is_found_wherever_it_stands(phrase: str, around: str) -> None:
    assume(phrase.strip())

    assert prohibited_in(f"{around} {phrase} {around}", [phrase]) == (phrase,)


async def test_sources_in_another_language_are_said_to_be_so() -> None:
    german = (
        "Rosen schneidet man im Frühling, sobald die Forsythien blühen und kein Frost mehr droht. "
        "Ein sauberer Schnitt über einem Auge hält die Pflanze gesund und bringt viele Blüten. "
        "Danach verträgt jede Sorte etwas Kompost, der rund um den Stock eingearbeitet wird. "
    )
    payload = {
        "content_type": "blog_post",
        "topic": "Rosen schneiden",
        "sources": [{"text": f"# Rosen schneiden\n\n{german}"}],
    }

    result = await run(payload)

    assert any("not in English" in note for note in result.notes)


async def test_two_texts_of_one_id_are_refused() -> None:
    texts = [{"source_id": "a", "text": "One sentence stands here for you."}] * 2

    with pytest.raises(PayloadInvalid, match="two texts have the id a"):
        await run({"content_type": "blog_post", "topic": "roses", "sources": texts})


async def test_the_report_shows_each_line_with_its_origin_and_nothing_as_markup() -> None:
    context = context_with()

    result = await run(
        {"content_type": "blog_post", "topic": "<b>pruning</b> roses", "sources": refs()}, context
    )

    page = next(t for n, t in context.artifacts.stored.items() if n.endswith(".html")).decode()
    assert "<b>pruning" not in page
    for line in result.drafts[0].lines:
        assert (
            f"<td>{escape(f'{line.origin} {line.reference}')}</td><td>{escape(line.text)}" in page
        )
    assert "<svg" in page
