from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.support import judge_sentiment, judge_urgency, suggest_priority


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("The whole website is down for everyone", "critical"),
        ("Production has been completely down", "critical"),
        ("This is urgent, please answer", "high"),
        ("I am locked out", "high"),
        ("How do I change the colour", "medium"),
        ("Not urgent, whenever you have time", "low"),
        ("There is no rush", "low"),
        ("The download of the breakdown", "medium"),
        ("Our urgentcare brand needs a logo", "medium"),
    ],
)
def test_urgency_follows_whole_words(text: str, level: str) -> None:
    assert judge_urgency(text).level == level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("This is terrible and useless", "negative"),
        ("I am very disappointed", "negative"),
        ("I am not happy with this", "negative"),
        ("What a great product, I love it", "positive"),
        ("The invoice is attached", "neutral"),
        ("The goodwill badge", "neutral"),
    ],
)
def test_mood_follows_whole_words_and_negation(text: str, level: str) -> None:
    assert judge_sentiment(text).level == level


def test_confidence_is_a_coin_toss_at_a_border_and_grows_away_from_it() -> None:
    mild, strong = judge_sentiment("bad"), judge_sentiment("terrible awful worst scam")

    assert 0.5 <= mild.confidence < strong.confidence <= 1


def test_a_negated_word_is_named_with_its_negation() -> None:
    assert judge_sentiment("not good").words == ("not good",)


@given(st.text(max_size=200))
def test_priority_stays_between_1_and_5(text: str) -> None:
    priority, reasons = suggest_priority(
        judge_urgency(text), judge_sentiment(text), tier="enterprise", requested="urgent"
    )

    assert 1 <= priority <= 5
    assert reasons


def test_the_requesters_own_mark_moves_a_ticket_up_one() -> None:
    urgency, sentiment = judge_urgency("hello"), judge_sentiment("hello")

    assert suggest_priority(urgency, sentiment)[0] == 3
    assert suggest_priority(urgency, sentiment, requested="Urgent")[0] == 2
