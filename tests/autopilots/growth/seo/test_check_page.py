"""Tests of `check_page`, beginning with what Lighthouse publishes for its own two test pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.growth import SeoIssue, check_page, list_seo_checks

URL = "https://shop.example/page"

FAILING = """<!doctype html><html><head>
<meta name="viewport" content="invalid-content=whatever">
<meta name="RoBots" content="nofollow, NOINDEX, all">
<link rel="alTeRnate" hreflang="xx" href="https://xx.example.com">
<link rel="alternate" hreflang="es">
<link rel="alternate" hreflang="es" href="/example.html">
<link rel="alternate" href="http://example.com/" hreflang=" x-default">
<link rel="canonical" href="https://example.com/other">
</head><body>
<a href="https://example.com">click this</a>
<a href="/test.html"> click this </a>
<a href="/test.html">CLICK THIS</a>
<svg><a href="https://example.com/svg"><text>click this</text></a></svg>
<a onclick="window.open(`http://example.com`)">Some link</a>
<a href="javascript:void(0)">Some link</a>
<a class="some-link">Some link</a>
<div><a>Some link</a></div>
<applet code="Hello.class">none</applet>
<object classid="clsid:d27cdb6e"><param name="movie" value="movie.swf">
<object type="application/x-shockwave-flash" data="movie.swf"></object></object>
</body></html>"""
FAILING_HEADERS = [
    ("x-robots-tag", "none"),
    ("link", '<http://example.com>;rel="alternate";hreflang="xx"'),
    ("link", '<https://example.com>; rel="canonical"'),
]


def by_audit(issues: list[SeoIssue]) -> dict[str, SeoIssue]:
    return {issue.audit: issue for issue in issues}


def audits(html: str, *, url: str = URL, headers: tuple[tuple[str, str], ...] = ()) -> set[str]:
    return {issue.audit for issue in check_page(html, url=url, headers=headers)}


@pytest.mark.parametrize(
    ("audit", "count"),
    [
        ("document-title", 1),
        ("meta-description", 1),
        ("viewport", 1),
        ("link-text", 4),
        ("crawlable-anchors", 4),
        ("is-crawlable", 2),
        ("hreflang", 5),
        ("plugins", 3),
    ],
)
def test_a_failing_page_gives_lighthouses_item_counts(audit: str, count: int) -> None:
    issues = by_audit(check_page(FAILING, url=URL, headers=FAILING_HEADERS))

    assert len(issues[audit].items) == count


def test_two_canonicals_conflict_in_lighthouses_words() -> None:
    issues = by_audit(check_page(FAILING, url=URL, headers=FAILING_HEADERS))

    assert issues["canonical"].evidence == (
        "Multiple conflicting URLs (https://example.com/other, https://example.com/)"
    )


def test_links_that_only_look_vague_pass() -> None:
    page = """<a href='https://example.com'>descriptive link</a><a href='#here'>click this</a>
    <a href='https://example.com/x' rel='nofollow'>click this</a><a href='javascript:;'>here</a>
    <a href='mailto:a@b.example'>here</a><a href='/pass'>Some link</a>"""

    assert not audits(page) & {"link-text", "crawlable-anchors"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:3000"])
def test_links_to_ones_own_machine_are_found(host: str) -> None:
    assert "localhost-links" in audits(f"<a href='http://{host}/x'>x</a>")


def test_hidden_link_text_does_not_count() -> None:
    assert "link-text" not in audits("<a href='/x'><span hidden>here</span></a>")
    assert "link-text" not in audits("<div hidden><a href='/x'>here</a></div>")


def test_link_text_follows_the_language_of_the_link() -> None:
    german = "<html lang='de'><a href='/x'>hier</a>"

    assert "link-text" in audits(german)
    assert "link-text" not in audits(german.replace("'de'", "'en'"))


@pytest.mark.parametrize("text", ["https://shop.example/x", "http://shop.example/x"])
def test_a_bare_url_is_no_link_text(text: str) -> None:
    assert "link-text" in audits(f"<html lang=en><a href='/x'>{text}</a>")


@pytest.mark.parametrize(
    ("anchor", "fails"),
    [
        ("<a href='#'>x</a>", False),
        ("<a href='tel:555'>x</a>", False),
        ("<a href=''>x</a>", False),
        ("<a href='ftp://'>x</a>", True),
        ("<a href='file:///x.png'>x</a>", True),
        ("<a href='javascript : void ( 0 )'>x</a>", True),
        ("<a role='button'>x</a>", False),
        ("<a role=' '>x</a>", True),
        ("<a id='top'></a>", False),
        ("<a name='top'></a>", False),
        ("<a aria-current='page'>x</a>", False),
        ("<a aria-current='true'>x</a>", True),
        ("<a target='_blank'>x</a>", True),
    ],
)
def test_an_anchor_is_crawlable_as_lighthouse_says(anchor: str, fails: bool) -> None:
    assert ("crawlable-anchors" in audits(anchor)) is fails


@pytest.mark.parametrize(
    ("directives", "blocks"),
    [
        ("noindex", True),
        ("all, none, all", True),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST, all", True),
        (" Unavailable_after: 25-Aug-2007 15:00:00 EST, all", True),
        ("unavailable_after: 25 Jun 2045 15:00:00 PST", False),
        ("all, noarchive", False),
    ],
)
def test_robots_directives_block_in_meta_and_header(directives: str, blocks: bool) -> None:
    in_meta = audits(f"<meta name=robots content='{directives}'>")
    in_header = audits("<p>x", headers=(("X-Robots-Tag", directives),))

    assert ("is-crawlable" in in_meta) is blocks
    assert ("is-crawlable" in in_header) is blocks


def test_a_page_one_search_engine_may_index_is_crawlable() -> None:
    assert "is-crawlable" not in audits("<p>x", headers=(("x-robots-tag", "googlebot: noindex"),))


def test_an_expiry_is_judged_by_the_given_time() -> None:
    page = "<meta name=robots content='unavailable_after: 1 Feb 2027 00:00:00 GMT'>"

    before = check_page(page, url=URL, now=datetime(2027, 1, 1, tzinfo=UTC))
    after = check_page(page, url=URL, now=datetime(2027, 3, 1, tzinfo=UTC))

    assert "is-crawlable" not in by_audit(before)
    assert "is-crawlable" in by_audit(after)


def test_robots_txt_blocks_with_its_line() -> None:
    robots = "User-agent: *\nDisallow: /page"

    issue = by_audit(check_page("<p>x", url=URL, robots_txt=robots))["is-crawlable"]

    assert [(item.url, item.line) for item in issue.items] == [
        ("https://shop.example/robots.txt", 2)
    ]


@pytest.mark.parametrize(
    ("head", "evidence"),
    [
        ("<link rel=canonical href='https:// shop.example'>", "Invalid URL"),
        ("<link rel=canonical href='/'>", "Is not an absolute URL (/)"),
        ("<link rel=canonical href='https://shop.example/'>", "Points to the domain's root URL"),
        (
            "<link rel=canonical href='https://shop.example/fr'>"
            "<link rel=alternate hreflang=fr href='https://shop.example/fr'>"
            f"<link rel=alternate hreflang=en href='{URL}'>",
            "Points to another hreflang location",
        ),
    ],
)
def test_a_canonical_that_misleads_fails(head: str, evidence: str) -> None:
    issue = by_audit(check_page(f"<head>{head}</head><body>x", url=URL))["canonical"]

    assert issue.evidence.startswith(evidence)


def test_links_in_the_body_are_no_canonicals() -> None:
    page = "<body><p>x<link rel=canonical href='/'><link rel=alternate hreflang=zz href=x>"

    found = audits(page)

    assert not found & {"canonical", "hreflang"}
    assert "metas-in-body" in found


def test_an_error_page_is_judged_by_its_status_alone() -> None:
    issues = check_page("<html>", url=URL, status=404)

    assert [(issue.audit, issue.items[0].detail) for issue in issues] == [
        ("http-status-code", "404")
    ]


@pytest.mark.parametrize(
    ("image", "fails"),
    [
        ("<img src=x>", True),
        ("<img src=x alt=' '>", True),
        ("<img src=x alt=''>", False),
        ("<img src=x role=presentation>", False),
        ("<img src=x title=dog>", False),
        ("<div aria-hidden=true><img src=x></div>", False),
    ],
)
def test_images_need_alternative_text_unless_decorative(image: str, fails: bool) -> None:
    assert ("image-alt" in audits(image)) is fails


def test_each_fault_of_the_markup_is_named() -> None:
    page = f"""<html lang=qq><head><title>Short</title><title>Two</title>
    <meta name=description content=x><meta name=description content=y>
    <meta name=viewport content='width=device-width, user-scalable=no'>
    <meta name=robots content='nosnippet, noimageindex'>
    <meta http-equiv=refresh content='0; url=/next'></head><body>
    <h2>Skips</h2><h4>Skips</h4><div id=a></div><div id=a></div>
    <img src=http://cdn.example/x.png alt='{"a" * 101}'><picture></picture>
    <form action='http://shop.example/send'></form>
    <a href='http://shop.example/x' rel=nofollow>x</a><a href='http://localhost:3000/'>dev</a>"""

    assert audits(page, url="https://shop.example/A_b//c d") >= {
        "html-lang-valid", "short-title", "multiple-title-tags", "short-description",
        "multiple-description-tags", "meta-viewport", "nosnippet", "no-image-index", "meta-refresh",
        "heading-order", "no-h1", "duplicated-id", "mixed-content", "long-alt-text",
        "unsized-images",
        "missing-img-element", "insecure-form",
        "http-links", "internal-no-follow",
        "localhost-links", "little-content", "underscore-url", "space-url", "multiple-slashes",
        "uppercase-url", "missing-hsts-header", "missing-csp", "content-type-options", "charset",
    }  # fmt: skip


def test_every_issue_says_why_and_how_to_mend_it() -> None:
    for issue in check_page(FAILING, url=URL, headers=FAILING_HEADERS):
        assert issue.status == "failed"
        assert issue.items
        assert issue.evidence
        assert issue.why
        assert issue.source.startswith("https://")
        assert issue.fix


def test_at_least_sixty_of_seonauts_checks_are_covered() -> None:
    assert len({name for check in list_seo_checks() for name in check.references}) >= 60


def test_wrongly_encoded_bytes_are_read_and_reported() -> None:
    body = "<meta charset=utf-8><title>Käse</title>".encode("latin-1")

    assert "charset" in by_audit(check_page(body, url=URL))


def test_deep_nesting_is_reported_not_followed() -> None:
    issue = by_audit(check_page("<div>" * 100_000 + "x", url=URL))["dom-size"]

    assert "what is below was not read" in issue.evidence


def test_a_page_of_a_hundred_megabytes_is_read_to_its_first_fifteen() -> None:
    page = b"<title>Huge</title>" + b" " * 100_000_000 + b"<a href='javascript:void(0)'>x</a>"

    issues = by_audit(check_page(page, url=URL))

    assert "only the first 15000000 bytes" in issues["large-page"].evidence
    assert "crawlable-anchors" not in issues


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_no_page_breaks_the_audit(page: str | bytes) -> None:
    for issue in check_page(page, url=URL):
        assert issue.items
