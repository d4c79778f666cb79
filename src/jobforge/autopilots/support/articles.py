"""Articles of a knowledge base, and their plain passages, from Markdown, HTML or text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from jobforge.autopilots.support.terms import whole_characters
from jobforge.core.errors import SourceMalformed
from jobforge.core.model import Model

Pool = Literal["article", "ticket"]

MAX_WORDS = 120
"""A passage ends at the first paragraph that would make it longer than this."""
_HTML = re.compile(r"<(?:!doctype|html|body|p|div|h[1-6]|ul|ol|li|br|table|span|a)\b[^>]*>", re.I)
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\s*(?:\n|\Z)", re.S)
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_BLOCK_TAGS = frozenset(
    ("p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6", "br", "tr", "pre", "blockquote")
)


class Article(Model):
    """One article, FAQ entry, or resolved ticket (`pool="ticket"`: subject and resolution).

    Only a policy's own sentences may promise money, dates or legal outcomes in a reply.
    """

    article_id: str = Field(min_length=1, max_length=256)
    title: str = Field(default="", max_length=2_000)
    body: str = Field(default="", max_length=2_000_000)
    pool: Pool = "article"
    language: str | None = None
    is_policy: bool = False
    updated_at: str | None = None


class Passage(Model):
    """A piece of an article that can be cited: `passage_id` is `<article_id>#<number>`."""

    passage_id: str
    article_id: str
    heading: str
    text: str


def to_article(value: Article | Mapping[str, Any]) -> Article:
    """Return the article of a mapping; names other than ours are ignored.

    Raises:
        SourceMalformed: it has no article_id, neither title nor body, or a value that cannot be.
    """
    if isinstance(value, Article):
        return value
    known = {key: value[key] for key in Article.model_fields if value.get(key) is not None}
    article_id = str(known.get("article_id", "")).strip()
    if not article_id:
        raise SourceMalformed("an article has no article_id")
    if re.search(r"[\[\]\n]", article_id):
        raise SourceMalformed("an article_id must not contain brackets or line breaks")
    known["is_policy"] = str(known.get("is_policy", "")).lower() in {"true", "1", "yes"}
    texts = {key: whole_characters(str(known.get(key, ""))) for key in ("title", "body")}
    if not any(text.strip() for text in texts.values()):
        raise SourceMalformed(f"article {article_id[:80]} has neither title nor body")
    try:
        return Article(**{**known, **texts, "article_id": article_id})
    except ValidationError as error:
        # The original message repeats the value, which may be somebody's.
        place = "/".join(map(str, error.errors()[0]["loc"]))
        raise SourceMalformed(f"an article's {place} is not as it should be") from None


def split_passages(article: Article) -> list[Passage]:
    """Return the article's passages in order; an article without a body has one, its title."""
    pieces = list(_merge(_paragraphs(to_plain(article.body)))) or [("", article.title)]
    return [
        Passage(
            passage_id=f"{article.article_id}#{number}",
            article_id=article.article_id,
            heading=heading or article.title,
            text=text,
        )
        for number, (heading, text) in enumerate(pieces, start=1)
    ]


def to_plain(body: str) -> str:
    """Return Markdown or text as it is, without front matter; HTML as text with headings marked."""
    text = body.replace("\r\n", "\n").replace("\x00", "")
    text = _FRONT_MATTER.sub("", text)
    return _html_to_text(text) if _HTML.search(text) else text


def _html_to_text(markup: str) -> str:
    from lxml import html

    try:
        root = html.fromstring(f"<div>{markup}</div>")
    except (ValueError, html.etree.ParserError):
        return markup
    parts: list[str] = []
    for event, element in html.etree.iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            parts.append(_opening(tag))
            parts.append("" if tag in {"script", "style", ""} else element.text or "")
        else:
            parts.append("\n\n" if tag in _BLOCK_TAGS else "")
            parts.append(element.tail or "")
    return "".join(parts)


def _opening(tag: str) -> str:
    if re.fullmatch(r"h[1-6]", tag):
        return f"\n\n{'#' * int(tag[1])} "
    return "\n\n" if tag in _BLOCK_TAGS else ""


def _paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """Yield each paragraph with the heading it stands under; fenced code stays in one piece."""
    heading, is_code = "", False
    lines: list[str] = []
    for line in text.split("\n"):
        is_fence = line.lstrip().startswith("```")
        match = None if is_code or is_fence else _HEADING.match(line.strip())
        if match or (not line.strip() and not is_code):
            if lines:
                yield heading, "\n".join(lines)
            lines = []
            heading = match.group(2) if match else heading
        else:
            lines.append(line.rstrip() if is_code or is_fence else _unlink(line.rstrip()))
        is_code = is_code != is_fence
    if lines:
        yield heading, "\n".join(lines)


def _unlink(line: str) -> str:
    """Write a Markdown link as text and address: square brackets are for citations."""
    without_images = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"\1", line)
    return re.sub(r"\[([^\[\]]+)\]\(([^()\s]+)[^()]*\)", r"\1 (\2)", without_images)


def _merge(paragraphs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Join neighbouring paragraphs under one heading while they fit."""
    current, n_words = "", 0
    texts: list[str] = []
    for heading, text in paragraphs:
        size = len(text.split())
        if texts and (heading != current or n_words + size > MAX_WORDS):
            yield current, "\n".join(texts)
            texts, n_words = [], 0
        current = heading
        texts.append(text.strip())
        n_words += size
    if texts:
        yield current, "\n".join(texts)


def read_document(path: str, content: bytes) -> Article:
    """Return a file as an article: its path without ending is the id.

    The title is the front matter's `title`, else the first heading or `<title>`, else the name.
    Text that is not UTF-8 is read as Windows-1252.
    """
    text = _decode(content)
    meta = read_front_matter(text)
    name = re.sub(r"\.\w+$", "", path)
    heading = re.search(
        r"^#\s+(.+?)\s*#*$|<title[^>]*>([^<]+)</title>|<h1[^>]*>([^<]+)", text, re.M
    )
    found = next((one for one in heading.groups() if one), "") if heading else ""
    return to_article(
        {
            "article_id": meta.get("article_id") or name,
            "title": meta.get("title") or found.strip() or name.rsplit("/", 1)[-1],
            "body": text,
            "language": meta.get("language"),
            "is_policy": meta.get("is_policy"),
            "updated_at": meta.get("updated_at"),
        }
    )


def read_front_matter(text: str) -> dict[str, str]:
    """Return the simple `key: value` lines of a front matter; anything else is passed over."""
    match = _FRONT_MATTER.match(text.replace("\r\n", "\n"))
    lines = match.group(1).split("\n") if match else []
    pairs = (line.split(":", 1) for line in lines if re.match(r"\w+:", line))
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs if value.strip()}


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
