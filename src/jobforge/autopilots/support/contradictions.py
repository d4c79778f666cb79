"""Where articles and resolutions say different things, and which articles may be out of date."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from jobforge.autopilots.support.articles import Article, split_passages
from jobforge.autopilots.support.gaps import SupportCase
from jobforge.autopilots.support.sentences import split_sentences
from jobforge.autopilots.support.stop_words import STOP_WORDS
from jobforge.autopilots.support.term_index import stem
from jobforge.autopilots.support.terms import split_words
from jobforge.core.model import Model

MIN_OVERLAP = 0.5
"""Share of telling words that two sentences must have in common to speak of the same thing."""
STALE_AFTER = timedelta(days=365)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATION = re.compile(r"\b(?:not|never|no longer|cannot|can't|don't|doesn't|isn't|won't)\b", re.I)


class Contradiction(Model):
    """Two sentences about the same thing that differ in a number, or in a negation."""

    article_id: str
    article_says: str
    other_id: str
    other_says: str
    differs_in: str


class StaleArticle(Model):
    """An article that may be out of date, and why."""

    article_id: str
    because: str


def find_contradictions(
    articles: Sequence[Article], cases: Sequence[SupportCase]
) -> list[Contradiction]:
    """Compare each article's sentences with the resolutions' and with the other articles'."""
    own = [(article.article_id, s) for article in articles for s in _sentences(article)]
    others = [(case.ticket_id, s) for case in cases for s in split_sentences(case.resolution)]
    found = []
    for place, (article_id, says) in enumerate(own):
        later = [pair for pair in own[place + 1 :] if pair[0] != article_id]
        for other_id, other_says in (*others, *later):
            difference = _compare(says, other_says)
            if difference:
                found.append(
                    Contradiction(
                        article_id=article_id,
                        article_says=says,
                        other_id=other_id,
                        other_says=other_says,
                        differs_in=difference,
                    )
                )
    return found


def find_stale(
    articles: Sequence[Article],
    contradictions: Sequence[Contradiction],
    *,
    newest_ticket: datetime | None,
) -> list[StaleArticle]:
    """Return articles that something contradicts, or a year older than the last ticket."""
    stale = {
        one.article_id: f"{one.other_id} says otherwise ({one.differs_in})"
        for one in contradictions
    }
    for article in articles:
        updated = _to_instant(article.updated_at)
        if updated and newest_ticket and newest_ticket - updated > STALE_AFTER:
            stale.setdefault(article.article_id, f"last updated on {updated.date().isoformat()}")
    return [StaleArticle(article_id=name, because=why) for name, why in stale.items()]


def _sentences(article: Article) -> Iterator[str]:
    for passage in split_passages(article):
        yield from split_sentences(passage.text)


def _compare(one: str, other: str) -> str | None:
    first, second = _topic(one), _topic(other)
    shared = len(first & second) / max(min(len(first), len(second)), 1)
    if min(len(first), len(second)) < 2 or shared < MIN_OVERLAP:  # noqa: PLR2004 - one word is no topic
        return None
    numbers, others = set(_NUMBER.findall(one)), set(_NUMBER.findall(other))
    if numbers and others and not numbers & others:
        return f"{min(numbers)} against {min(others)}"
    is_same_topic = len(first & second) / len(first | second) > MIN_OVERLAP
    if is_same_topic and bool(_NEGATION.search(one)) != bool(_NEGATION.search(other)):
        return "a negation"
    return None


def _topic(sentence: str) -> set[str]:
    words = split_words(_NEGATION.sub(" ", _NUMBER.sub(" ", sentence)))
    return {stem(word) for word in words if len(word) > 1 and word not in STOP_WORDS}


def _to_instant(value: str | None) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value) if value else None
    except ValueError:
        return None
    return instant.astimezone() if instant and instant.tzinfo is None else instant
