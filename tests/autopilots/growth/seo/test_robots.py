"""Tests of robots.txt, with the examples of RFC 9309 and of Google's specification."""

from __future__ import annotations

import time

import pytest

from jobforge.autopilots.growth.seo.robots import parse_robots, validate_robots


def is_allowed(robots: str, path: str, agent: str = "FooBot") -> bool:
    return parse_robots(robots).blocking_rule(f"https://x.example{path}", agent) is None


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("Disallow: /fish", "/fish.html", False),
        ("Disallow: /fish", "/Fish.asp", True),
        ("Disallow: /fish*", "/fishheads", False),
        ("Disallow: /fish/", "/fish", True),
        ("Disallow: /*.php", "/folder/filename.php?parameters", False),
        ("Disallow: /*.php$", "/filename.php?parameters", True),
        ("Disallow: /*.php$", "/folder/filename.php", False),
        ("Disallow: /fish*.php", "/fishheads/catfish.php?p", False),
        ("Allow: /p\nDisallow: /", "/page", True),
        ("Allow: /folder\nDisallow: /folder", "/folder/page", True),
        ("Allow: /page\nDisallow: /*.htm", "/page.htm", False),
        ("Allow: /$\nDisallow: /", "/page.htm", False),
        ("Disallow:", "/any", True),
        ("Disallow: /foo/bar?baz=http", "/foo/bar?baz=https", False),
        ("Disallow: /foo/bar/ツ", "/foo/bar/%E3%83%84", False),
        ("Disallow: /foo/bar/%62%61%7A", "/foo/bar/baz", False),
        ("Disallow: /", "/robots.txt", True),
    ],
)
def test_the_longest_rule_decides_and_allow_wins_a_tie(
    rules: str, path: str, allowed: bool
) -> None:
    assert is_allowed(f"User-agent: *\n{rules}", path) is allowed


def test_a_group_of_ones_own_replaces_the_common_one() -> None:
    robots = "User-agent: *\nDisallow: /\n\nUser-agent: foobot\nDisallow: /private"

    assert is_allowed(robots, "/public", "FooBot/2.1 (x)")
    assert not is_allowed(robots, "/public", "BarBot")


def test_groups_of_the_same_name_are_one_group() -> None:
    robots = "User-agent: a\nDisallow: /1\nUser-agent: b\nDisallow: /2\nUser-agent: a\nDisallow: /3"

    assert [is_allowed(robots, f"/{n}", "a") for n in (1, 2, 3)] == [False, True, False]


def test_agents_named_in_a_row_share_their_rules() -> None:
    robots = parse_robots("User-agent: a\nUser-agent: b\nCrawl-delay: 2.5\nDisallow: /x")

    assert robots.rules_for("a") == robots.rules_for("b")
    assert robots.crawl_delay_for("b") == 2.5


def test_no_pattern_takes_exponential_time() -> None:
    robots = "User-agent: *\nDisallow: /" + "*a" * 60 + "$"
    started = time.perf_counter()

    assert is_allowed(robots, "/" + "a" * 20_000 + "b")

    assert time.perf_counter() - started < 0.5


def test_faults_are_named_with_their_lines() -> None:
    text = (
        "Disallow: /x\nUser-agent: *\nDisallow: x\nAllow: /a$b\nFoo: 1\nnonsense\nSitemap: /map.xml"
    )

    assert [(e.line, e.message) for e in validate_robots(text)] == [
        (1, "No user-agent specified"),
        (3, 'Pattern should either be empty, start with "/" or "*"'),
        (4, '"$" should only be used at the end of the pattern'),
        (5, "Unknown directive"),
        (6, "Syntax not understood"),
        (7, "Invalid sitemap URL"),
    ]
