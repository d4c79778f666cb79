"""A brief: what a text on the topic has to cover, from own pages and competitors' texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt

from jobforge.autopilots.growth.content.sources import Source
from jobforge.autopilots.growth.content.text import STOPWORDS, terms

MAX_TERMS, MAX_QUESTIONS, MAX_ENTITIES, MAX_HEADINGS = 30, 15, 20, 12
SIMILAR_HEADINGS = 0.5
_ENTITY = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w&+-]*(?: (?:of |and |the )?[A-Z][\w&+-]*)*")
_QUESTION_WORDS = ("how", "what", "why", "when", "where", "which", "who", "can", "do", "does", "is")


@dataclass(frozen=True, slots=True)
class TermCoverage:
    """A term, in how many competitors' texts it stands, and whether own pages have it."""

    term: str
    weight: float
    competitors: int
    in_own: bool


@dataclass(frozen=True, slots=True)
class HeadingGroup:
    """Headings that mean the same; `heading` is the one nearest to the middle of the group."""

    heading: str
    variants: tuple[str, ...]
    texts: int


@dataclass(frozen=True, slots=True)
class Brief:
    """What to cover; `missing` are terms of most competitors that no own page has."""

    topics: tuple[str, ...]
    terms: tuple[TermCoverage, ...]
    questions: tuple[str, ...]
    entities: tuple[str, ...]
    headings: tuple[HeadingGroup, ...]
    missing: tuple[str, ...]


def build_brief(topic: str, own: Sequence[Source], competitors: Sequence[Source]) -> Brief:
    """Gather what texts on the topic speak of. Ties go by the alphabet; empty input gives less."""
    texts = [*own, *competitors]
    weights = _weights([terms(source.text) for source in texts])
    covered = _coverage(weights, own, competitors)
    headings = group_headings(
        (source.source_id, section.heading) for source in texts for section in source.sections
    )
    most = max(1, (len(competitors) + 1) // 2)
    return Brief(
        topics=tuple(group.heading for group in headings[:5]) or (topic,),
        terms=covered,
        questions=_questions(texts),
        entities=_entities(texts),
        headings=headings,
        missing=tuple(t.term for t in covered if not t.in_own and t.competitors >= most),
    )


def _weights(documents: Sequence[Sequence[str]]) -> dict[str, float]:
    """TF-IDF of each term, summed over the texts, with sublinear frequency.

    Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval, section 6.4.1.
    """
    spread = Counter(term for document in documents for term in set(document))
    weights: Counter[str] = Counter()
    for document in documents:
        for term, count in Counter(document).items():
            idf = log((1 + len(documents)) / (1 + spread[term])) + 1
            weights[term] += (1 + log(count)) * idf  # type: ignore[assignment] # a Counter of floats
    return {term: float(weight) for term, weight in weights.items()}


def _coverage(
    weights: dict[str, float], own: Sequence[Source], competitors: Sequence[Source]
) -> tuple[TermCoverage, ...]:
    own_terms = {term for source in own for term in terms(source.text)}
    theirs = [set(terms(source.text)) for source in competitors]
    best = sorted(weights, key=lambda term: (-weights[term], term))[:MAX_TERMS]
    return tuple(
        TermCoverage(
            term=term,
            weight=round(weights[term], 4),
            competitors=sum(term in text for text in theirs),
            in_own=term in own_terms,
        )
        for term in best
    )


def _questions(sources: Iterable[Source]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for source in sources:
        for section in source.sections:
            candidates = (section.heading, *section.sentences)
            found |= dict.fromkeys(c for c in candidates if _is_question(c))
    return tuple(found)[:MAX_QUESTIONS]


def _is_question(text: str) -> bool:
    first = text.partition(" ")[0].lower()
    return text.endswith("?") and first in _QUESTION_WORDS


def _entities(sources: Iterable[Source]) -> tuple[str, ...]:
    """Names: capitalised words inside sentences, by how often they stand."""
    counts: Counter[str] = Counter()
    for source in sources:
        for section in source.sections:
            for sentence in section.sentences:
                found = _ENTITY.findall(sentence)
                counts.update(name for name in found if name.lower() not in STOPWORDS)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    return tuple(ranked[:MAX_ENTITIES])


def group_headings(headings: Iterable[tuple[str, str]]) -> tuple[HeadingGroup, ...]:
    """Cluster headings by the words they share; those of most texts first.

    Each heading joins the most similar group within a cosine of 0.5, else begins its own.
    """
    groups: list[list[tuple[str, str]]] = []
    for source_id, heading in headings:
        if not terms(heading):
            continue
        best = max(groups, key=lambda g: similarity(g[0][1], heading), default=None)
        if best is not None and similarity(best[0][1], heading) >= SIMILAR_HEADINGS:
            best.append((source_id, heading))
        else:
            groups.append([(source_id, heading)])
    ranked = sorted(groups, key=lambda g: (-len({source for source, _ in g}), groups.index(g)))
    return tuple(_group(group) for group in ranked[:MAX_HEADINGS])


def _group(group: list[tuple[str, str]]) -> HeadingGroup:
    names = list(dict.fromkeys(heading for _, heading in group))
    centre = max(names, key=lambda name: (sum(similarity(name, n) for n in names), -len(name)))
    return HeadingGroup(centre, tuple(names), len({source for source, _ in group}))


def similarity(first: str, second: str) -> float:
    """Cosine of the term counts of two texts."""
    a, b = Counter(terms(first)), Counter(terms(second))
    shared = sum(a[term] * b[term] for term in a)
    length = sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values()))
    return shared / length if length else 0.0
