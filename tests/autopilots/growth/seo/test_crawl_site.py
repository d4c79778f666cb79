"""Tests of `crawl_site` on small sites in memory."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from tests.autopilots.growth.site import page, redirect, serve

from jobforge.autopilots.growth import CrawlOptions, CrawlReport, crawl_site
from jobforge.autopilots.growth.seo.sitemaps import parse_sitemap
from jobforge.autopilots.growth.seo.store import CrawlStore
from jobforge.core.context import HttpRequest, HttpResponse
from jobforge.core.errors import EgressDenied, PayloadInvalid, TargetUnavailable
from jobforge.testing.context import MemoryContext

HOST = "https://a.example"


def urls(report: CrawlReport, audit: str) -> set[str]:
    found = next((issue for issue in report.issues if issue.audit == audit), None)
    return {url.removeprefix(HOST) for url in found.urls} if found else set()


def link(*paths: str, rel: str = "") -> str:
    attribute = f' rel="{rel}"' if rel else ""
    return "".join(f'<p><a href="{path}"{attribute}>Read about {path}</a></p>' for path in paths)


async def crawl(
    context: MemoryContext, *, max_pages: int = 100, max_depth: int | None = None
) -> CrawlReport:
    return await crawl_site(
        HOST, fetch=context.http.fetch, max_pages=max_pages, max_depth=max_depth
    )


def asked(context: MemoryContext) -> list[str]:
    return [request.url.removeprefix(HOST) for request in context.http.requests]


async def test_a_good_site_has_nothing_but_advice() -> None:
    context = MemoryContext()
    serve(
        context, {"/": page("Home", body=link("/roses")), "/roses": page("Roses", body=link("/"))}
    )

    report = await crawl(context)

    assert report.score == 100
    assert {issue.severity for issue in report.issues} <= {"info"}
    assert sum(p.rank for p in report.pages) == pytest.approx(1)
    assert [(p.url, p.depth, p.inlinks) for p in report.pages] == [
        (f"{HOST}/", 0, 1), (f"{HOST}/roses", 1, 1),
    ]  # fmt: skip


async def test_redirect_chains_and_loops_are_told_apart() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link("/1", "/x")), "/3": page("End", body=link("/"))})
    redirect(context, f"{HOST}/1", "/2")
    redirect(context, f"{HOST}/2", "/3", 302)
    redirect(context, f"{HOST}/x", "/y")
    redirect(context, f"{HOST}/y", "/x")

    report = await crawl(context)

    assert urls(report, "redirect-chain") == {"/1"}
    assert urls(report, "redirect-loop") == {"/x", "/y"}
    assert urls(report, "redirects") == {"/1", "/x"}


async def test_robots_rules_are_honoured_and_told() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link("/private/a", "/open")), "/open": page("Open")})
    context.http.add(f"{HOST}/robots.txt", "User-agent: *\nDisallow: /private")

    report = await crawl(context)

    assert "/private/a" not in asked(context)
    assert urls(report, "blocked") == {"/private/a"}


async def test_a_failing_robots_txt_forbids_everything() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home")})
    context.http.add(f"{HOST}/robots.txt", "oops", status=503)

    report = await crawl(context)

    assert report.pages == ()
    assert "nothing may be fetched" in report.notes[0]


async def test_a_sitemap_index_in_gzip_finds_orphans_and_faults() -> None:
    context = MemoryContext()
    serve(context, {
        "/": page("Home", body=link("/a")), "/a": page("A", body=link("/")),
        "/orphan": page("Orphan", body=link("/")),
        "/hidden": page("Hidden", head="<meta name=robots content=noindex>", body=link("/")),
        "/copy": page("Copy", head=f"<link rel=canonical href={HOST}/a>", body=link("/")),
    })  # fmt: skip
    listed = ("/a", "/orphan", "/hidden", "/copy", "/gone", "/secret")
    entries = "".join(f"<url><loc>{HOST}{path}</loc></url>" for path in listed)
    context.http.add(f"{HOST}/gone", "", status=410)
    context.http.add(f"{HOST}/map.xml.gz", gzip.compress(f"<urlset>{entries}</urlset>".encode()))
    context.http.add(f"{HOST}/index.xml", (
        "<sitemapindex><sitemap><loc>/map.xml.gz</loc></sitemap></sitemapindex>"))  # fmt: skip
    context.http.add(f"{HOST}/robots.txt", (
        f"User-agent: *\nDisallow: /secret\nSitemap: {HOST}/index.xml"))  # fmt: skip

    report = await crawl(context)

    assert urls(report, "orphan") == {"/orphan", "/hidden", "/copy"}
    assert urls(report, "sitemap-no-index") == {"/hidden"}
    assert urls(report, "sitemap-non-canonical") == {"/copy"}
    assert urls(report, "sitemap-error") == {"/gone"}
    assert urls(report, "sitemap-blocked") == {"/secret"}


@pytest.mark.parametrize(
    "body", [b"<urlset><url><loc>x", b"\x1f\x8bbroken", b"hello", b"<urlset></urlset>"]
)
async def test_a_sitemap_that_cannot_be_read_is_reported(body: bytes) -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home")})
    context.http.add(f"{HOST}/sitemap.xml", body)

    assert urls(await crawl(context), "sitemap-invalid") == {"/sitemap.xml"}


def test_a_sitemap_expands_no_entities() -> None:
    body = (
        b'<!DOCTYPE x [<!ENTITY e "expanded"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
        b"<urlset><url><loc>https://a.example/&e;</loc></url>"
        b"<url><loc>https://a.example/&f;</loc></url></urlset>"
    )

    assert set(parse_sitemap(body).urls) <= {"https://a.example/"}


def test_a_sitemap_that_unpacks_to_too_much_is_refused() -> None:
    bomb = gzip.compress(b"<urlset>" + b" " * 51_000_000)

    assert parse_sitemap(bomb).problem == "gzip: larger than 50000000 bytes"


async def test_the_canonical_graph_is_followed() -> None:
    context = MemoryContext()
    targets = {"chain": "/copy", "error": "/gone", "redirect": "/moved", "noindex": "/hidden"}
    pages = {f"/{name}": page(name.title(), head=f"<link rel=canonical href={HOST}{to}>")
             for name, to in targets.items()}  # fmt: skip
    serve(context, {
        "/": page("Home", body=link("/copy", *pages)), **pages,
        "/copy": page("Copy", head=f"<link rel=canonical href={HOST}/>"),
        "/hidden": page("Hidden", head="<meta name=robots content=noindex>"),
    })  # fmt: skip
    context.http.add(f"{HOST}/gone", "", status=404)
    redirect(context, f"{HOST}/moved", "/")

    report = await crawl(context)

    assert urls(report, "canonicalized-to-non-canonical") == {"/chain"}
    assert urls(report, "canonicalized-to-error") == {"/error"}
    assert urls(report, "canonicalized-to-redirect") == {"/redirect"}
    assert urls(report, "canonicalized-to-non-indexable") == {"/noindex"}


async def test_the_hreflang_graph_needs_return_links() -> None:
    def alternates(*pairs: tuple[str, str]) -> str:
        return "".join(f'<link rel="alternate" hreflang="{code}" href="{HOST}{path}">'
                       for code, path in pairs)  # fmt: skip

    context = MemoryContext()
    serve(context, {
        "/": page("Home", body=link("/de", "/fr"),
                  head=alternates(("en", "/"), ("de", "/de"), ("fr", "/fr"), ("es", "/es"))),
        "/de": page("Deutsch", head=alternates(("en", "/"), ("de", "/de"))),
        "/fr": page("Francais", head="<meta name=robots content=noindex>"),
    })  # fmt: skip
    context.http.add(f"{HOST}/es", "", status=404)

    report = await crawl(context)

    assert urls(report, "hreflang-return-link") == {"/"}
    assert urls(report, "hreflang-noindexable") == {"/"}
    assert urls(report, "hreflang-to-error") == {"/"}


async def test_duplicates_are_found_exactly_and_nearly() -> None:
    context = MemoryContext()
    long = " ".join(f"sentence{n} about roses" for n in range(300))
    serve(context, {
        "/": page("Home", body=link("/a", "/b", "/c")),
        "/a": page("Same", words=long), "/b": page("Same", words=long),
        "/c": page("Same", words=long + " and thorns"),
    })  # fmt: skip

    report = await crawl(context)

    assert urls(report, "duplicated-title") == {"/a", "/b", "/c"}
    assert urls(report, "duplicated-description") == {"/a", "/b", "/c"}
    assert urls(report, "duplicated-content") == {"/a", "/b"}
    assert urls(report, "near-duplicate-content") == {"/a", "/b", "/c"}


async def test_nofollow_links_are_not_followed_but_weighed() -> None:
    context = MemoryContext()
    serve(context, {
        "/": page("Home", body=link("/only", rel="nofollow") + link("/mixed")),
        "/mixed": page("Mixed", body=link("/both", rel="nofollow") + link("/more")),
        "/more": page("More", body=link("/both")), "/both": page("Both", body=link("/")),
    })  # fmt: skip

    report = await crawl(context)

    assert "/only" not in asked(context)
    assert "/both" in asked(context)
    assert urls(report, "internal-no-follow-indexable") == {"/only"}
    assert urls(report, "incoming-follow-nofollow") == {"/both"}


async def test_deep_pages_and_pagination_without_return_are_named() -> None:
    context = MemoryContext()
    chain = {f"/{n}": page(f"Page{n}", body=link(f"/{n + 1}")) for n in range(1, 6)}
    serve(context, {"/": page("Home", head="<link rel=next href=/1>", body=link("/1")), **chain,
                    "/6": page("Last", body=link("/"))})  # fmt: skip

    report = await crawl(context)

    assert urls(report, "depth") == {"/5", "/6"}
    assert urls(report, "pagination-link") == {"/"}


async def test_an_endless_calendar_ends() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link("/day/1"))})

    async def fetch(request: HttpRequest) -> HttpResponse:
        if "/day/" in request.url:
            day = int(request.url.rpartition("/")[2])
            context.http.add(request.url, page("Day", body=link(f"/day/{day + 1}")))
        return await context.http.fetch(request)

    report = await crawl_site(HOST, fetch=fetch, max_pages=5000)

    assert len(report.pages) < 150
    assert len(urls(report, "crawl-trap")) == 1


async def test_a_growing_path_is_a_trap() -> None:
    context = MemoryContext()
    serve(
        context, {"/" + "a/" * n: page(f"N{n}", body="<a href='a/'>deeper</a>") for n in range(9)}
    )

    report = await crawl(context)

    assert len(report.pages) == 5
    assert urls(report, "crawl-trap") == {"/" + "a/" * 5}


async def test_limits_hold_and_are_told() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link(*[f"/{n}" for n in range(9)])),
                    **{f"/{n}": page(f"N{n}") for n in range(9)}})  # fmt: skip

    by_pages = await crawl(context, max_pages=4)
    by_depth = await crawl(context, max_depth=0)

    assert (len(by_pages.pages), by_pages.is_complete) == (4, False)
    assert by_pages.stopped_because == "max_pages reached, 6 URLs left"
    assert len(by_depth.pages) == 1


async def test_a_stopped_crawl_goes_on_where_it_was(tmp_path: Path) -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link(*[f"/{n}" for n in range(9)])),
                    **{f"/{n}": page(f"N{n}") for n in range(9)}})  # fmt: skip
    options = CrawlOptions(frontier_path=tmp_path / "frontier.sqlite")
    await crawl_site(HOST, fetch=context.http.fetch, max_pages=4, options=options)
    context.http.requests.clear()

    report = await crawl_site(HOST, fetch=context.http.fetch, options=options)

    assert len(report.pages) == 10
    assert len([url for url in asked(context) if url[1:].isdigit()]) == 6


async def test_a_frontier_that_somebody_holds_or_that_is_torn_is_begun_anew(
    tmp_path: Path,
) -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home")})
    held, torn = tmp_path / "held.sqlite", tmp_path / "torn.sqlite"
    torn.write_bytes(b"SQLite format 3\x00 and then nothing that makes sense" * 100)
    holder = CrawlStore(held)
    try:
        for path in (held, torn):
            options = CrawlOptions(frontier_path=path)
            report = await crawl_site(HOST, fetch=context.http.fetch, options=options)
            assert len(report.pages) == 1
        assert holder.count_known() == 0
    finally:
        holder.close()


async def test_a_server_is_slow_by_its_first_byte_not_by_its_length() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link("/long", "/late")), "/long": page("Long"),
                    "/late": page("Late")})  # fmt: skip
    for path, first in (("/long", 100), ("/late", 700)):
        known = context.http.answers[HOST + path]
        assert isinstance(known, HttpResponse)
        times = {"elapsed": timedelta(seconds=9), "first_byte": timedelta(milliseconds=first)}
        context.http.answers[HOST + path] = known.model_copy(update=times)

    report = await crawl(context)

    assert urls(report, "server-response-time") == {"/late"}
    assert {p.url.rpartition("/")[2]: p.first_byte_ms for p in report.pages} == {
        "": 5, "long": 100, "late": 700,
    }  # fmt: skip


async def test_a_crawl_ends_in_time_and_says_what_it_left() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link(*[f"/{n}" for n in range(9)])),
                    **{f"/{n}": page(f"N{n}") for n in range(9)}})  # fmt: skip
    options = CrawlOptions(delay_seconds=0.1, max_seconds=0.25)

    report = await crawl_site(HOST, fetch=context.http.fetch, options=options)

    assert 1 <= len(report.pages) < 10
    assert report.stopped_because is not None
    assert report.stopped_because.startswith("the time limit was reached, ")


async def test_a_busy_server_is_asked_again_later() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link("/busy"))})
    answers = [503, 200]

    def busy(request: HttpRequest) -> HttpResponse:
        serve(context, {"/busy": page("Busy")})
        answer = context.http.answers[request.url]
        assert isinstance(answer, HttpResponse)
        headers = (*answer.headers, ("retry-after", "0"))
        return answer.model_copy(update={"status": answers.pop(0), "headers": headers})

    context.http.answers[f"{HOST}/busy"] = busy

    report = await crawl(context)

    assert {p.status for p in report.pages} == {200}
    assert asked(context).count("/busy") == 2


async def test_a_page_that_never_answers_is_named_not_dropped() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link("/silent"))})

    report = await crawl(context)

    assert urls(report, "timeout") == {"/silent"}


async def test_the_start_must_answer() -> None:
    context = MemoryContext()
    context.http.add(f"{HOST}/robots.txt", "", status=404)

    with pytest.raises(TargetUnavailable):
        await crawl(context)


@pytest.mark.parametrize("url", ["", "a.example", "ftp://a.example", "http://", "javascript:1"])
async def test_only_http_can_be_crawled(url: str) -> None:
    with pytest.raises(PayloadInvalid):
        await crawl_site(url, fetch=MemoryContext().http.fetch)


async def test_the_start_may_move_to_another_host() -> None:
    context = MemoryContext()
    redirect(context, "https://old.example/", f"{HOST}/")
    context.http.add("https://old.example/robots.txt", "", status=404)
    serve(context, {"/": page("Home")})

    report = await crawl_site("https://old.example", fetch=context.http.fetch)

    assert report.start_url == f"{HOST}/"
    assert [p.url for p in report.pages] == [f"{HOST}/"]


async def test_links_to_other_sites_are_looked_at_where_asked() -> None:
    context = MemoryContext()
    external = link("https://ok.example/", "https://gone.example/", "https://moved.example/")
    serve(context, {"/": page("Home", body=external + "<img src=/big.png alt=x width=1 height=1>")})
    context.http.add("https://ok.example/", "")
    context.http.add("https://gone.example/", "", status=404)
    redirect(context, "https://moved.example/", "/new")
    context.http.add(f"{HOST}/big.png", "", headers=(("content-length", "900000"),))
    options = CrawlOptions(check_external=True, check_images=True)

    report = await crawl_site(HOST, fetch=context.http.fetch, options=options)

    assert urls(report, "external-link-broken") == {"/"}
    assert urls(report, "external-link-redirect") == {"/"}
    assert urls(report, "large-image") == {"/"}


async def test_another_site_is_asked_one_thing_at_a_time() -> None:
    context = MemoryContext()
    others = [f"https://{host}.example/{n}" for host in "bc" for n in range(4)]
    serve(context, {"/": page("Home", body=link(*others))})
    open_now: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def fetch(request: HttpRequest) -> HttpResponse:
        host = request.url.split("/")[2]
        open_now[host] += 1
        most[host] = max(most[host], open_now[host])
        await asyncio.sleep(0)
        open_now[host] -= 1
        if host != "a.example":
            raise TargetUnavailable(f"nobody answers at {request.url}")
        return await context.http.fetch(request)

    report = await crawl_site(HOST, fetch=fetch, options=CrawlOptions(check_external=True))

    assert (most["b.example"], most["c.example"]) == (1, 1)
    assert urls(report, "external-link-broken") == {"/"}


async def test_links_that_may_not_be_reached_are_counted_not_passed() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link("http://10.0.0.1/"))})

    async def fetch(request: HttpRequest) -> HttpResponse:
        if request.url.startswith("http://10."):
            raise EgressDenied("private")
        return await context.http.fetch(request)

    report = await crawl_site(HOST, fetch=fetch, options=CrawlOptions(check_external=True))

    assert report.notes == ("1 links to other sites may not be reached from here",)


async def test_redirects_without_end_are_a_trap() -> None:
    context = MemoryContext()
    serve(context, {"/": page("Home", body=link("/r/0"))})

    async def fetch(request: HttpRequest) -> HttpResponse:
        if "/r/" in request.url:
            number = int(request.url.rpartition("/")[2])
            redirect(context, request.url, f"/r/{number + 1}")
        return await context.http.fetch(request)

    report = await crawl_site(HOST, fetch=fetch, max_pages=5000)

    assert len(report.pages) < 150
    assert urls(report, "redirect-chain")


async def test_our_own_client_keeps_the_egress_rules() -> None:
    with pytest.raises((EgressDenied, TargetUnavailable)) as refusal:
        await crawl_site("http://127.0.0.1:9/")

    assert isinstance(refusal.value, EgressDenied)
