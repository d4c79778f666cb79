"""Short texts: titles, descriptions, posts, advertisements, mails, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jobforge.autopilots.growth.content.draft import Piece, Writer
from jobforge.autopilots.growth.content.text import (
    DESCRIPTION_FONT,
    DESCRIPTION_PIXELS,
    TITLE_FONT,
    TITLE_PIXELS,
    cut_to,
    fit,
    overlap,
)
from jobforge.autopilots.growth.content.voice import prohibited_in

MAX_POST = 280
AD_HEADLINE, AD_DESCRIPTION = 30, 90
"""Characters of a responsive search ad. Source: support.google.com/google-ads/answer/7684791."""

_MAX_MAIL_QUOTES = 3


def title_of(writer: Writer) -> Piece:
    """A title that is not cut off in search results."""
    job = writer.job
    pieces = [writer.template("title", "title") for _ in range(5)]
    fitting = fit((p.text for p in pieces), pixels=TITLE_PIXELS, font_size=TITLE_FONT)
    if fitting is not None:
        return next(piece for piece in pieces if piece.text == fitting)
    cut = cut_to(job.topic, pixels=TITLE_PIXELS, font_size=TITLE_FONT)
    return Piece("title", cut, "template", "title.cut")


def description_of(writer: Writer) -> Piece:
    """A description that is not cut off in search results."""
    pieces = [writer.template("description") for _ in range(3)]
    limits = {"pixels": DESCRIPTION_PIXELS, "font_size": DESCRIPTION_FONT}
    fitting = fit((p.text for p in pieces), pixels=DESCRIPTION_PIXELS, font_size=DESCRIPTION_FONT)
    if fitting is not None:
        return next(piece for piece in pieces if piece.text == fitting)
    return Piece("sentence", cut_to(pieces[-1].text, **limits), "template", "description.cut")


def _quotes(writer: Writer, count: int, *, limit: int | None = None) -> list[Piece]:
    """Quotes on the topic that leave the text one's own."""
    found: list[Piece] = []
    for quote in writer.quotes(writer.job.topic):
        if len(found) >= count:
            break
        if limit is None or len(quote.text) <= limit:
            found.append(quote)
            writer.used.add(quote.text)
    return found


def _is_original(pieces: list[Piece], writer: Writer) -> bool:
    text = "\n".join(piece.text for piece in pieces)
    sources = (*writer.job.own, *writer.job.competitors)
    return all(overlap(text, source.text) < 0.195 for source in sources)  # noqa: PLR2004 - MAX_OVERLAP less a margin


def _within_overlap(pieces: list[Piece], writer: Writer) -> list[Piece]:
    """Drop quotes, the last first, until no source accounts for too much."""
    kept = list(pieces)
    while not _is_original(kept, writer):
        quotes = [i for i, piece in enumerate(kept) if piece.origin == "source"]
        if not quotes:
            break
        del kept[quotes[-1]]
    return kept


def write_title(writer: Writer) -> list[Piece]:
    """A title tag."""
    return [title_of(writer)]


def write_description(writer: Writer) -> list[Piece]:
    """A meta description, with what must be said."""
    return [description_of(writer), *_disclaimers(writer)]


def write_preview(writer: Writer) -> list[Piece]:
    """Title and description for social networks."""
    return [title_of(writer), description_of(writer), *_disclaimers(writer)]


def write_post(writer: Writer) -> list[Piece]:
    """One line and the keywords as tags, within 280 characters."""
    opening = writer.template("social")
    room = MAX_POST - len(opening.text) - sum(len(text) + 1 for text in writer.job.disclaimers) - 60
    quotes = _within_overlap([opening, *_quotes(writer, 1, limit=room)], writer)[1:]
    body = quotes or [writer.template("description")]
    tags = " ".join("#" + "".join(w.title() for w in k.split()) for k in writer.job.keywords[:3])
    ending = [Piece("sentence", tags, "template", "keywords")] if tags else []
    return [opening, *body, *ending, *_disclaimers(writer)]


def write_ad(writer: Writer) -> list[Piece]:
    """Headline and description within the limits of a search ad."""
    topic = writer.job.topic[:1].upper() + writer.job.topic[1:]
    headline = _cut(topic, AD_HEADLINE)
    candidates = [writer.template("description").text for _ in range(3)]
    fitting = (text for text in candidates if len(text) <= AD_DESCRIPTION)
    text = next(fitting, _cut(candidates[-1], AD_DESCRIPTION))
    return [
        Piece("title", headline, "template", "ad.headline"),
        Piece("sentence", text, "template", "ad.description"),
        *_disclaimers(writer),
    ]


def _cut(text: str, length: int) -> str:
    kept = text.split()
    while kept and len(" ".join(kept)) > length:
        kept.pop()
    return " ".join(kept).rstrip(",;: ")


def write_mail(writer: Writer) -> list[Piece]:
    """Subject, greeting, what the sources say, a call to action."""
    pieces = [
        writer.template("subject", "title"),
        writer.template("greeting"),
        writer.template("intro"),
        *_quotes(writer, _MAX_MAIL_QUOTES),
        *_features(writer),
        *_call(writer),
        *_disclaimers(writer),
    ]
    return _within_overlap(pieces, writer)


def write_note(writer: Writer) -> list[Piece]:
    """A short note of what is new."""
    pieces = [writer.template("title", "title"), *_features(writer), *_quotes(writer, 2)]
    body = pieces if len(pieces) > 1 else [*pieces, writer.template("intro")]
    return _within_overlap([*body, *_disclaimers(writer)], writer)


def _features(writer: Writer) -> Iterator[Piece]:
    for name, description in writer.job.profile.features[:3]:
        if not prohibited_in(f"{name} {description}", writer.job.prohibited):
            yield writer.template("feature", heading=name)


def _call(writer: Writer) -> Iterator[Piece]:
    if writer.job.include_cta:
        action = writer.job.action or writer.template("action").text
        yield writer.template("cta", action=action[:1].lower() + action[1:])


def _disclaimers(writer: Writer) -> Iterator[Piece]:
    for text in writer.job.disclaimers:
        yield Piece("sentence", text, "disclaimer", "required_disclaimers")


SHORT: dict[str, Callable[[Writer], list[Piece]]] = {
    "title_tag": write_title,
    "meta_description": write_description,
    "og_copy": write_preview,
    "social_post": write_post,
    "ad_copy": write_ad,
    "email": write_mail,
    "onboarding_email": write_mail,
    "changelog_note": write_note,
}
