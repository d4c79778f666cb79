from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jobforge.autopilots.support import BATCH_TRIAGE
from jobforge.autopilots.support.batch_triage import BatchTriageResult
from jobforge.autopilots.support.classifier import Prediction
from jobforge.autopilots.support.completeness import STARTER_NEEDS, find_missing, judge_intent
from jobforge.autopilots.support.drift import report_drift
from jobforge.autopilots.support.duplicates import find_duplicates, find_threads
from jobforge.autopilots.support.labelled_tickets import LabelledTexts, merge_corrections
from jobforge.autopilots.support.language import detect_language
from jobforge.core.errors import InvalidInput, SourceMalformed
from jobforge.testing import MemoryContext

TICKETS = list(BATCH_TRIAGE.examples[0]["tickets"])


async def run(given: Mapping[str, Any], context: MemoryContext | None = None) -> BatchTriageResult:
    assert BATCH_TRIAGE.handle is not None
    return await BATCH_TRIAGE.handle(BATCH_TRIAGE.parse_payload(given), context or MemoryContext())


async def test_tickets_come_back_first_things_first_and_counted() -> None:
    result = await run({"tickets": TICKETS})

    assert [one.suggested_priority for one in result.tickets] == [1, 3, 3]
    assert result.by_category == {"billing": 2, "outage": 1}
    assert sum(result.by_priority.values()) == result.n_tickets == 3


async def test_duplicates_and_conversations_are_found() -> None:
    result = await run({"tickets": TICKETS})

    assert [one.ticket_ids for one in result.duplicates] == [("T-2", "T-3")]
    assert [one.ticket_ids for one in result.threads] == [("T-2", "T-3")]


async def test_a_modules_ids_choose_from_the_tenants_tickets() -> None:
    assert BATCH_TRIAGE.translate is not None
    context = MemoryContext()
    context.data.datasets["tickets"] = [dict(one) for one in TICKETS]
    module = {"ticket_count": 2, "ticket_ids": ["T-1", "T-0"], "batch_size": 10, "is_batch": True}

    result = await run(BATCH_TRIAGE.translate(module), context)

    assert (result.n_tickets, result.missing_ticket_ids) == (1, ("T-0",))


@pytest.mark.parametrize(
    ("tickets", "message"),
    [
        ([], "no tickets"),
        ([{"subject": "x"}], "no ticket_id"),
        ([{"ticket_id": "a", "subject": " "}], "no text"),
        ([{"ticket_id": "a", "text": "b", "created_at": "soon"}], "not a time"),
    ],
)
async def test_incomplete_rows_are_an_error(tickets: list[dict[str, str]], message: str) -> None:
    with pytest.raises(SourceMalformed, match=message):
        await run({"tickets": tickets})


async def test_ids_that_no_row_has_are_an_error() -> None:
    with pytest.raises(SourceMalformed, match="none of the tickets"):
        await run({"tickets": TICKETS, "ticket_ids": ["nope"]})


async def test_a_correction_changes_what_is_said_of_that_ticket() -> None:
    ticket = {"ticket_id": "T-9", "text": "the blue widget hums at night"}
    corrections = [{"text": ticket["text"], "label": "praise"}]

    before = await run({"tickets": [ticket]})
    after = await run({"tickets": [ticket], "corrections": corrections})

    assert before.tickets[0].category != "praise"
    assert after.tickets[0].category == "praise"
    assert after.tickets[0].learned_from == "tenant"


def test_the_last_correction_of_a_text_holds() -> None:
    examples = LabelledTexts(texts=("a", "b"), labels=("x", "y"), skipped=0)
    corrections = LabelledTexts(texts=("a", "a"), labels=("y", "z"), skipped=0)

    merged = merge_corrections(examples, corrections)

    assert dict(zip(merged.texts, merged.labels, strict=True)) == {"b": "y", "a": "z"}


def test_texts_that_say_the_same_are_duplicates_and_others_are_not() -> None:
    texts = [
        "The invoice export fails with an error",
        "Where is my parcel",
        "the invoice export fails with an error!!",
        "The invoice export works now",
    ]

    assert find_duplicates(texts) == [0, 1, 0, 3]


def test_a_thread_is_one_customers_subject_reply_marks_aside() -> None:
    tickets = [
        {"subject": "Invoice", "customer_id": "a"},
        {"subject": "Re: AW: invoice", "customer_id": "a"},
        {"subject": "Invoice", "customer_id": "b"},
        {"subject": "Invoice"},
        {"subject": "Other", "thread_id": "t"},
        {"subject": "Another", "thread_id": "t"},
    ]

    assert find_threads(tickets) == [0, 0, 2, 3, 4, 4]


def predicted(label: str, *, outside: bool = False) -> Prediction:
    return Prediction(label, 0.9, outside, 0.5, (), ())


def test_the_same_mix_has_not_drifted_and_another_has() -> None:
    then, labels = ["old words"] * 40, ["a"] * 20 + ["b"] * 20
    same = [predicted("a")] * 20 + [predicted("b")] * 20
    other = [predicted("a")] * 2 + [predicted("c", outside=True)] * 38

    calm = report_drift(then, labels, ["old words"] * 40, same)
    alarm = report_drift(then, labels, ["new words"] * 40, other)

    assert (calm.has_drifted, calm.distance, calm.new_word_share) == (False, 0.0, 0.0)
    assert alarm.has_drifted
    assert (alarm.out_of_scope_share, alarm.new_word_share) == (0.95, 0.5)
    assert alarm.largest_shifts[0].category == "c"


def test_too_few_tickets_give_no_p_value_and_none_is_an_error() -> None:
    few = report_drift(["x"], ["a"], ["y"], [predicted("b")])

    assert (few.p_value, few.has_drifted) == (None, False)
    with pytest.raises(InvalidInput):
        report_drift(["x"], ["a"], [], [])


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("How do I change my plan?", "question"),
        ("The export fails with an error", "problem"),
        ("Please cancel my subscription", "request"),
        ("This is unacceptable, I want to complain", "complaint"),
        ("Thanks, great support", "thanks"),
        ("for your records", "other"),
    ],
)
def test_the_intent_is_what_the_writer_wants(text: str, intent: str) -> None:
    assert judge_intent(text) == intent


def test_what_a_category_needs_and_the_text_lacks_is_asked_for() -> None:
    needs = STARTER_NEEDS["orders_delivery"]

    assert [one.name for one in find_missing("where is my order", needs)] == ["order number"]
    assert find_missing("where is my order A-10023", needs) == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How can I reset my password?", "en"),
        ("Wie kann ich mein Passwort zurücksetzen?", "de"),
        ("Comment puis-je changer mon mot de passe ?", "fr"),
        ("¿Cómo puedo cambiar mi contraseña?", "es"),
        ("我无法登录我的账户", "zh"),
        ("ログインできません", "ja"),
        ("Я не могу войти", "ru"),
        ("12345", None),
        ("xkcd qwrt", None),
    ],
)
def test_the_language_is_told_by_script_or_common_words(text: str, language: str | None) -> None:
    assert detect_language(text) == language
