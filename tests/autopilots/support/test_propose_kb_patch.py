from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from jobforge.autopilots.support import PROPOSE_KB_PATCH
from jobforge.autopilots.support.articles import Article
from jobforge.autopilots.support.contradictions import find_contradictions
from jobforge.autopilots.support.gaps import find_gaps, read_cases
from jobforge.autopilots.support.knowledge import KnowledgeIndex
from jobforge.autopilots.support.propose_kb_patch import ProposeKbPatchResult
from jobforge.autopilots.support.starter_tickets import STARTER_TICKETS
from jobforge.core.errors import DatasetMissing, PayloadInvalid, SourceMalformed
from jobforge.testing import MemoryContext

EXAMPLE = dict(PROPOSE_KB_PATCH.examples[0])
COVERED = {
    "article_id": "kb-full",
    "title": "Export fails above 10000 rows",
    "body": "The export stops above 10000 rows. Split the export by month.",
}


async def run(
    given: Mapping[str, Any], context: MemoryContext | None = None
) -> ProposeKbPatchResult:
    assert PROPOSE_KB_PATCH.handle is not None
    return await PROPOSE_KB_PATCH.handle(
        PROPOSE_KB_PATCH.parse_payload(given), context or MemoryContext()
    )


async def test_the_answer_is_what_resolutions_say_with_their_tickets() -> None:
    result = await run(EXAMPLE)

    assert "- Split the export by month. <!-- evidence: T-1, T-2 -->" in result.proposed_content
    assert result.evidence_ticket_ids == ("T-1", "T-2", "T-3")
    assert result.has_answer
    assert (result.decision, result.draft_only, result.requires_review) == (
        "new_article",
        True,
        True,
    )


async def test_no_personal_datum_of_the_tickets_is_in_anything_that_leaves() -> None:
    context = MemoryContext()

    result = await run(EXAMPLE, context)

    shown = result.model_dump_json() + b"".join(context.artifacts.stored.values()).decode()
    assert not [word for word in ("jo@example.org", "Jo Doe", "Jo,") if word in shown]


async def test_the_markdown_has_front_matter_and_is_kept_as_an_artifact() -> None:
    context = MemoryContext()

    result = await run(EXAMPLE, context)

    names = sorted(context.artifacts.stored)
    assert [name.rsplit(".", 1)[1] for name in names] == ["json", "md"]
    assert context.artifacts.stored[names[1]].decode() == result.proposed_content
    assert result.proposed_content.startswith('---\ntitle: "Export stops"\n')
    assert "review_state: proposed" in result.unified_diff


async def test_without_any_resolution_the_article_says_that_its_answer_is_missing() -> None:
    tickets = [{**one, "resolution": ""} for one in EXAMPLE["tickets"]]

    result = await run({**EXAMPLE, "tickets": tickets})

    assert not result.has_answer
    assert "No resolved ticket gives an answer yet" in result.proposed_content


async def test_a_second_article_on_the_same_matter_becomes_a_patch_of_the_first() -> None:
    result = await run({**EXAMPLE, "knowledge": [COVERED]})

    assert (result.decision, result.near_duplicate_of) == ("section_update", "kb-full")
    assert result.unified_diff.startswith("--- a/kb-full.md\n+++ b/kb-full.md\n")
    assert " The export stops above 10000 rows. Split the export by month." in result.unified_diff


async def test_a_target_of_the_callers_is_patched_and_must_exist() -> None:
    result = await run({**EXAMPLE, "target_kb_article_id": "kb-reset"})

    assert result.decision == "section_update"
    assert "+## Export stops" in result.unified_diff
    with pytest.raises(SourceMalformed, match="no article kb-nowhere"):
        await run({**EXAMPLE, "target_kb_article_id": "kb-nowhere"})


async def test_an_entry_of_a_faq_is_one_question_with_its_answer() -> None:
    result = await run({**EXAMPLE, "content_type": "faq_entry"})

    assert result.decision == "faq_entry"
    assert "## Export stops\n\n- Split" in result.proposed_content
    assert "## Customers ask" not in result.proposed_content


