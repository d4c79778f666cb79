"""A draft put together from sources and templates; every sentence says where it is from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jobforge.autopilots.growth.content.brief import Brief, similarity
from jobforge.autopilots.growth.content.sources import Source
from jobforge.autopilots.growth.content.text import overlap, terms, words
from jobforge.autopilots.growth.content.voice import Profile, prohibited_in
from jobforge.autopilots.growth.tables import package_table

Kind = Literal["title", "heading", "sentence"]
Origin = Literal["template", "source", "rewording", "disclaimer", "profile", "brief"]

MAX_OVERLAP = 0.2
"""No source may account for this share of a draft's runs of eight words."""

_MARGIN = 0.195
_WORDS_PER_SECTION = 120
_MAX_POINTS = 4
_NEAR = 0.3


@dataclass(frozen=True, slots=True)
class Piece:
    """One sentence, heading or title. `reference` is a source id, or the place of a template."""

    kind: Kind
    text: str
    origin: Origin
    reference: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to write."""

    topic: str
    audience: str
    tone: str
    keywords: tuple[str, ...]
    profile: Profile
    brief: Brief
    own: tuple[Source, ...]
    competitors: tuple[Source, ...]
    target_words: int
    include_cta: bool
    action: str | None
    prohibited: tuple[str, ...]
    disclaimers: tuple[str, ...]


@dataclass
class Writer:
    """Writes one variant; the number of the variant decides which templates and quotes it takes."""

    job: Assignment
    variant: int
    dropped: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    turns: dict[str, int] = field(default_factory=dict)

    def template(self, role: str, kind: Kind = "sentence", **slots: str) -> Piece:
        """The next template of a role, its slots filled."""
        table = package_table("content/templates")[role]
        tone = self.job.tone if self.job.tone in table else "any"
        options = table[tone]
        turn = self.turns.get(role, 0)
        self.turns[role] = turn + 1
        index = (self.variant + turn) % len(options)
        text = options[index].format(**{**self._slots(), **slots})
        return Piece(kind, _tidy(text), "template", f"{role}.{tone}.{index}")

    def _slots(self) -> dict[str, str]:
        job = self.job
        return {
            "topic": job.topic,
            "Topic": job.topic[:1].upper() + job.topic[1:],
            "audience": job.audience or "readers",
            "brand": job.profile.name or "this product",
            "heading": "",
            "points": "",
            "action": "",
        }

    def quotes(self, about: str) -> Iterator[Piece]:
        """Sentences of own sources on a subject, best first, each once; prohibited ones left out.

        A variant begins at another place of the ranking, so that variants differ.
        """
        ranked = rank_sentences(f"{about} {' '.join(self.job.keywords)}", self.job.own)
        start = self.variant % max(1, min(3, len(ranked)))
        for sentence, source_id in ranked[start:] + ranked[:start]:
            if sentence in self.used:
                continue
            if prohibited_in(sentence, self.job.prohibited):
                if sentence not in self.dropped:
                    self.dropped.append(sentence)
                continue
            yield Piece("sentence", sentence, "source", source_id)

    def points(self, heading: str) -> str:
        """Terms that stand near a heading in the sources, for a sentence of their own."""
        texts = (text for name, text in self._sections() if similarity(name, heading) > _NEAR)
        near = [term for text in texts for term in terms(text)]
        weights = {coverage.term: coverage.weight for coverage in self.job.brief.terms}
        chosen = [t for t in dict.fromkeys(near) if t in weights and t not in terms(heading)]
        chosen.sort(key=lambda term: -weights[term])
        return ", ".join(chosen[:_MAX_POINTS])

    def _sections(self) -> Iterator[tuple[str, str]]:
        for source in (*self.job.own, *self.job.competitors):
            for section in source.sections:
                yield section.heading, " ".join(section.sentences)


def rank_sentences(about: str, sources: Sequence[Source]) -> list[tuple[str, str]]:
    """Sentences that speak of a subject, with their source; best first, ties in reading order.

    The score is the share of the subject's terms that the sentence or its heading has, the heading
    counting half.
    """
    wanted = set(terms(about))
    scored: list[tuple[float, int, str, str]] = []
    for source in sources:
        for section in source.sections:
            heading = len(wanted & set(terms(section.heading))) / 2
            for sentence in section.sentences:
                score = len(wanted & set(terms(sentence))) + heading
                if score:
                    scored.append((-score, len(scored), sentence, source.source_id))
    scored.sort()
    return [(sentence, source_id) for _, _, sentence, source_id in scored]


def write_long(writer: Writer) -> list[Piece]:
    """Title, introduction, a section for each heading of the brief, call to action, disclaimers."""
    job = writer.job
    pieces = [writer.template("title", "title"), writer.template("intro")]
    found = (group.heading for group in job.brief.headings)
    headings = [h for h in found if not prohibited_in(h, job.prohibited)] or [job.topic]
    count = max(2, min(len(headings), job.target_words // _WORDS_PER_SECTION))
    slots: list[tuple[int, str]] = []
    for heading in _turned(headings[:count], writer.variant):
        pieces.append(Piece("heading", heading, "brief", "headings"))
        points = writer.points(heading)
        if points:
            pieces.append(writer.template("section", points=points))
        slots.append((len(pieces), heading))
    pieces += _features(writer)
    pieces += _ending(writer)
    return _fill(writer, pieces, slots)


def _turned(headings: list[str], variant: int) -> list[str]:
    """The first heading stays; the others begin at another place in each variant."""
    first, rest = headings[:1], headings[1:]
    turn = variant % max(1, len(rest))
    return first + rest[turn:] + rest[:turn]


def _features(writer: Writer) -> Iterator[Piece]:
    """What the profile says the brand offers, in the profile's own words."""
    for name, description in writer.job.profile.features:
        if not prohibited_in(f"{name} {description}", writer.job.prohibited):
            yield writer.template("feature", heading=name)
            if description:
                yield Piece("sentence", _tidy(description + "."), "profile", "features")


