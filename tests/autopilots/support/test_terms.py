from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.support.terms import (
    TermWeights,
    character_codes,
    split_words,
    word_codes,
)


def weigh(texts: list[str]) -> np.ndarray:
    rows, codes = word_codes([split_words(text) for text in texts])
    weights = TermWeights.learn(rows, codes, len(texts))
    return np.asarray(weights.weigh(rows, codes, len(texts)).toarray())


def test_words_are_whole_and_lower_case_and_keep_their_apostrophe() -> None:
    assert split_words("I can't LOG-in, why?") == ["i", "can't", "log", "in", "why", "?"]


def test_equal_texts_have_similarity_one_and_disjoint_ones_zero() -> None:
    weighted = weigh(["reset my password", "reset my password", "where is the parcel"])

    similarity = weighted @ weighted.T
    assert np.isclose(similarity[0, 1], 1)
    assert similarity[0, 2] == 0


def test_a_rare_word_weighs_more_than_a_frequent_one() -> None:
    weighted = weigh(["the parcel", "the invoice", "the refund"])

    assert np.isclose(weighted[0] @ weighted[0], 1)
    assert weighted[0] @ weighted[1] < 0.3


def test_order_matters_through_pairs() -> None:
    weighted = weigh(["card lost", "lost card", "something else"])

    assert weighted[0] @ weighted[1] < 0.99


def test_character_runs_stay_inside_a_word() -> None:
    _, joined = character_codes([["ab", "cd"]])
    _, apart = character_codes([["ab"], ["cd"]])

    assert set(joined.tolist()) == set(apart.tolist())


def test_codes_do_not_depend_on_the_batch() -> None:
    _, alone = word_codes([["parcel"]])
    _, together = word_codes([["where", "parcel"]])

    assert alone[0] in together


@given(st.lists(st.text(max_size=40), max_size=8))
def test_rows_have_unit_length_or_are_empty(texts: list[str]) -> None:
    lengths = np.linalg.norm(weigh(texts), axis=1) if texts else np.empty(0)

    assert all(np.isclose(length, 1, atol=1e-4) or length == 0 for length in lengths)
