"""Search in a knowledge base: titles and passages, by their words and by their meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.articles import Article, Passage, split_passages, to_article
from jobforge.autopilots.support.meaning_index import MeaningIndex
from jobforge.autopilots.support.sentence_vectors import VectorChoice, load_encoders
from jobforge.autopilots.support.static_vectors import StaticVectors
from jobforge.autopilots.support.term_index import TermIndex
from jobforge.core.errors import InvalidInput

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]

TICKET_FACTOR = 0.9
"""Past tickets rank a little behind articles that fit as well: nobody has edited them."""
MAX_FULL = 5_000
"""Up to so many passages every one is scored; above, the best candidates of each index are."""
N_CANDIDATES = 300
_OWN_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that fits, with its passage that fits best; `score` lies in 0 to 1."""

    article_id: str
    passage_id: str
    score: float


@dataclass(frozen=True, slots=True)
class _Weights:
    """What each sign counts. Chosen on the development part of StackFAQ; the optimum is flat."""

    title: tuple[float, ...]
    passage: tuple[float, ...]
    passage_words: float
    title_words: float

    @property
    def total(self) -> float:
        return sum(self.title) + sum(self.passage) + self.passage_words + self.title_words


_STATIC = _Weights(title=(1.0,), passage=(0.4,), passage_words=0.8, title_words=0.4)
_WITH_MINILM = _Weights(title=(1.0, 0.2), passage=(0.2, 0.08), passage_words=0.16, title_words=0.08)


@dataclass(frozen=True, slots=True)
class KnowledgeIndex:
    """Articles ready to be searched; make one with `build`.

    Articles of the same title answer one question: what speaks for one of them speaks for all.
    """

    articles: tuple[Article, ...]
    passages: tuple[Passage, ...]
    article_of: Rows
    title_of: Rows
    title_words: TermIndex
    passage_words: TermIndex
    title_meanings: MeaningIndex
    passage_meanings: MeaningIndex
    factor: Scores
    article_places: dict[str, int]
    passage_places: dict[str, int]

    @classmethod
    def build(
        cls, articles: Iterable[Article | Mapping[str, Any]], *, vectors: VectorChoice = "auto"
    ) -> KnowledgeIndex:
        """Index articles, FAQ entries and resolved tickets.

        Raises:
            InvalidInput: there are no articles, or two have the same id.
            SourceMalformed: an article has no id, or neither title nor body.
        """
        read = tuple(map(to_article, articles))
        if not read:
            raise InvalidInput("the knowledge base is empty")
        if len({article.article_id for article in read}) < len(read):
            raise InvalidInput("two articles have the same article_id")
        passages, article_of = _split_all(read)
        titles, title_of = _number_titles(read, article_of)
        texts = [passage.text for passage in passages]
        encoders = [
            one.learn_rarity([*titles, *texts]) if isinstance(one, StaticVectors) else one
            for one in load_encoders(vectors)
        ]
        return cls(
            articles=read,
            passages=passages,
            article_of=article_of,
            title_of=title_of,
            title_words=TermIndex.build(titles),
            passage_words=TermIndex.build(texts),
            title_meanings=MeaningIndex.build(titles, encoders),
            passage_meanings=MeaningIndex.build(texts, encoders),
            factor=np.array(
                [TICKET_FACTOR if read[row].pool == "ticket" else 1.0 for row in article_of],
                dtype=np.float32,
            ),
            article_places={one.article_id: place for place, one in enumerate(read)},
            passage_places={one.passage_id: place for place, one in enumerate(passages)},
        )

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """Return at most `k` articles, best first; ties keep the articles' order."""
        if k < 1:
            return []
        scores, rows = self._score(query)
        best: dict[int, tuple[float, int]] = {}
        for place in np.lexsort((rows, -scores)).tolist():
            article = int(self.article_of[rows[place]])
            best.setdefault(article, (float(scores[place]), int(rows[place])))
            if len(best) >= k:
                break
        return [
            Hit(self.articles[article].article_id, self.passages[row].passage_id, score)
            for article, (score, row) in best.items()
        ]

    def find_article(self, article_id: str) -> Article:
        """Return an article by its id; a KeyError where there is none."""
        return self.articles[self.article_places[article_id]]

    def find_passage(self, passage_id: str) -> Passage:
        """Return a passage by its id; a KeyError where there is none."""
        return self.passages[self.passage_places[passage_id]]

    def _score(self, query: str) -> tuple[Scores, Rows]:
        """Return scores and the passages they are for: all of them, or the candidates."""
        words, title_words = self.passage_words.score(query), self.title_words.score(query)
        units = self.passage_meanings.embed(query)
        passages, titles = self.passage_meanings.place(units), self.title_meanings.place(units)
        rows = self._choose(words, title_words, passages, titles)
        weights = _STATIC if len(passages) == 1 else _WITH_MINILM
        own = weights.passage_words * words[rows]
        own += self.passage_meanings.score(passages, rows, weights.passage)
        named, place_of = np.unique(self.title_of[rows], return_inverse=True)
        shared = np.full(len(named), -np.inf, dtype=np.float32)
        np.maximum.at(shared, place_of, own)
        shared += weights.title_words * title_words[named]
        shared += self.title_meanings.score(titles, named, weights.title)
        total = shared[place_of] + _OWN_SHARE * own
        scores = np.clip(total / (weights.total * (1 + _OWN_SHARE)), 0, 1)
        return np.asarray(scores * self.factor[rows], dtype=np.float32), rows

    def _choose(
        self,
        words: Scores,
        title_words: Scores,
        passages: Sequence[Scores],
        titles: Sequence[Scores],
    ) -> Rows:
        n_passages = len(self.passages)
        if n_passages <= MAX_FULL:
            return np.arange(n_passages)
        by_title = _best(title_words, N_CANDIDATES), self.title_meanings.find(titles, N_CANDIDATES)
        of_titles = np.isin(self.title_of, np.concatenate(by_title))
        return np.unique(
            np.concatenate(
                (
                    _best(words, N_CANDIDATES),
                    self.passage_meanings.find(passages, N_CANDIDATES),
                    np.flatnonzero(of_titles)[: 4 * N_CANDIDATES],
                )
            )
        )


def _split_all(articles: tuple[Article, ...]) -> tuple[tuple[Passage, ...], Rows]:
    passages: list[Passage] = []
    article_of: list[int] = []
    for number, article in enumerate(articles):
        own = split_passages(article)
        passages += own
        article_of += [number] * len(own)
    return tuple(passages), np.asarray(article_of)


def _number_titles(articles: tuple[Article, ...], article_of: Rows) -> tuple[list[str], Rows]:
    """Return the different titles, and each passage's; an article without one stands alone."""
    numbers: dict[str, int] = {}
    titles: list[str] = []
    by_article = []
    for number, article in enumerate(articles):
        key = " ".join(article.title.lower().split()) or f"\0{number}"
        if key not in numbers:
            numbers[key] = len(titles)
            titles.append(article.title)
        by_article.append(numbers[key])
    return titles, np.asarray(by_article)[article_of]


def _best(scores: Scores, n: int) -> Rows:
    if len(scores) <= n:
        return np.arange(len(scores))
    return np.argpartition(-scores, n)[:n]
