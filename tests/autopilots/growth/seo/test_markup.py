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
