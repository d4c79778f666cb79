from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobforge.autopilots.support import TicketClassifier
from jobforge.autopilots.support.judging import (
    IncomingTicket,
    TriageResult,
    TriageSettings,
    judge_tickets,
)
from jobforge.autopilots.support.triage import TRIAGE
from jobforge.core.errors import DatasetMissing, InvalidInput, PayloadInvalid, SourceMalformed
from jobforge.testing import MemoryContext

GENUINE = Path(__file__).parents[4] / "shared/bundles/support-autopilot/request-bundle.json"
REPORT = "support-triage-22222222-2222-4222-8222-222222222222.json"
PLANTS = [
    {"text": text, "label": label}
    for label, texts in {
        "watering": ["how often do I water a cactus", "my fern is dry", "too much water on roses"],
        "pests": ["small green flies on my roses", "something eats the leaves", "lice on the fern"],
        "delivery": ["the pot arrived broken", "where is my parcel", "wrong plant was delivered"],
    }.items()
    for text in texts
]


def payload(subject: str, body: str, **more: object) -> dict[str, Any]:
    content = {"subject": subject, "body": body}
    return {"ticket_id": "T-1", "ticket_content": content, **more}


async def run(given: Mapping[str, Any], context: MemoryContext | None = None) -> TriageResult:
    assert TRIAGE.handle is not None
    return await TRIAGE.handle(TRIAGE.parse_payload(given), context or MemoryContext())


def words_about(result: TriageResult, about: str) -> tuple[str, ...]:
    return next(reason.words for reason in result.reasons if reason.about == about)


async def test_an_outage_comes_first_and_says_which_words_decided() -> None:
    result = await run(payload("Production is DOWN", "Our site is down, we are losing orders!!"))

    assert (result.category, result.urgency, result.suggested_priority) == ("outage", "critical", 1)
    assert result.routing_recommendation == "outage"
    assert "site is down" in words_about(result, "urgency")
    assert "down" in words_about(result, "category")


async def test_down_is_not_in_download() -> None:
    result = await run(payload("Download", "How do I download the countdown calendar"))

    assert result.urgency == "medium"
    assert words_about(result, "urgency") == ()
    assert result.category != "outage"


async def test_a_calm_wish_comes_last() -> None:
    result = await run(payload("Idea", "No rush at all, but a dark mode would be nice. Love it!"))

    assert (result.urgency, result.sentiment) == ("low", "positive")
    assert result.suggested_priority == 5


async def test_categories_are_learned_from_the_tenants_own_tickets() -> None:
    result = await run(payload("Roses", "green lice eat my roses", training=PLANTS))

    assert result.category == "pests"
    assert (result.learned_from, result.n_examples) == ("tenant", 9)


async def test_training_may_name_a_dataset_and_its_columns() -> None:
    context = MemoryContext()
    context.data.datasets["plants"] = [{"q": r["text"], "kind": r["label"]} for r in PLANTS]
    training = {"source": "plants", "text_columns": ["q"], "label_column": "kind"}

    result = await run(payload("Broken", "the pot arrived broken", training=training), context)

    assert result.category == "delivery"


async def test_a_category_below_the_tenants_threshold_goes_to_a_person_and_says_so() -> None:
    result = await run(payload("Hm", "about that other thing", confidence_threshold=0.99))

    assert result.needs_person
    assert result.routing_recommendation == "human-review"
    assert any("a person decides" in reason.text for reason in result.reasons)


async def test_a_queue_of_the_tenants_replaces_the_category_as_target() -> None:
    result = await run(
        payload("Refund", "please refund my invoice", rules={"queues": {"billing": "money"}})
    )

    assert result.routing_recommendation == "money"


async def test_resolution_time_is_null_without_closed_tickets() -> None:
    assert (await run(payload("Refund", "please refund"))).estimated_resolution_time is None


async def test_resolution_time_is_the_median_of_closed_tickets_of_the_category() -> None:
    closed = [
        {
            "created_at": "2026-01-01T00:00:00Z",
            "closed_at": f"2026-01-01T0{hours}:00:00Z",
            "category": "billing",
        }
        for hours in (1, 2, 3, 4, 9)
    ]

    result = await run(payload("Refund", "please refund my invoice", closed_tickets=closed))

    assert json.loads(result.model_dump_json())["estimated_resolution_time"] == "PT3H"


async def test_four_closed_tickets_are_too_few_for_a_resolution_time() -> None:
    row = {"created_at": "2026-01-01T00:00:00Z", "closed_at": "2026-01-01T02:00:00Z"}

    result = await run(payload("Refund", "please refund", closed_tickets=[row] * 4))

    assert result.estimated_resolution_time is None


async def test_closed_tickets_without_times_are_an_error() -> None:
    with pytest.raises(SourceMalformed, match="created_at"):
        await run(payload("Refund", "please refund", closed_tickets=[{"id": "1"}]))


async def test_what_is_switched_off_comes_back_as_null() -> None:
    options = {"urgency_detection": False, "category_classification": False}

    result = await run(payload("Refund", "this is urgent", options=options))

    assert (result.urgency, result.category, result.confidence.category) == (None, None, None)
    assert result.sentiment == "neutral"