def _ending(writer: Writer) -> Iterator[Piece]:
    if writer.job.include_cta:
        action = writer.job.action or writer.template("action").text
        yield writer.template("cta", action=action[:1].lower() + action[1:])
    for text in writer.job.disclaimers:
        yield Piece("sentence", text, "disclaimer", "required_disclaimers")


def _fill(writer: Writer, pieces: list[Piece], slots: list[tuple[int, str]]) -> list[Piece]:
    """Put quotes below their headings, in turn, while the overlap with each source allows it."""
    quotes: dict[str, list[Piece]] = {heading: [] for _, heading in slots}
    supply = {heading: list(writer.quotes(f"{heading} {writer.job.topic}")) for _, heading in slots}
    length = sum(len(words(piece.text)) for piece in pieces)
    while length < writer.job.target_words and any(supply.values()):
        for _, heading in slots:
            quote = _next(supply[heading], writer.used)
            if quote is None or length >= writer.job.target_words:
                continue
            trial = _with_quotes(pieces, slots, {**quotes, heading: [*quotes[heading], quote]})
            if _is_own_work(trial, writer.job):
                quotes[heading].append(quote)
                writer.used.add(quote.text)
                length += len(words(quote.text))
    for _, heading in slots:
        if not quotes[heading] and not writer.points(heading):
            quotes[heading] = [writer.template("empty_section", heading=heading)]
    return _with_quotes(pieces, slots, quotes)


def _next(supply: list[Piece], used: set[str]) -> Piece | None:
    while supply:
        piece = supply.pop(0)
        if piece.text not in used:
            return piece
    return None


def _with_quotes(
    pieces: list[Piece], slots: list[tuple[int, str]], quotes: dict[str, list[Piece]]
) -> list[Piece]:
    filled = list(pieces)
    for index, heading in reversed(slots):
        filled[index:index] = quotes[heading]
    return filled


def _is_own_work(pieces: list[Piece], job: Assignment) -> bool:
    text = plain(pieces)
    return all(overlap(text, source.text) < _MARGIN for source in (*job.own, *job.competitors))


def plain(pieces: Sequence[Piece]) -> str:
    """The text without citations and marks."""
    return "\n".join(piece.text for piece in pieces)


def to_content(pieces: Sequence[Piece]) -> str:
    """Markdown: headings, paragraphs, each quoted sentence with its source in brackets."""
    blocks: list[str] = []
    paragraph: list[str] = []
    for piece in pieces:
        if piece.kind == "sentence":
            cited = piece.origin in ("source", "rewording")
            paragraph.append(f"{piece.text} [{piece.reference}]" if cited else piece.text)
            if piece.origin == "disclaimer":
                blocks, paragraph = [*blocks, " ".join(paragraph)], []
            continue
        if paragraph:
            blocks, paragraph = [*blocks, " ".join(paragraph)], []
        blocks.append(f"{'#' if piece.kind == 'title' else '##'} {piece.text}")
    if paragraph:
        blocks.append(" ".join(paragraph))
    return "\n\n".join(blocks) + "\n"


def _tidy(text: str) -> str:
    """One space between words, no doubled full stop."""
    return " ".join(text.split()).replace("..", ".").replace(" ,", ",")
