"""What a draft stands on: the user's own pages, and texts of competitors to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from jobforge.autopilots.growth.content.text import sentences
from jobforge.autopilots.growth.seo.document import Document, Element, visible_text
from jobforge.core.context import HttpRequest, JobContext
from jobforge.core.errors import SourceMalformed, TargetUnavailable
from jobforge.core.model import Model

MIN_SENTENCE_WORDS, MAX_SENTENCE_WORDS = 5, 40
_HEADINGS = ("h1", "h2", "h3")
_TEXTS = ("p", "li", "dd", "blockquote", "td")
_CHROME = ("nav", "header", "footer", "aside", "form")
_ERROR = 400


class SourceRef(Model):
    """One text: a file of the tenant's folder, a URL, or the text itself."""

    source_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    path: str | None = Field(default=None, max_length=4096)
    url: str | None = Field(default=None, max_length=2000)
    text: str | None = Field(default=None, max_length=60_000)
    title: str | None = Field(default=None, max_length=300)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [value for value in (self.path, self.text) if value is not None]
        if len(given) > 1 or not (given or self.url):
            raise ValueError("give a path, a url or a text; a url may stand beside the others")
        return self


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and the sentences below it."""

    heading: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A text that was read. `url` is where it is published, if it is."""

    source_id: str
    title: str
    url: str | None
    sections: tuple[Section, ...]

    @property
    def text(self) -> str:
        """All of it."""
        parts = [self.title]
        for section in self.sections:
            parts += [section.heading, *section.sentences]
        return "\n".join(part for part in parts if part)


async def load_source(ref: SourceRef, position: int, context: JobContext) -> Source:
    """Read one text.

    Raises:
        DatasetMissing: there is no such file.
        PathDenied: the path leaves the tenant's folder.
        TargetUnavailable: the URL does not answer with a page.
        SourceMalformed: nothing can be read in it.
    """
    name = ref.source_id or f"s{position}"
    if ref.text is not None:
        source = parse_text(ref.text, source_id=name, title=ref.title or "", url=ref.url)
    elif ref.path is not None:
        content = await context.workspace.read(ref.path)
        is_html = ref.path.endswith((".html", ".htm"))
        source = (
            parse_html(content, source_id=name, url=ref.url, title=ref.title)
            if is_html
            else parse_text(content.decode("utf-8", errors="replace"), source_id=name,
                            title=ref.title or "", url=ref.url)
        )  # fmt: skip
    else:
        source = await _fetch(ref.url or "", name, ref.title, context)
    if not source.sections:
        raise SourceMalformed(f"source {name} holds no sentence")
    return source


async def _fetch(url: str, name: str, title: str | None, context: JobContext) -> Source:
    response = await context.http.fetch(HttpRequest(url=url))
    if response.status >= _ERROR:
        raise TargetUnavailable(f"{url} answers with {response.status}")
    return parse_html(response.body, source_id=name, url=response.url, title=title)


def parse_html(
    content: bytes, *, source_id: str, url: str | None = None, title: str | None = None
) -> Source:
    """Read a page: what stands below each heading, without navigation and footer."""
    page = Document(content, url=url or "https://source.invalid/")
    heading = ""
    sections: dict[str, list[str]] = {}
    for element in page.root.iter(*_HEADINGS, *_TEXTS):
        if next(element.iterancestors(*_CHROME), None) is not None:
            continue
        if element.tag in _HEADINGS:
            heading = visible_text(element)
        elif not _holds_texts(element):
            sections.setdefault(heading, []).extend(_usable(visible_text(element)))
    found = tuple(Section(name, tuple(dict.fromkeys(texts))) for name, texts in sections.items()
                  if texts)  # fmt: skip
    return Source(source_id, title or page.title or heading, url, found)


def _holds_texts(element: Element) -> bool:
    return next(element.iterdescendants(*_TEXTS), None) is not None


def parse_text(text: str, *, source_id: str, title: str = "", url: str | None = None) -> Source:
    """Read plain text or Markdown: lines that begin with # are headings."""
    heading = ""
    sections: dict[str, list[str]] = {}
    for block in text.replace("\r", "").split("\n\n"):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        while lines and lines[0].startswith("#"):
            heading = lines.pop(0).lstrip("# ").strip()
            title = title or heading
        plain = " ".join(line.lstrip("-*> ").strip() for line in lines)
        sections.setdefault(heading, []).extend(_usable(plain))
    found = tuple(Section(name, tuple(dict.fromkeys(texts))) for name, texts in sections.items()
                  if texts)  # fmt: skip
    return Source(source_id, title, url, found)


def _usable(text: str) -> list[str]:
    """Whole sentences of a length that can be quoted."""
    return [
        sentence for sentence in sentences(text)
        if MIN_SENTENCE_WORDS <= len(sentence.split()) <= MAX_SENTENCE_WORDS
        and sentence.rstrip("\"')]").endswith((".", "!", "?"))
    ]  # fmt: skip


def path_of(url: str) -> str:
    """The path of a URL, for people."""
    return urlsplit(url).path or "/"
