"""The documents hold: links lead somewhere, commands exist, records name a check."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.main import get_command

from jobforge.entrypoints.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
RECORDS = sorted((DOCS / "decisions").glob("[0-9]*.md"))

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_COMMAND = re.compile(
    r"(?:^|[$(|] ?|; |& )(?:[A-Z_]+=\S+ )*jobforge((?: [^|&;)\n#]+)?)", re.MULTILINE
)
_RECORD = re.compile(
    r"# \d+\. .+\n\n## Context\n\n.+\n\n## Decision\n\n.+\n\n## Consequences\n\n.+\n\n"
    r"## Check\n\n\[`(?P<check>[^`]+)`\]\(\.\./\.\./(?P=check)\)\n",
    re.DOTALL,
)


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _prose(text: str) -> str:
    """The text without its code, where brackets mean something else."""
    return _CODE.sub("", _FENCE.sub("", text))


def _anchors(page: Path) -> set[str]:
    """The headings as the forge links them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def _faults(page: Path) -> Iterator[str]:
    for target in _LINK.findall(_prose(page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = (page.parent / path).resolve() if path else page
        if not found.exists():
            yield f"{target} leads nowhere"
        elif path and not found.is_relative_to(ROOT):
            yield f"{target} leaves the repository"
        elif anchor and anchor not in _anchors(found):
            yield f"{target}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert list(_faults(page)) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](missing.md) [b](#one) [c](#two) `[d](no.md)` [e](https://x.org)\n")

    assert next(iter(_faults(page))) == "missing.md leads nowhere"
    assert any("#two" in fault for fault in _faults(page))
    assert not any("#one" in fault for fault in _faults(page))


def test_every_page_can_be_reached_from_the_readme() -> None:
    # Pages of job types, and explanations of analyses, are reached by their folder.
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
            found = (page.parent / target.partition("#")[0]).resolve()
            if found.is_dir():
                waiting.extend(found.glob("*.md"))
            elif found.suffix == ".md" and found.exists():
                waiting.append(found)

    assert [_name(page) for page in PAGES if page not in seen] == []


def _commands(page: Path) -> Iterator[str]:
    """What follows `jobforge` wherever a reader would type it."""
    text = page.read_text(encoding="utf-8")
    blocks = [match.group(0) for match in _FENCE.finditer(text)]
    for block in blocks:
        for words in _COMMAND.findall(block):
            yield words.strip()
    for code in _CODE.findall(_FENCE.sub("", text)):
        if code.startswith("`jobforge "):
            yield code.strip("`").removeprefix("jobforge ")


def _fault_of(command: str) -> str | None:
    """Why the command line would not take these words; None where it would."""
    node: Any = get_command(app)
    for word in shlex.split(command.replace("…", "X")):
        known = getattr(node, "commands", None)
        if known is not None and not word.startswith("-"):
            if word in ("COMMAND", "X"):
                return None
            if word not in known:
                return f"no command {word}"
            node = known[word]
        elif word.startswith("-") and word not in ("-", "--help"):
            options = {name for parameter in node.params for name in parameter.opts}
            if word.partition("=")[0] not in options:
                return f"{node.name} has no option {word}"
    return None


WRITTEN_HERE = [
    page
    for page in PAGES
    if page.parent in (ROOT, DOCS, DOCS / "tutorial", DOCS / "how-to", DOCS / "explanation")
]


@pytest.mark.parametrize("page", WRITTEN_HERE, ids=_name)
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    faults = {command: _fault_of(command) for command in _commands(page)}

    assert {command: fault for command, fault in faults.items() if fault} == {}


def test_the_pages_show_commands_at_all() -> None:
    shown = {_name(page): len(list(_commands(page))) for page in WRITTEN_HERE}

    assert shown["README.md"] >= 8
    assert shown["docs/tutorial/first-bundle.md"] >= 15


@pytest.mark.parametrize("command", ["bundel plan", "bundle plan --tenat acme", "audit prove"])
def test_a_command_that_does_not_exist_is_found(command: str) -> None:
    assert _fault_of(command) is not None


@pytest.mark.parametrize("page", RECORDS, ids=_name)
def test_every_decision_record_has_the_one_form_and_names_a_check_that_exists(page: Path) -> None:
    match = _RECORD.fullmatch(page.read_text(encoding="utf-8"))

    assert match is not None
    assert (ROOT / match["check"]).is_file()


def test_the_records_are_numbered_and_listed() -> None:
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")

    assert [int(page.name[:4]) for page in RECORDS] == list(range(1, len(RECORDS) + 1))
    assert [page.name for page in RECORDS if f"({page.name})" not in index] == []


def test_every_glossary_word_is_in_order_and_in_use() -> None:
    text = (DOCS / "reference" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\*\*(.+?)\*\*: ", text, re.MULTILINE)
    others = [page for page in PAGES if page.name != "glossary.md"]
    used = " ".join(page.read_text(encoding="utf-8") for page in others).lower()
    code = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))

    assert words == sorted(words)
    assert len(words) == len(set(words))
    assert [word for word in words if word not in used and word not in code.lower()] == []


def test_pictures_are_sound_and_say_in_words_what_they_show() -> None:
    pictures = sorted((DOCS / "images").glob("*.svg"))

    assert pictures
    for picture in pictures:
        root = ET.parse(picture).getroot()  # noqa: S314 (our own files)
        names = {element.tag.rpartition("}")[2] for element in root}
        assert {"title", "desc"} <= names
        assert "prefers-color-scheme: dark" in picture.read_text(encoding="utf-8")
