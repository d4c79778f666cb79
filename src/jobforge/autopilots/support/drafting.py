"""Draft replies that say nothing but what a source says, or an approved template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from jobforge.autopilots.support.articles import Article
from jobforge.autopilots.support.knowledge import KnowledgeIndex
from jobforge.autopilots.support.language import detect_language
from jobforge.autopilots.support.personal_data import mask_personal_data
from jobforge.autopilots.support.reply_templates import (
    Tone,
    clean_name,
    find_templates,
)
from jobforge.autopilots.support.reply_writer import Answer, Draft, ReplyWriter, list_quotable
from jobforge.autopilots.support.sentences import (
    find_questions,
    gives_instructions,
    split_sentences,
)
from jobforge.core.errors import InvalidInput
from jobforge.core.model import Model

MIN_SCORES = {1: 0.25, 2: 0.4}
"""A source below this does not answer the question; by number of encoders in the index."""
MAX_QUESTIONS = 5
MAX_VARIANTS = 3
_N_HITS = 5
_MAX_STATEMENT = 600


class Ticket(Model):
    """The ticket to answer."""

    ticket_id: str = Field(min_length=1, max_length=256)
    subject: str = Field(default="", max_length=2_000)
    body: str = Field(default="", max_length=200_000)
    customer_name: str | None = Field(default=None, max_length=1_000)


class DraftReply(Model):
    """Drafts for a person to check, change and send."""

    ticket_id: str
    drafts: tuple[Draft, ...]
    citations: tuple[str, ...] = Field(description="Ids of the articles that are quoted.")
    clarifying_question: str | None
    unanswered: tuple[str, ...] = Field(description="Questions without a source, masked.")
    language: str | None
    requires_human_review: Literal[True] = True


def draft_reply(  # noqa: PLR0913 - the options of a reply, each by name
    ticket: Ticket | Mapping[str, Any],
    *,
    index: KnowledgeIndex,
    tone: Tone = "professional",
    variants: int = 1,
    max_length: int = 1000,
    include_signature: bool = True,
    include_resources: bool = True,
) -> DraftReply:
    """Draft up to three replies of at most `max_length` characters.

    Every sentence is either quoted from an article, with `[article_id]`, or an approved template.
    The ticket only chooses what is quoted: no word of it but the customer's name enters a draft.

    Raises:
        InvalidInput: the ticket says nothing, or variants are not 1 to 3.
    """
    read = _read_ticket(ticket)
    if not 1 <= variants <= MAX_VARIANTS:
        raise InvalidInput(f"variants must be 1 to {MAX_VARIANTS}")
    if not (read.subject.strip() or read.body.strip()):
        raise InvalidInput(f"ticket {read.ticket_id} has neither subject nor body")
    language = detect_language(f"{read.subject}\n{read.body}")
    questions = list_questions(read)
    answers, unanswered = _find_answers(questions, read.subject, index, language)
    templates = find_templates(language)
    writer = ReplyWriter(
        templates=templates,
        tone=tone,
        name=clean_name(read.customer_name),
        max_length=max_length,
        include_signature=include_signature,
        include_resources=include_resources,
    )
    drafts = tuple(
        writer.write(number, answers, unanswered, n_questions=len(questions))
        for number in range(1, variants + 1)
    )
    quoted = dict.fromkeys(quote.source_id for draft in drafts for quote in draft.quotes)
    return DraftReply(
        ticket_id=read.ticket_id,
        drafts=drafts,
        citations=tuple(quoted),
        clarifying_question=None if quoted else templates.clarify,
        unanswered=tuple(map(_mask, unanswered)),
        language=language,
    )


def _read_ticket(ticket: Ticket | Mapping[str, Any]) -> Ticket:
    """Take what we know of a ticket; fields of other systems are left aside."""
    if isinstance(ticket, Ticket):
        return ticket
    known = {name: ticket[name] for name in Ticket.model_fields if ticket.get(name) is not None}
    try:
        return Ticket(**known)
    except ValidationError as error:
        place = "/".join(map(str, error.errors()[0]["loc"]))
        raise InvalidInput(f"the ticket's {place} is missing or not as it should be") from None


def list_questions(ticket: Ticket) -> list[str]:
    """Return what a ticket asks, masked; its whole statement where it asks nothing outright.

    Sentences that give instructions to software are left out.
    """
    sentences = split_sentences(mask_personal_data(ticket.body))
    harmless = [one for one in sentences if not gives_instructions(one)]
    questions = list(dict.fromkeys(find_questions(harmless)))[:MAX_QUESTIONS]
    if questions:
        return questions
    subject = mask_personal_data(ticket.subject)
    start = [] if gives_instructions(subject) else [subject]
    statement = " ".join([*start, *harmless]).strip()[:_MAX_STATEMENT]
    return [statement or subject]


def _find_answers(
    questions: Sequence[str], subject: str, index: KnowledgeIndex, language: str | None
) -> tuple[list[Answer], list[str]]:
    answers: list[Answer] = []
    unanswered = []
    about = "" if gives_instructions(subject) else mask_personal_data(subject)
    for question in questions:
        found = _find_answer(question, about, index, language)
        if found is None:
            unanswered.append(question)
        elif found.hit.passage_id not in {one.hit.passage_id for one in answers}:
            answers.append(found)
    return answers, unanswered


def _find_answer(
    question: str, about: str, index: KnowledgeIndex, language: str | None
) -> Answer | None:
    """Return the best source that is good enough, in the customer's language where there is one."""
    least = MIN_SCORES[len(index.passage_meanings.spaces)]
    queries = dict.fromkeys((question, f"{about} {question}".strip()))
    hits = [hit for query in queries for hit in index.search(query, _N_HITS) if hit.score >= least]
    usable = []
    for hit in sorted(hits, key=lambda hit: -hit.score):
        article, passage = index.find_article(hit.article_id), index.find_passage(hit.passage_id)
        if list_quotable(article, passage):
            usable.append(Answer(question, hit, article, passage))
    fitting = [one for one in usable if _language_of(one.article) == language]
    return next(iter(fitting or usable), None)


def _language_of(article: Article) -> str | None:
    return article.language or detect_language(f"{article.title}\n{article.body}")


def _mask(question: str) -> str:
    return re.sub(r"\d[\d .-]*\d{2,}", "[number]", mask_personal_data(question))
