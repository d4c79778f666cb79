"""Tests of the measures of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.growth.content.text import (
    DESCRIPTION_FONT,
    cut_to,
    grade_level,
    overlap,
    pixel_width,
    reading_ease,
    sentences,
    syllables,
)


def test_abbreviations_and_initials_do_not_end_a_sentence() -> None:
    text = 'Dr. Who met J. Smith, e.g. at 5 p.m. on Monday. "Was it late?" Perhaps! See fig. 3.'

    assert sentences(text) == [
        "Dr. Who met J. Smith, e.g. at 5 p.m. on Monday.",
        '"Was it late?"',
        "Perhaps!",
        "See fig. 3.",
    ]


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("cat", 1), ("table", 2), ("make", 1), ("makes", 1), ("houses", 2), ("wanted", 2),
        ("jumped", 1), ("rule", 1), ("module", 2), ("station", 2), ("careful", 2),
        ("something", 2), ("settled", 2), ("you", 1), ("rhythm", 2), ("serious", 3),
        ("xyz", 1), ("123", 1),
    ],
)  # fmt: skip
def test_syllables_of_common_words(word: str, count: int) -> None:
    assert syllables(word) == count


def test_reading_ease_agrees_with_textstat_on_a_plain_text() -> None:
    """textstat 0.7.13 with the CMU dictionary gives 108.14 and 0.54 for this text."""
    text = (
        "The cat sat on the warm stone wall and watched the road. A man came by with two bags of "
        "fruit. He stopped, put down the bags and looked for his keys. Nobody else was on the "
        "street."
    )

    assert reading_ease(text) == pytest.approx(108.14, abs=1)
    assert grade_level(text) == pytest.approx(0.54, abs=0.3)


def test_a_text_without_words_has_no_ease() -> None:
    assert reading_ease("...") is None
    assert grade_level("") is None


def test_overlap_counts_runs_of_eight_words() -> None:
    source = "one two three four five six seven eight nine ten"

    assert overlap(source, source) == 1
    assert overlap("one two three four five six seven and then more words", source) == 0
    assert overlap("too short", source) == 0


def test_widths_are_those_of_arial() -> None:
    assert pixel_width("Hello, world", 20) == pytest.approx(104.46, abs=0.01)
    assert pixel_width("WWW", 10) > pixel_width("iii", 10) * 4


@given(st.text(max_size=400), st.integers(10, 500))
def test_a_cut_text_fits_and_begins_as_before(text: str, pixels: int) -> None:
    cut = cut_to(text, pixels=pixels, font_size=DESCRIPTION_FONT)

    assert pixel_width(cut, DESCRIPTION_FONT) <= pixels
    assert " ".join(text.split()).startswith(cut)