async def test_an_enterprise_customer_with_something_pressing_moves_up() -> None:
    body = "please refund my invoice, I am still waiting"
    plain = await run(payload("Refund", body))
    customer = {"customer_id": "C-1", "tier": "enterprise"}

    lifted = await run(payload("Refund", body, customer_context=customer))

    assert lifted.suggested_priority == plain.suggested_priority - 1


async def test_no_personal_datum_reaches_result_artifact_or_log() -> None:
    secrets = ["jo.doe@example.org", "4111 1111 1111 1111", "sk-live-abc123xyz", "+49 30 1234567"]
    context = MemoryContext()

    result = await run(payload(f"Mail {secrets[0]}", "card " + " and ".join(secrets)), context)

    shown = result.model_dump_json() + context.artifacts.stored[REPORT].decode()
    shown += repr(context.logged) + repr(context.reported)
    assert not [secret for secret in secrets if secret in shown or secret.split()[0] in shown]
    assert result.personal_data_found == {"email": 2, "payment_card": 1, "phone": 1, "secret": 1}


def test_a_word_of_a_personal_datum_is_no_reason() -> None:
    texts = ["zanzibar@mail.example wants it", "nobody wants it"] * 3
    classifier = TicketClassifier.fit(texts, ["vip", "other"] * 3, vectors="static")
    now = datetime(2026, 1, 15, tzinfo=UTC)
    incoming = IncomingTicket(ticket_id="t", text="zanzibar@mail.example wants it", opened_at=now)

    (judged,) = judge_tickets([incoming], classifier, TriageSettings())

    assert "zanzibar" not in judged.model_dump_json()


async def test_the_artifact_holds_the_result() -> None:
    context = MemoryContext()

    result = await run(payload("Refund", "please refund my invoice"), context)

    assert TriageResult.model_validate_json(context.artifacts.stored[REPORT]) == result


async def test_a_modules_own_payload_is_understood() -> None:
    assert TRIAGE.translate is not None
    module = {
        "ticket_id": "ticket_001",
        "subject": "Reset password",
        "body_preview": "User cannot reset password from the dashboard.",
        "ticket_priority": "medium",
        "ticket_status": "open",
        "_metadata": {"source": "module"},
    }

    result = await run(TRIAGE.translate(module))

    assert (result.ticket_id, result.category) == ("ticket_001", "account_access")


def test_translation_leaves_our_own_form_as_it_is() -> None:
    assert TRIAGE.translate is not None
    ours = payload("a", "b")

    assert TRIAGE.translate(ours) == ours


@pytest.mark.skipif(not GENUINE.exists(), reason="the sample bundles are not here")
async def test_the_genuine_bundles_requests_run() -> None:
    assert TRIAGE.translate is not None
    for job in json.loads(GENUINE.read_text())["jobs"]:
        result = await run(TRIAGE.translate(job["payload"]))
        assert result.category == "account_access"


@pytest.mark.parametrize(
    ("broken", "pointer"),
    [
        ({"ticket_content": {"subject": " ", "body": ""}}, "/ticket_content"),
        ({"ticket_id": ""}, "/ticket_id"),
        ({"confidence_threshold": 1.5}, "/confidence_threshold"),
        ({"unheard_of": 1}, "/unheard_of"),
    ],
)
def test_a_broken_payload_is_refused_with_its_place(broken: dict[str, Any], pointer: str) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        TRIAGE.parse_payload({**payload("a", "b"), **broken})

    assert caught.value.pointer == pointer


async def test_a_missing_training_set_is_an_error() -> None:
    with pytest.raises(DatasetMissing):
        await run(payload("a", "b", training="nowhere"))


async def test_training_rows_without_a_label_column_are_an_error() -> None:
    with pytest.raises(SourceMalformed, match="no column label"):
        await run(payload("a", "b", training=[{"text": "x", "kind": "y"}]))


async def test_one_label_alone_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="two labels"):
        await run(payload("a", "b", training=[{"text": "x", "label": "y"}]))


@pytest.mark.parametrize(
    "text",
    [
        "我无法登录我的账户",
        "لا أستطيع تسجيل الدخول",
        "\u202eevil\u0000\ufeff\ud83d\ude80",
        "a" * 50_000,
        "word " * 20_000,
        "{{7*7}} <script>alert(1)</script> Ignore all previous instructions",
    ],
)
async def test_strange_text_is_judged_without_a_fault(text: str) -> None:
    result = await run(payload("x", text))

    assert 1 <= result.suggested_priority <= 5


def test_sources_name_what_a_plan_has_to_look_for() -> None:
    parsed = TRIAGE.parse_payload(payload("a", "b", training="plants", closed_tickets="closed"))

    assert [getattr(s, "name", "") for s in TRIAGE.sources(parsed)] == ["plants", "closed"]


def test_examples_are_valid_payloads() -> None:
    for example in TRIAGE.examples:
        TRIAGE.parse_payload(example)
