from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobforge.autopilots.support import KnowledgeIndex
from jobforge.autopilots.support.articles import Article, split_passages, to_plain
from jobforge.autopilots.support.term_index import TermIndex
from jobforge.core.errors import InvalidInput, SourceMalformed

ARTICLES = [
    {
        "article_id": "password",
        "title": "Reset a forgotten password",
        "body": "# Steps\n\nOpen the sign-in page and choose *Forgot password*.\n\n"
        "## If no mail arrives\n\nLook into the spam folder.",
    },
    {
        "article_id": "invoice",
        "title": "Download an invoice",
        "body": "<p>Invoices are under <b>Settings</b>.</p><ul><li>PDF</li><li>CSV</li></ul>",
    },
    {"article_id": "delivery", "title": "Track a parcel", "body": "The number is in the mail."},
    {
        "article_id": "t-1",
        "title": "parcel never came",
        "body": "We sent a second parcel.",
        "pool": "ticket",
    },
]


@pytest.fixture(scope="module")
def index() -> KnowledgeIndex:
    return KnowledgeIndex.build(ARTICLES, vectors="static")


@pytest.mark.parametrize(
    ("query", "article_id"),
    [
        ("I forgot my password", "password"),
        ("where can I get the bill as a PDF", "invoice"),
        ("how do I see where my package is", "delivery"),
    ],
)
def test_the_article_that_answers_comes_first(
    index: KnowledgeIndex, query: str, article_id: str
) -> None:
    assert index.search(query, 3)[0].article_id == article_id


def test_a_hit_names_the_passage_that_fits(index: KnowledgeIndex) -> None:
    (hit,) = index.search("no mail in my inbox or spam folder", 1)

    assert index.find_passage(hit.passage_id).heading == "If no mail arrives"


def test_each_article_comes_once_and_scores_fall(index: KnowledgeIndex) -> None:
    hits = index.search("parcel", 10)

    assert len({hit.article_id for hit in hits}) == len(hits) == len(ARTICLES)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_past_tickets_are_searched_too(index: KnowledgeIndex) -> None:
    assert "t-1" in [hit.article_id for hit in index.search("my parcel never came", 2)]


def test_an_article_ranks_before_a_ticket_that_fits_as_well() -> None:
    same = {"title": "Track a parcel", "body": "The number is in the mail."}
    pools = [{**same, "article_id": "t", "pool": "ticket"}, {**same, "article_id": "a"}]

    hits = KnowledgeIndex.build(pools, vectors="static").search("track my parcel", 2)

    assert [hit.article_id for hit in hits] == ["a", "t"]


def test_ties_keep_the_order_of_the_articles() -> None:
    same = [
        {"article_id": name, "title": "Opening hours", "body": "Nine to five."} for name in "ba"
    ]

    hits = KnowledgeIndex.build(same, vectors="static").search("when are you open", 2)

    assert [hit.article_id for hit in hits] == ["b", "a"]


def test_candidates_of_a_large_index_hold_what_the_full_search_finds(
    monkeypatch: pytest.MonkeyPatch, index: KnowledgeIndex
) -> None:
    full = index.search("forgotten password", 4)

    monkeypatch.setattr("jobforge.autopilots.support.knowledge.MAX_FULL", 0)
    assert index.search("forgotten password", 4) == full


@pytest.mark.parametrize(
    ("articles", "message"),
    [
        ([], "empty"),
        ([{"article_id": "a", "title": "x"}, {"article_id": "a", "title": "y"}], "same article_id"),
    ],
)
def test_an_index_of_nothing_or_of_twins_is_refused(
    articles: list[dict[str, str]], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        KnowledgeIndex.build(articles)


@pytest.mark.parametrize(
    "article",
    [
        {"title": "no id"},
        {"article_id": "a", "body": " "},
        {"article_id": "a", "title": 2_001 * "x"},
        {"article_id": "a", "title": "x", "pool": "elsewhere"},
        {"article_id": "a", "title": "x", "language": 7},
    ],
)
def test_an_article_without_id_or_text_is_an_error(article: dict[str, str]) -> None:
    with pytest.raises(SourceMalformed):
        KnowledgeIndex.build([article])


def test_html_becomes_text_with_headings_and_without_scripts() -> None:
    plain = to_plain("<h2>Pay</h2><p>By &amp; card</p><script>steal()</script><p>or cash</p>")

    assert plain.split() == ["##", "Pay", "By", "&", "card", "or", "cash"]


def test_front_matter_is_no_text() -> None:
    assert to_plain("---\ntitle: x\n---\nHello") == "Hello"


def test_a_fenced_block_is_never_split_and_its_comments_are_no_headings() -> None:
    body = "Run\n\n```\n# not a heading\n\nsecond line\n```"

    passages = split_passages(Article(article_id="a", title="t", body=body))

    assert len(passages) == 1
    assert passages[0].text.endswith("```\n# not a heading\n\nsecond line\n```")


def test_a_link_becomes_text_and_address_but_not_in_code() -> None:
    body = "See [billing](https://a.example/b) ![logo](x.png).\n\n```\n[a](b)\n```"

    (passage,) = split_passages(Article(article_id="a", title="t", body=body))

    assert passage.text == "See billing (https://a.example/b) logo.\n```\n[a](b)\n```"


def test_no_hits_are_asked_for_and_none_are_given(index: KnowledgeIndex) -> None:
    assert index.search("parcel", 0) == []


def test_long_text_is_split_at_paragraphs() -> None:
    body = "\n\n".join(["word " * 80] * 3)

    passages = split_passages(Article(article_id="a", title="t", body=body))

    assert [one.passage_id for one in passages] == ["a#1", "a#2", "a#3"]


def test_word_score_of_a_text_that_holds_every_word_is_high_and_of_none_is_zero() -> None:
    words = TermIndex.build(["track parcels", "download invoices", "reset passwords"])

    scores = words.score("tracking a parcel")

    assert scores[0] > 0.2
    assert scores[1] == scores[2] == 0


@settings(max_examples=30, deadline=None)
@given(query=st.text(max_size=60))
def test_any_query_gets_scores_between_0_and_1(index: KnowledgeIndex, query: str) -> None:
    hits = index.search(query, 4)

    assert len(hits) == len(ARTICLES)
    assert all(np.isfinite(hit.score) and 0 <= hit.score <= 1 for hit in hits)
