"""Put a reply together from quotes and approved templates, within the length asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from jobforge.autopilots.support.articles import Article, Passage
from jobforge.autopilots.support.knowledge import Hit
from jobforge.autopilots.support.reply_templates import Templates, Tone
from jobforge.autopilots.support.sentences import can_be_quoted, split_sentences
from jobforge.autopilots.support.stop_words import STOP_WORDS
from jobforge.autopilots.support.term_index import stem
from jobforge.autopilots.support.terms import split_words
from jobforge.core.model import Model

_SENTENCES_PER_ANSWER = (3, 1, 6)


class Quote(Model):
    """A sentence as it stands in its source."""

    source_id: str
    passage_id: str
    sentence: str


class Draft(Model):
    """One proposal. `confidence`: mean score of the sources over all questions; none counts 0."""

    variant: int
    content: str
    tone: Tone
    suggested_attachments: tuple[str, ...]
    confidence: float = Field(ge=0, le=1)
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A question and the source that answers it."""

    question: str
    hit: Hit
    article: Article
    passage: Passage


@dataclass(frozen=True, slots=True)
class ReplyWriter:
    """Puts a reply together, the most needed parts first, within the length asked for."""

    templates: Templates
    tone: Tone
    name: str | None
    max_length: int
    include_signature: bool
    include_resources: bool

    def write(
        self, number: int, answers: Sequence[Answer], unanswered: Sequence[str], n_questions: int
    ) -> Draft:
        """Write the draft of this number, 1 to 3: some sentences an answer, one, or many."""
        quotes = [self._quote(answer, _SENTENCES_PER_ANSWER[number - 1]) for answer in answers]
        body, kept = self._fit(quotes)
        if not kept:
            body = [self.templates.clarify]
        elif unanswered:
            body.append(self.templates.unanswered)
        titles = list(dict.fromkeys(answer.article.article_id for answer in answers))
        attachments = titles if self.include_resources and kept else []
        score = sum(answer.hit.score for answer in answers) if kept else 0.0
        return Draft(
            variant=number,
            content=self._frame(body),
            tone=self.tone,
            suggested_attachments=tuple(attachments),
            confidence=round(min(1.0, score / max(n_questions, 1)), 3),
            quotes=tuple(kept),
        )

    def _quote(self, answer: Answer, n_sentences: int) -> list[Quote]:
        """Choose neighbouring sentences: the run that shares most words with the question."""
        sentences = list_quotable(answer.article, answer.passage)
        asked = _stems(answer.question)
        shared = [len(_stems(sentence) & asked) for sentence in sentences]
        starts = range(max(1, len(sentences) - n_sentences + 1))
        start = max(starts, key=lambda place: (sum(shared[place : place + n_sentences]), -place))
        return [
            Quote(
                source_id=answer.article.article_id,
                passage_id=answer.passage.passage_id,
                sentence=sentence,
            )
            for sentence in sentences[start : start + n_sentences]
        ]

    def _fit(self, answers: Sequence[Sequence[Quote]]) -> tuple[list[str], list[Quote]]:
        """Keep the first sentences of each answer while the reply's skeleton still fits."""
        room = self.max_length - len(self._frame([])) - len(self.templates.unanswered) - 4
        room = room if room > 0 else self.max_length
        paragraphs, kept = [], []
        for quotes in answers:
            texts = []
            for quote in quotes:
                text = cite(quote.sentence, quote.source_id)
                if len(text) + 2 > room:
                    break
                room -= len(text) + 2
                texts.append(text)
                kept.append(quote)
            if texts:
                paragraphs.append(_join(texts))
        return paragraphs, kept

    def _frame(self, body: Sequence[str]) -> str:
        """Add greeting, opening and closing where there is room for them."""
        greeting = (
            self.templates.greeting[self.tone].format(name=self.name)
            if self.name
            else self.templates.greeting_without_name[self.tone]
        )
        closing = [self.templates.closing[self.tone]] if self.include_signature else []
        opening = self.templates.opening[self.tone]
        for parts in (
            [greeting, opening, *body, *closing],
            [greeting, *body, *closing],
            [greeting, *body],
            [*body],
        ):
            content = "\n\n".join(parts)
            if len(content) <= self.max_length:
                return content
        return "\n\n".join(body)[: self.max_length]


def cite(sentence: str, source_id: str) -> str:
    """Put `[source_id]` into a sentence, before its last mark; below a block of code."""
    if sentence.endswith("```"):
        return f"{sentence}\n[{source_id}]"
    match = re.search(r"[.!?:\u2026\u3002\uff01\uff1f]+$", sentence)
    end = match.start() if match else len(sentence)
    return f"{sentence[:end]} [{source_id}]{sentence[end:]}"


def _join(texts: Sequence[str]) -> str:
    """Join sentences with spaces, code with line breaks."""
    joined = texts[0]
    for text in texts[1:]:
        joined += ("\n" if "```" in text or "```" in joined[-200:] else " ") + text
    return joined


def list_quotable(article: Article, passage: Passage) -> list[str]:
    """Return the passage's sentences that may stand in a reply."""
    return [
        sentence
        for sentence in split_sentences(passage.text)
        if can_be_quoted(sentence, is_policy=article.is_policy, is_ticket=article.pool == "ticket")
    ]


def _stems(text: str) -> set[str]:
    return {stem(word) for word in split_words(text) if len(word) > 1 and word not in STOP_WORDS}
