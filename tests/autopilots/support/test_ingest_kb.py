from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from jobforge.autopilots.support import INGEST_KB
from jobforge.autopilots.support.articles import read_document, read_front_matter
from jobforge.autopilots.support.ingest_kb import IngestKbResult
from jobforge.core.errors import PathDenied, PayloadInvalid, SourceMalformed
from jobforge.testing import MemoryContext

GUIDE = b"---\ntitle: Reset a password\nis_policy: true\n---\n# Steps\n\nChoose Forgot password.\n"


async def run(given: Mapping[str, Any], context: MemoryContext | None = None) -> IngestKbResult:
    assert INGEST_KB.handle is not None
    return await INGEST_KB.handle(INGEST_KB.parse_payload(given), context or MemoryContext())


async def test_files_of_the_tenants_folder_become_articles() -> None:
    context = MemoryContext()
    context.workspace.files = {
        "kb/reset.md": GUIDE,
        "kb/pay.html": b"<h1>Pay by card</h1><p>Cards are fine.</p>",
        "kb/logo.png": b"\x89PNG",
    }

    result = await run({"source_paths": ["kb"], "queries": ["forgot password"]}, context)

    assert (result.n_articles, result.by_pool) == (2, {"article": 2})
    assert result.samples[0].article_id == "kb/reset"
    stored = {name.split("-")[2]: content for name, content in context.artifacts.stored.items()}
    titles = [one["title"] for one in json.loads(stored["articles"])]
    assert titles == ["Pay by card", "Reset a password"]


async def test_past_tickets_are_a_pool_of_their_own() -> None:
    result = await run(INGEST_KB.examples[0])

    assert result.by_pool == {"article": 1, "ticket": 1}


async def test_what_an_owner_should_look_at_is_found_without_being_repeated() -> None:
    articles = [
        {"article_id": "a", "title": "Contact Mr Miller", "body": "Mail him at m@example.org now."},
        {"article_id": "b", "title": "Contact Mr Miller", "body": "Mail him at m@example.org now!"},
        {"article_id": "c", "title": "Only a title"},
    ]

    result = await run({"articles": articles})

    kinds = [(one.article_id, one.kind) for one in result.findings]
    assert kinds == [
        ("a", "personal_data"),
        ("b", "personal_data"),
        ("b", "duplicate"),
        ("c", "empty"),
    ]
    assert "m@example.org" not in result.model_dump_json()


async def test_a_modules_own_payload_is_understood() -> None:
    assert INGEST_KB.translate is not None
    context = MemoryContext()
    context.workspace.files = {"kb/reset.md": GUIDE}
    module = {"source_paths": ["kb"], "source_count": 1, "ingestion_batch_size": 50}

    assert (await run(INGEST_KB.translate(module), context)).n_articles == 1


async def test_a_folder_without_documents_and_one_outside_are_errors() -> None:
    with pytest.raises(SourceMalformed, match="no Markdown"):
        await run({"source_paths": ["empty"]})
    with pytest.raises(PathDenied):
        await run({"source_paths": ["../other.md"]})


async def test_a_resolved_ticket_without_resolution_is_an_error() -> None:
    with pytest.raises(SourceMalformed, match="no resolution"):
        await run({"resolved_tickets": [{"ticket_id": "T-1", "subject": "x"}]})


def test_a_payload_without_any_source_is_refused() -> None:
    with pytest.raises(PayloadInvalid):
        INGEST_KB.parse_payload({})


def test_a_document_in_another_encoding_is_read() -> None:
    assert read_document("a/über.txt", "Größe ändern".encode("cp1252")).body == "Größe ändern"


def test_a_policy_says_so_in_its_front_matter() -> None:
    assert read_document("p.md", GUIDE).is_policy
    assert read_front_matter("no front matter") == {}
