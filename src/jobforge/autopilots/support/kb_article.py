"""Write a knowledge-base article from tickets: only what their resolutions say, with evidence."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence

from jobforge.autopilots.support.articles import Article, to_plain
from jobforge.autopilots.support.gaps import SupportCase
from jobforge.autopilots.support.sentences import can_be_quoted, find_questions, split_sentences
from jobforge.autopilots.support.stop_words import STOP_WORDS
from jobforge.autopilots.support.term_index import stem
from jobforge.autopilots.support.terms import split_words
from jobforge.core.model import Model

MAX_STEPS = 8
MAX_QUESTIONS = 4
MAX_TAGS = 5
SAME_FROM = 0.7
"""Share of words from which two sentences say the same."""
_SHORTEST_TAG = 4
_GREETING = re.compile(
    r"^\s*(?:hi|hello|hey|dear|good (?:morning|afternoon|day)|kind regards"
    r"|best(?: regards| wishes)?"
    r"|regards|thanks|thank you|cheers|sincerely)\b[^.?]{0,60}[,.!]?\s*$",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"^\s*(?:i|we)(?:'ve|'m|'ll)?\b|\byour (?:ticket|order|account) (?:is|was|has)\b", re.IGNORECASE
)
_MASK = re.compile(
    r"\[(?:name|email|phone|address|secret|iban|payment_card|national_id|ip_address)\]"
)


class Proposal(Model):
    """A written article; `has_answer` is False where no ticket holds one."""

    title: str
    markdown: str
    tags: tuple[str, ...]
    has_answer: bool
    diff: str


def write_article(
    cases: Sequence[SupportCase],
    *,
    title: str | None,
    target: Article | None,
    as_faq: bool,
    include_code: bool,
    related: Sequence[Article],
) -> Proposal:
    """Write a new article, an entry of a FAQ, or the target with a section added.

    The answer holds sentences of the tickets' resolutions alone, each with its ticket; sentences
    with personal data, promises, or about one customer's own case are left out.
    """
    heading = title or choose_title(cases)
    answer = collect_answer(cases, include_code=include_code)
    tags = choose_tags(cases)
    body = _write_body(cases, heading, answer, as_faq=as_faq)
    links = [f"- [{one.title or one.article_id}]({one.article_id})" for one in related]
    if links:
        body += "\n\n## Related\n\n" + "\n".join(links)
    old = to_plain(target.body).strip() + "\n" if target else ""
    new = f"{old}\n{_lower(body)}\n" if target else f"{body}\n"
    article_id = target.article_id if target else to_slug(heading)
    markdown = _front_matter(target.title if target else heading, article_id, cases, tags) + new
    lines = difflib.unified_diff(
        old.splitlines(keepends=True),
        markdown.splitlines(keepends=True),
        fromfile=f"a/{article_id}.md" if target else "/dev/null",
        tofile=f"b/{article_id}.md",
    )
    return Proposal(
        title=heading,
        markdown=markdown,
        tags=tags,
        has_answer=bool(answer),
        diff="".join(lines),
    )


def choose_title(cases: Sequence[SupportCase]) -> str:
    """Return the subject that shares most words with all tickets; the shortest of equals."""
    counts = Counter(word for case in cases for word in _stems(case.text))
    titles = [_clean(case.subject or case.text.split("\n")[0]) for case in cases]
    usable = [title for title in titles if title and not _MASK.search(title)] or ["Untitled"]

    def fit(title: str) -> tuple[float, int]:
        words = _stems(title)
        return sum(counts[word] for word in words) / max(len(words), 3), -len(title)

    best = max(usable, key=fit)
    return best[:1].upper() + best[1:120]


def collect_answer(
    cases: Sequence[SupportCase], *, include_code: bool
) -> list[tuple[str, tuple[str, ...]]]:
    """Return the sentences of the resolutions with the tickets that say them.

    Sentences of the resolution that agrees most with the others come first, in their order; others
    follow only where they add words. At most `MAX_STEPS`.
    """
    resolved = [case for case in cases if case.resolution]
    counts = Counter(word for case in resolved for word in _stems(case.resolution))
    ordered = sorted(resolved, key=lambda case: -sum(counts[w] for w in _stems(case.resolution)))
    found: dict[str, list[str]] = {}
    seen: list[set[str]] = []
    for case in ordered:
        for sentence in split_sentences(case.resolution):
            if not _is_general(sentence, include_code=include_code):
                continue
            words = _stems(sentence)
            twin = _find_twin(words, list(found), seen)
            if twin is not None:
                found[twin].append(case.ticket_id)
            elif len(found) < MAX_STEPS:
                found[sentence] = [case.ticket_id]
                seen.append(words)
    return [(sentence, tuple(dict.fromkeys(ids))) for sentence, ids in found.items()]


def _find_twin(words: set[str], found: Sequence[str], seen: Sequence[set[str]]) -> str | None:
    alike = (s for s, other in zip(found, seen, strict=True) if _overlap(other, words) > SAME_FROM)
    return next(alike, None)


def choose_tags(cases: Sequence[SupportCase]) -> tuple[str, ...]:
    """Return the words that stand in most of the tickets; ties in alphabetical order."""
    counts: Counter[str] = Counter()
    for case in cases:
        words = set(split_words(_MASK.sub(" ", case.text))) - STOP_WORDS
        counts.update(word for word in words if len(word) >= _SHORTEST_TAG and word.isalpha())
    least = max(1, len(cases) // 3)
    ranked = sorted((-count, word) for word, count in counts.items() if count >= least)
    return tuple(word for _, word in ranked[:MAX_TAGS])


def to_slug(title: str) -> str:
    """Return a title as an id: lower-case words joined by hyphens."""
    return "-".join(split_words(re.sub(r"[?!']", "", title)))[:80] or "article"


def _write_body(
    cases: Sequence[SupportCase],
    heading: str,
    answer: Sequence[tuple[str, tuple[str, ...]]],
    *,
    as_faq: bool,
) -> str:
    asked = [q for case in cases for q in find_questions(split_sentences(case.text))]
    questions = [q for q in dict.fromkeys(map(_clean, asked)) if not _MASK.search(q)]
    said = [f"- {_with_tickets(sentence, ids)}" for sentence, ids in answer]
    missing = "No resolved ticket gives an answer yet: to be written by somebody who knows it."
    solution = "\n".join(said) or f"> {missing}"
    if as_faq:
        return f"## {heading}\n\n{solution}"
    parts = [f"# {heading}"]
    if questions:
        lines = "\n".join(f"- {question}" for question in questions[:MAX_QUESTIONS])
        parts.append(f"## Customers ask\n\n{lines}")
    parts.append(f"## Answer\n\n{solution}")
    return "\n\n".join(parts)


def _with_tickets(sentence: str, ticket_ids: Sequence[str]) -> str:
    note = f"<!-- evidence: {', '.join(ticket_ids)} -->"
    return f"{sentence}\n{note}" if "```" in sentence else f"{sentence} {note}"


def _front_matter(
    title: str, article_id: str, cases: Sequence[SupportCase], tags: Sequence[str]
) -> str:
    quoted = title.replace('"', "'")
    ids = ", ".join(case.ticket_id for case in cases)
    return (
        f'---\ntitle: "{quoted}"\narticle_id: {article_id}\nreview_state: proposed\n'
        f"tags: [{', '.join(tags)}]\nevidence: [{ids}]\n---\n\n"
    )


def _lower(body: str) -> str:
    """Move headings one level down, so that the text is a section of an article."""
    return re.sub(r"^(#{1,5}) ", r"#\1 ", body, flags=re.MULTILINE)


def _is_general(sentence: str, *, include_code: bool) -> bool:
    if "```" in sentence:
        return include_code and can_be_quoted(sentence, is_policy=False, is_ticket=True)
    is_own_case = _GREETING.match(sentence) or _FIRST_PERSON.search(sentence)
    return (
        not is_own_case
        and len(_stems(sentence)) > 1
        and can_be_quoted(sentence, is_policy=False, is_ticket=True)
    )


def _clean(text: str) -> str:
    return re.sub(r"^(?:\s*(?:re|fw|fwd|aw)\s*:)+\s*", "", text, flags=re.IGNORECASE).strip()


def _stems(text: str) -> set[str]:
    return {stem(word) for word in split_words(text) if len(word) > 1 and word not in STOP_WORDS}


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / max(len(one | other), 1)
