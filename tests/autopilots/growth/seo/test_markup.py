"""Tests of microdata and of redirects that only a script makes."""

from __future__ import annotations

import time

import pytest
from tests.autopilots.growth.site import page

from jobforge.autopilots.growth import check_page

PRODUCT = """<div itemscope itemtype="https://schema.org/Product" itemref="price">
<h2 itemprop="name">Rose</h2><img itemprop="image" src="/rose.png">
<div itemprop="review" itemscope itemtype="https://schema.org/Review">
<span itemprop="author">Ada</span>
<div itemprop="reviewRating" itemscope itemtype="https://schema.org/Rating">
<meta itemprop="ratingValue" content="5"></div></div></div>
<div id="price"><div itemprop="offers" itemscope itemtype="https://schema.org/Offer">
<span itemprop="price" content="9.90">9,90 €</span>
<meta itemprop="priceCurrency" content="EUR"></div></div>"""


def microdata(body: str) -> list[str]:
    issues = check_page(page("Home", body=body), url="https://a.example/")
    found = [issue for issue in issues if issue.audit == "structured-data"]
    return [item.detail for issue in found for item in issue.items]


def test_microdata_is_held_against_the_same_requirements() -> None:
    assert microdata(PRODUCT) == []
    assert microdata(PRODUCT.replace("ratingValue", "bestRating")) == [
        "Review: reviewRating has no ratingValue"
    ]
    assert microdata(PRODUCT.replace('itemprop="priceCurrency"', "")) == [
        "Offer: missing priceCurrency or priceSpecification"
    ]
    assert microdata(PRODUCT.replace(' itemref="price"', "").replace('itemprop="review"', "")) == [
        "Product: missing review or aggregateRating or offers"
    ]


def test_microdata_names_its_element_and_line() -> None:
    body = '\n\n<p itemscope itemtype="https://schema.org/Event">no name</p>'

    issues = check_page(f"<!doctype html><body>{body}", url="https://a.example/")

    (found,) = [issue for issue in issues if issue.audit == "structured-data"]
    assert [(i.detail, i.line) for i in found.items] == [
        ("Event: missing name", 3),
        ("Event: missing startDate", 3),
        ("Event: missing location", 3),
    ]
    assert found.items[0].element == '<p itemscope="" itemtype="https://schema.org/Event">'


RDFA = """<div vocab="https://schema.org/" typeof="Product"><h2 property="name">Rose</h2>
<img property="image" src="/rose.png"><div property="review" typeof="Review">
<span property="author">Ada</span><div property="reviewRating" typeof="Rating">
<meta property="ratingValue" content="5"></div></div>
<div property="offers" typeof="Offer"><span property="price" content="9.90">9,90 €</span>
<meta property="priceCurrency" content="EUR"></div></div>"""
CRUMBS = """<ol vocab="https://schema.org/" typeof="BreadcrumbList">
<li property="itemListElement" typeof="ListItem"><a property="item" typeof="WebPage" href="/b">
<span property="name">Books</span></a><meta property="position" content="1"></li>
<li property="itemListElement" typeof="ListItem"><span property="name">Poems</span>
<meta property="position" content="2"></li></ol>"""


def test_rdfa_is_held_against_the_same_requirements() -> None:
    assert microdata(RDFA) == []
    assert microdata(RDFA.replace("ratingValue", "bestRating")) == [
        "Review: reviewRating has no ratingValue"
    ]
    assert microdata(RDFA.replace('property="priceCurrency"', "")) == [
        "Offer: missing priceCurrency or priceSpecification"
    ]
    assert microdata(CRUMBS) == []
    assert microdata(CRUMBS.replace('content="1"', "").replace('property="position"', "", 1)) == [
        "BreadcrumbList: itemListElement 1 has no position"
    ]


@pytest.mark.parametrize(
    ("body", "is_read"),
    [
        ('<p typeof="schema:Event">', True),
        ('<p typeof="https://schema.org/Event">', True),
        ('<p prefix="s: http://schema.org/" typeof="s:Event">', True),
        ('<div vocab="http://schema.org/"><p typeof="Event"></div>', True),
        ('<p vocab="http://xmlns.com/foaf/0.1/" typeof="Event">', False),
        ('<p typeof="Event">', False),
        ('<p typeof="og:Event">', False),
        ('<meta property="og:title" content="Home">', False),
    ],
)
def test_of_rdfa_the_words_of_schema_org_are_read(body: str, is_read: bool) -> None:
    assert microdata(body) == (
        [f"Event: missing {name}" for name in ("name", "startDate", "location")] if is_read else []
    )


def test_rdfa_without_end_ends() -> None:
    deep = '<div vocab="https://schema.org/">' + "<div property=x typeof=Event>" * 1_500
    wide = '<div vocab="https://schema.org/" typeof=Event>' + "<i property=name>n</i>" * 60_000
    started = time.process_time()

    microdata(deep)
    microdata(wide)

    assert time.process_time() - started < 20


def test_microdata_without_end_ends() -> None:
    circle = "<div itemscope itemtype=https://schema.org/Event id=a itemref='a b'></div>" * 2_000
    deep = "<div itemprop=x itemscope itemtype=https://schema.org/Event>" * 1_500
    started = time.process_time()

    microdata(circle + "<div id=b>" + "<i itemprop=name>n</i>" * 2_000 + "</div>")
    microdata("<div itemscope>" + deep)

    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("script", "is_redirect"),
    [
        ("window.location.href = '/new';", True),
        ("location.replace('https://b.example/')", True),
        ("location = '/new'", True),
        ("var a = '{'; location.assign('/new');", True),
        ("button.onclick = function () { location.href = '/new'; };", False),
        ("if (location.href == '/new') { go(); }", False),
        ("location.href = '/new' + location.search;", False),
        ("location.href = '#top';", False),
        ("map.location = '/new';", False),
        ("location.href = 'mailto:a@b.example';", False),
    ],
)
def test_a_redirect_by_script_is_told_and_a_click_is_none(script: str, is_redirect: bool) -> None:
    html = page("Home", head=f"<script>{script}</script>")

    issues = check_page(html, url="https://a.example/")

    found = [issue for issue in issues if issue.audit == "script-redirect"]
    assert bool(found) is is_redirect
    assert all("it was not followed" in issue.evidence for issue in found)


def test_on_a_page_without_text_any_script_that_leaves_is_told() -> None:
    html = "<script>setTimeout(function () { location.href = '/new'; }, 10);</script>"

    issues = check_page(html, url="https://a.example/")

    assert "script-redirect" in {issue.audit for issue in issues}
