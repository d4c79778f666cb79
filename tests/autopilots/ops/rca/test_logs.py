"""Tests of log templates, new ones and bursts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.ops.chance import poisson_tail
from jobforge.autopilots.ops.rca.logs import LogLine, mine_templates, unusual_patterns

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def line(second: float, text: str) -> LogLine:
    return LogLine(BEGIN + timedelta(seconds=second), "web", text)


def test_lines_that_differ_in_values_share_a_template() -> None:
    lines = [
        line(0, "GET /cart/17 took 12 ms for 10.0.0.1:5000"),
        line(1, "GET /cart/18 took 9 ms for 10.0.0.2:5001"),
        line(2, "user 0xdeadbeef logged in"),
    ]

    templates = mine_templates(lines)

    assert [(template, len(found)) for template, found in templates] == [
        ("GET /cart/<*> took <*> ms for <*>", 2),
        ("user <*> logged in", 1),
    ]


def test_a_word_that_varies_becomes_a_wildcard() -> None:
    lines = [line(0, "job mail of tenant a done"), line(1, "job mail of tenant b done")]

    assert mine_templates(lines)[0][0] == "job mail of tenant <*> done"


def test_new_and_bursting_templates_are_named_and_usual_ones_are_not() -> None:
    lines = [line(n, f"served request {n}") for n in range(1000)]
    lines += [line(100 * n, f"retry {n} of payment") for n in range(10)]
    lines += [line(900 + n, f"retry {n} of payment") for n in range(60)]
    lines += [line(950, "disk is full on /var")]

    found = unusual_patterns(lines, BEGIN + timedelta(seconds=900), BEGIN + timedelta(seconds=1000))

    assert [(pattern.kind, pattern.template) for pattern in found] == [
        ("new", "disk is full on /var"),
        ("burst", "retry <*> of payment"),
    ]


def test_without_a_past_nothing_is_new() -> None:
    assert unusual_patterns([line(5, "x")], BEGIN, BEGIN + timedelta(seconds=9)) == []


def test_a_very_long_line_is_cut() -> None:
    (entry,) = mine_templates([line(0, "word " * 1_000_000)])

    assert len(entry[0]) <= 2000


@pytest.mark.parametrize(("count", "mean", "tail"), [(0, 3, 1.0), (1, 1, 0.63212), (5, 1, 0.00366)])
def test_the_poisson_tail_is_right(count: int, mean: float, tail: float) -> None:
    assert poisson_tail(count, mean) == pytest.approx(tail, abs=1e-5)


@given(st.lists(st.text(max_size=30), max_size=20))
def test_every_line_has_exactly_one_template(texts: list[str]) -> None:
    lines = [line(number, text) for number, text in enumerate(texts)]

    templates = mine_templates(lines)

    assert sum(len(found) for _, found in templates) == len(lines)
