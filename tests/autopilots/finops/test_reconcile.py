"""The job type `autopilot.finops.reconcile`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.autopilots.finops.records import record

from jobforge.autopilots.finops import RECONCILE
from jobforge.autopilots.finops.reconciliation.report import ReconcileResult
from jobforge.core.data_source import FileSource, NamedDataset
from jobforge.core.errors import DatasetMissing, InvalidInput, PayloadInvalid, SourceMalformed
from jobforge.testing.context import MemoryContext

GOLDEN = Path(__file__).parent / "golden"
PERIOD = {"period_start": "2026-01-01T00:00:00Z", "period_end": "2026-01-31T23:59:59Z"}


async def run(payload: Mapping[str, Any], context: MemoryContext | None = None) -> ReconcileResult:
    assert RECONCILE.handle is not None
    assert RECONCILE.translate is not None
    parsed = RECONCILE.parse_payload(RECONCILE.translate(payload))
    return await RECONCILE.handle(parsed, context or MemoryContext())


def event(name: str, kind: str, day: str, **fields: object) -> dict[str, Any]:
    return {
        "event_id": name,
        "event_type": kind,
        "timestamp": f"2026-01-{day}T10:00:00Z",
        "customer_id": "cus_1",
        "currency": "USD",
        "raw_payload": {},
        **fields,
    }


async def from_events(*events: dict[str, Any]) -> ReconcileResult:
    source = {"type": "inline", "rows": list(events)}
    return await run({**PERIOD, "events_source": source})


async def test_the_example_reports_a_fee_and_a_missing_payment() -> None:
    result = await run(RECONCILE.examples[0])

    golden = json.loads((GOLDEN / "reconcile.json").read_text())
    assert json.loads(result.model_dump_json(exclude={"outputs"})) == golden


async def test_the_report_artifact_holds_the_whole_result() -> None:
    context = MemoryContext()

    result = await run(RECONCILE.examples[0], context)

    (output, *_) = result.outputs
    assert output.name == f"finops-reconcile-{context.job.job_id}.json"
    stored = json.loads(context.artifacts.stored[output.name])
    assert stored["control_totals"][0]["input"] == "200.00"


async def test_differences_that_cancel_out_are_not_within_tolerance() -> None:
    result = await run(
        {
            **PERIOD,
            "expected": [_plain("a", "50.00"), _plain("b", "70.00", customer="globex")],
            "actual": [_plain("a", "60.00"), _plain("b", "60.00", customer="globex")],
        }
    )

    assert result.summary.variance == 0
    assert not result.summary.within_tolerance


async def test_two_equal_sides_are_within_tolerance() -> None:
    rows = [_plain("a", "50.00"), _plain("b", "70.00")]

    result = await run({**PERIOD, "expected": rows, "actual": rows})

    assert result.summary.within_tolerance
    assert result.discrepancies == ()


def _plain(name: str, amount: str, **fields: object) -> dict[str, Any]:
    return record(name, amount, **fields) | {"amount": amount}


async def test_minor_deviations_are_resolved_only_when_asked() -> None:
    payload = {**PERIOD, "expected": [_plain("a", "50.00")], "actual": [_plain("a", "50.01")]}
    options = {"tolerance_absolute": "0.05"}

    kept = await run({**payload, "options": options})
    resolved = await run({**payload, "options": {**options, "auto_resolve_minor": True}})

    assert [d.kind for d in kept.discrepancies] == ["amount"]
    assert resolved.discrepancies == ()
    assert [(r.amount, r.expected_ids) for r in resolved.auto_resolved] == [
        (Decimal("0.01"), ("a",))
    ]


def test_the_modules_own_payload_is_translated_and_names_its_file() -> None:
    assert RECONCILE.translate is not None
    module = {
        "operation": "reconcile",
        **PERIOD,
        "events_source": {"type": "file", "path": "./fixtures/events.json", "format": "json"},
        "output": {"ledger_path": "./output/l.json", "report_path": "./output/r.json"},
    }

    payload = RECONCILE.parse_payload(RECONCILE.translate(module))

    assert RECONCILE.sources(payload) == (FileSource(path="./fixtures/events.json", format="json"),)


def test_without_data_the_sources_name_the_datasets() -> None:
    payload = RECONCILE.parse_payload({**PERIOD, "sources": ["stripe", "external_invoice"]})

    assert RECONCILE.sources(payload) == (
        NamedDataset(name="invoices"),
        NamedDataset(name="stripe"),
        NamedDataset(name="external_invoice"),
    )


async def test_a_missing_dataset_is_an_error_that_names_the_command() -> None:
    with pytest.raises(DatasetMissing) as caught:
        await run(PERIOD)

    assert caught.value.hint == "jobforge data add invoices PATH"


async def test_one_invoice_announced_as_paid_and_as_payment_is_charged_once() -> None:
    result = await from_events(
        event("e1", "invoice_paid", "03", invoice_id="in_1", amount_cents=4900),
        event("e2", "payment_succeeded", "03", invoice_id="in_1", amount_cents=4900),
    )

    assert result.discrepancies == ()
    assert result.summary.total_actual == Decimal("49.00")


async def test_two_payments_of_one_invoice_are_a_duplicate() -> None:
    result = await from_events(
        event("e1", "invoice_paid", "03", invoice_id="in_1", amount_cents=4900),
        event("e2", "payment_succeeded", "03", invoice_id="in_1", amount_cents=4900),
        event("e3", "payment_succeeded", "03", invoice_id="in_1", amount_cents=4900),
    )

    assert [(d.kind, d.actual_ids) for d in result.discrepancies] == [("duplicate", ("e3",))]


async def test_each_subscription_is_compared_with_its_own_payments() -> None:
    begin = {"period_start": "2026-01-02T00:00:00Z", "period_end": "2026-02-02T00:00:00Z"}
    result = await from_events(
        event("e1", "subscription_created", "02", subscription_id="s1", amount_cents=1000, **begin),
        event("e2", "subscription_created", "02", subscription_id="s2", amount_cents=2500, **begin),
        event("e3", "payment_succeeded", "02", subscription_id="s1", amount_cents=1000),
    )

    assert [(d.kind, d.expected_ids, d.amount) for d in result.discrepancies] == [
        ("missing", ("s2@2026-01-02",), Decimal("-25.00"))
    ]


async def test_a_subscription_and_its_invoice_are_the_same_money() -> None:
    begin = {"period_start": "2026-01-02T00:00:00Z", "period_end": "2026-02-02T00:00:00Z"}
    result = await from_events(
        event("e1", "subscription_created", "02", subscription_id="s1", amount_cents=1000, **begin),
        event(
            "e2", "invoice_paid", "02", subscription_id="s1", invoice_id="in_1", amount_cents=837
        ),
    )

    assert [(d.kind, d.amount) for d in result.discrepancies] == [("amount", Decimal("-1.63"))]


async def test_a_refund_announced_twice_counts_once() -> None:
    result = await from_events(
        event("e1", "invoice_paid", "03", invoice_id="in_1", amount_cents=4900),
        event("e2", "invoice_refunded", "09", invoice_id="in_1", amount_cents=4900),
        event("e3", "refund_issued", "09", invoice_id="in_1", amount_cents=4900),
    )

    assert [(d.kind, d.amount) for d in result.discrepancies] == [("refund", Decimal("-49.00"))]


async def test_the_order_of_events_does_not_matter_and_repeats_are_noted() -> None:
    events = [
        event("e1", "invoice_paid", "03", invoice_id="in_1", amount_cents=4900),
        event("e2", "payment_succeeded", "03", invoice_id="in_1", amount_cents=4800),
        event("e3", "payment_failed", "02", invoice_id="in_1"),
    ]

    forward = await from_events(*events)
    backward = await from_events(*reversed(events), events[0])

    assert forward.discrepancies == backward.discrepancies
    assert "1 repeated events were counted once." in backward.notes


async def test_events_of_another_tenant_are_left_out() -> None:
    result = await from_events(
        event("e1", "invoice_paid", "03", invoice_id="in_1", amount_cents=4900, tenant_id="acme"),
        event("e9", "invoice_paid", "03", invoice_id="in_9", amount_cents=100, tenant_id="evil"),
    )

    assert result.summary.total_expected == Decimal("49.00")
    assert result.notes == ("1 events of other tenants were left out.",)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"expected": [], "actual": [_plain("a", "1.00")]}, "the expected data is empty"),
        (
            {"expected": [{"id;date;amount": "1;2;3"}], "actual": [_plain("a", "1.00")]},
            "separated by ';'",
        ),
        (
            {
                "expected": [_plain("a", "1.00", date="2025-01-01")],
                "actual": [_plain("a", "1.00", date="2025-01-01")],
            },
            "no expected record lies in the period",
        ),
    ],
)
async def test_unusable_data_is_an_error_never_a_clean_report(
    payload: dict[str, Any], message: str
) -> None:
    with pytest.raises(SourceMalformed, match=message):
        await run({**PERIOD, **payload})


async def test_mixed_currencies_need_a_reporting_currency() -> None:
    rows = [_plain("a", "1.00"), _plain("b", "1.00", currency="USD")]

    with pytest.raises(InvalidInput, match="mixes currencies \\(EUR, USD\\)"):
        await run({**PERIOD, "expected": rows, "actual": rows})


async def test_with_rates_mixed_currencies_are_summed_in_the_reporting_currency() -> None:
    rows = [_plain("a", "1.00"), _plain("b", "1.00", currency="USD")]
    rates = [{"base": "USD", "quote": "EUR", "date": "2026-01-30", "rate": "0.90"}]

    result = await run(
        {**PERIOD, "expected": rows, "actual": rows, "fx_rates": rates, "reporting_currency": "EUR"}
    )

    assert result.summary.total_expected == Decimal("1.90")


async def test_a_second_run_says_what_late_data_has_changed() -> None:
    invoices = [_plain("a", "50.00"), _plain("b", "70.00", customer="globex")]
    first = await run({**PERIOD, "expected": invoices, "actual": [_plain("a", "49.00")]})
    report = json.loads(first.model_dump_json())

    late = _plain("p9", "70.00", customer="globex", reference="b")
    second = await run(
        {
            **PERIOD,
            "expected": invoices,
            "actual": [_plain("a", "49.00"), late],
            "previous": [report],
        }
    )

    assert second.changes is not None
    assert [(c.kind, c.expected_ids, c.explanation) for c in second.changes.resolved] == [
        ("missing", ("b",), "b and p9 match now.")
    ]
    assert (second.changes.new, second.changes.unchanged) == (0, 1)


async def test_objects_of_the_stripe_api_are_read_in_minor_units() -> None:
    charge = {
        "id": "ch_1",
        "object": "charge",
        "created": 1767700000,
        "amount": 5000,
        "currency": "eur",
        "customer": {"id": "acme", "object": "customer"},
        "invoice": "a",
    }
    refund = {**charge, "id": "re_1", "object": "refund", "amount": 1200}

    result = await run({**PERIOD, "expected": [_plain("a", "50.00")], "actual": [charge, refund]})

    assert [(d.kind, d.actual_ids, d.amount) for d in result.discrepancies] == [
        ("refund", ("re_1",), Decimal("-12.00"))
    ]


async def test_a_stripe_object_without_an_amount_is_an_error() -> None:
    broken = {"id": "ch_1", "object": "charge", "created": 1767700000, "currency": "eur"}

    with pytest.raises(SourceMalformed, match="a charge without id, amount or currency"):
        await run({**PERIOD, "expected": [_plain("a", "50.00")], "actual": [broken]})


async def test_a_stripe_export_and_a_bank_statement_need_no_mapping() -> None:
    export = {
        "id": "txn_1",
        "Type": "charge",
        "Amount": "48.25",
        "Fee": "1.75",
        "Currency": "eur",
        "Created (UTC)": "2026-01-06 10:00",
        "Customer ID": "acme",
        "Invoice ID": "a",
    }
    statement = {
        "Transaction ID": "S-1",
        "Booking Date": "2026-01-06",
        "Amount": "50.00",
        "Currency": "EUR",
        "Details": "SEPA credit inv-4711 thank you",
    }

    by_export = await run({**PERIOD, "expected": [_plain("a", "50.00")], "actual": [export]})
    by_bank = await run(
        {**PERIOD, "expected": [_plain("INV-4711", "50.00")], "actual": [statement]}
    )

    assert [d.kind for d in by_export.discrepancies] == ["fee"]
    assert by_bank.discrepancies == ()


@pytest.mark.parametrize(
    "payload",
    [
        {"period_start": "2026-01-01T00:00:00Z"},
        {"period_start": "2026-02-01T00:00:00Z", "period_end": "2026-01-01T00:00:00Z"},
        {"period_start": "2026-01-01T00:00:00", "period_end": "2026-02-01T00:00:00"},
        {**PERIOD, "options": {"tolerance_percent": 6}},
        {**PERIOD, "sources": ["paypal"]},
        {**PERIOD, "expected": "only-one-side"},
    ],
)
def test_a_payload_that_asks_no_clear_question_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        RECONCILE.parse_payload(payload)


async def test_what_appears_with_late_data_is_listed_with_the_totals_that_moved() -> None:
    invoices = [_plain("a", "50.00")]
    first = await run({**PERIOD, "expected": invoices, "actual": [_plain("p1", "50.00")]})
    report = json.loads(first.model_dump_json())

    late = _plain("p2", "50.00", reference="a")
    second = await run(
        {
            **PERIOD,
            "expected": invoices,
            "actual": [_plain("p1", "50.00", reference="a"), late],
            "previous": [report],
        }
    )

    assert second.changes is not None
    assert [(c.kind, c.actual_ids, c.explanation) for c in second.changes.appeared] == [
        ("duplicate", ("p2",), "p2 agreed or was not there in the earlier report.")
    ]
    (moved,) = second.changes.totals
    assert (moved.side, moved.records_before, moved.records) == ("actual", 1, 2)
    assert (moved.input_before, moved.input) == (Decimal("50.00"), Decimal("100.00"))


async def test_the_same_data_again_changes_nothing() -> None:
    payload = {**PERIOD, "expected": [_plain("a", "50.00")], "actual": [_plain("b", "49.00")]}
    first = await run(payload)

    again = await run({**payload, "previous": [json.loads(first.model_dump_json())]})

    assert again.changes is not None
    assert (again.changes.resolved, again.changes.appeared, again.changes.totals) == ((), (), ())
    assert again.discrepancies == first.discrepancies


async def test_a_day_is_a_day_of_the_time_zone() -> None:
    rows = [_plain("a", "50.00", date="2026-01-31T23:30:00+00:00"), _plain("b", "1.00")]
    payload = {**PERIOD, "period_start": "2025-12-31T23:00:00Z", "expected": rows, "actual": rows}
    payload["period_end"] = "2026-01-31T22:59:59Z"

    in_utc = await run(payload)
    in_berlin = await run({**payload, "time_zone": "Europe/Berlin"})

    assert in_utc.control_totals[0].input == Decimal("51.00")
    assert in_berlin.control_totals[0].input == Decimal("1.00")
    assert in_berlin.control_totals[0].out_of_period == Decimal("50.00")
    assert in_berlin.time_zone == "Europe/Berlin"


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(PayloadInvalid, match="no time zone 'Mars/Olympus'"):
        RECONCILE.parse_payload({**PERIOD, "time_zone": "Mars/Olympus"})


async def test_every_table_of_the_report_is_stored_as_csv_too() -> None:
    context = MemoryContext()

    result = await run(RECONCILE.examples[0], context)

    names = [output.name for output in result.outputs]
    stem = f"finops-reconcile-{context.job.job_id}"
    assert names == [
        f"{stem}.json",
        f"{stem}.md",
        f"{stem}.html",
        f"{stem}.csv",
        f"{stem}-control-totals.csv",
    ]
    assert context.artifacts.stored[f"{stem}-control-totals.csv"].startswith(b"side,currency,")


async def test_what_was_left_out_of_a_source_is_in_the_notes() -> None:
    charge = {
        "id": "ch_1",
        "object": "charge",
        "created": 1767700000,
        "amount": 5000,
        "currency": "eur",
        "invoice": "a",
    }
    failed = {**charge, "id": "ch_2", "status": "failed"}

    result = await run({**PERIOD, "expected": [_plain("a", "50.00")], "actual": [charge, failed]})

    assert result.discrepancies == ()
    assert result.notes == ("1 inline records are failed and were left out: they moved no money.",)


async def test_a_cloud_bill_is_reconciled_with_the_provider_s_invoice() -> None:
    charge = {
        "BilledCost": "60.00",
        "BillingCurrency": "EUR",
        "BillingPeriodStart": "2026-01-01T00:00:00Z",
        "BillingPeriodEnd": "2026-01-31T00:00:00Z",
        "InvoiceId": "F-1",
        "ChargeCategory": "Usage",
    }
    invoice = _plain("F-1", "120.00", customer=None, date="2026-01-31")

    result = await run({**PERIOD, "expected": [invoice], "actual": [charge, charge]})

    assert result.discrepancies == ()
    assert result.summary.matches == 1