async def test_an_article_that_a_resolution_contradicts_is_named_and_stale() -> None:
    result = await run(EXAMPLE)

    (found,) = result.contradictions
    assert (found.article_id, found.other_id) == ("kb-export", "T-1")
    assert found.differs_in == "5000 against 10000"
    assert [one.article_id for one in result.stale_articles] == ["kb-export"]


async def test_an_article_a_year_older_than_the_last_ticket_is_stale() -> None:
    old = {**COVERED, "updated_at": "2024-01-01"}
    tickets = [{**one, "created_at": "2026-01-01T00:00:00Z"} for one in EXAMPLE["tickets"]]

    result = await run({**EXAMPLE, "tickets": tickets, "knowledge": [old]})

    assert result.stale_articles[0].because == "last updated on 2024-01-01"


def test_sentences_about_different_things_do_not_contradict() -> None:
    articles = [
        Article(article_id="a", body="The link works for 30 minutes."),
        Article(article_id="b", body="Parcels take 5 days. The link works for 30 minutes."),
    ]

    assert find_contradictions(articles, []) == []


def test_a_negation_of_the_same_sentence_contradicts() -> None:
    articles = [
        Article(article_id="a", body="Free plans can export contacts."),
        Article(article_id="b", body="Free plans cannot export contacts."),
    ]

    assert [one.differs_in for one in find_contradictions(articles, [])] == ["a negation"]


def test_the_worst_gap_is_large_unanswered_and_slow() -> None:
    rows = [
        {
            "ticket_id": f"{kind}-{place}",
            "subject": text,
            "body": text,
            "handling_minutes": 60 if kind == "orders_delivery" else 5,
        }
        for kind in ("orders_delivery", "account_access")
        for place, text in enumerate(STARTER_TICKETS[kind])
    ]
    index = KnowledgeIndex.build(
        [{"article_id": "kb", "title": "Reset password and log in", "body": "Use the reset link."}],
        vectors="static",
    )

    worst = find_gaps(read_cases(rows), index)[0]

    assert worst.ticket_ids[0].startswith("orders_delivery")
    assert worst.handling_hours is not None
    expected = worst.volume * (1 - worst.best_score) * worst.handling_hours
    assert worst.score == pytest.approx(expected, abs=0.05)


async def test_a_modules_own_payload_is_understood() -> None:
    assert PROPOSE_KB_PATCH.translate is not None
    context = MemoryContext()
    context.data.datasets["tickets"] = [dict(one) for one in EXAMPLE["tickets"]]
    context.data.datasets["knowledge"] = [dict(one) for one in EXAMPLE["knowledge"]]
    module = {
        "proposal_id": "p-1",
        "patch_type": "update_article",
        "proposed_title": "Large exports",
        "related_ticket_count": 2,
        "diff_preview": "+ x",
        "related_tickets": ["T-1", "T-2"],
    }

    result = await run(PROPOSE_KB_PATCH.translate(module), context)

    assert result.content_type == "section_update"
    assert result.proposed_title == "Large exports"


async def test_missing_tickets_are_named_and_none_at_all_is_an_error() -> None:
    result = await run({**EXAMPLE, "source_ticket_ids": ["T-1", "T-77"]})

    assert result.missing_ticket_ids == ("T-77",)
    with pytest.raises(SourceMalformed, match="none of the source tickets"):
        await run({**EXAMPLE, "source_ticket_ids": ["T-77"]})


async def test_missing_data_and_no_ids_are_errors() -> None:
    with pytest.raises(DatasetMissing):
        await run({"source_ticket_ids": ["T-1"]})
    with pytest.raises(PayloadInvalid):
        PROPOSE_KB_PATCH.parse_payload({"source_ticket_ids": []})


async def test_code_of_a_resolution_is_kept_or_left_out_as_asked() -> None:
    code = "Run this:\n\n```\nexport --by month\n```"
    tickets = [{**one, "resolution": code} for one in EXAMPLE["tickets"]]

    with_code = await run({**EXAMPLE, "tickets": tickets})
    without = await run(
        {**EXAMPLE, "tickets": tickets, "options": {"include_code_examples": False}}
    )

    assert "export --by month" in with_code.proposed_content
    assert "export --by month" not in without.proposed_content
    assert json.loads(without.model_dump_json())["review_state"] == "proposed"
