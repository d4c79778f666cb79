"""The job type `autopilot.finops.anomaly_scan`."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobforge.autopilots.finops import ANOMALY_SCAN
from jobforge.autopilots.finops.costs.generator import generate_costs
from jobforge.autopilots.finops.costs.report_models import AnomalyScanResult
from jobforge.core.context import DatasetFile
from jobforge.core.data_source import DataFormat, FileSource, NamedDataset
from jobforge.core.errors import DatasetMissing, InvalidInput, PayloadInvalid, SourceMalformed
from jobforge.testing.context import MemoryContext

GOLDEN = Path(__file__).parent / "golden"


async def run(
    payload: Mapping[str, Any], context: MemoryContext | None = None
) -> AnomalyScanResult:
    assert ANOMALY_SCAN.handle is not None
    assert ANOMALY_SCAN.translate is not None
    parsed = ANOMALY_SCAN.parse_payload(ANOMALY_SCAN.translate(payload))
    return await ANOMALY_SCAN.handle(parsed, context or MemoryContext())


def event(name: str, kind: str, day: int, **fields: object) -> dict[str, Any]:
    return {
        "event_id": name,
        "event_type": kind,
        "timestamp": f"2026-03-{day:02d}T10:00:00Z",
        "customer_id": "cus_1",
        "currency": "USD",
        **fields,
    }


async def kinds_of(*events: dict[str, Any], **payload: object) -> list[str]:
    result = await run({"events_source": list(events), **payload})
    return [a.kind for a in result.anomalies_detected]


def ledger(**customer: object) -> dict[str, Any]:
    subscription = {
        "subscription_id": "sub_1",
        "plan_id": "growth",
        "status": "active",
        "mrr_cents": 4900,
        "currency": "USD",
    }
    one = {
        "customer_id": "cus_1",
        "subscriptions": [subscription],
        "total_mrr_cents": 4900,
        "total_paid_cents": 4900,
        "last_payment_at": "2026-01-20T00:00:00Z",
        **customer,
    }
    return {"computed_at": "2026-01-31T00:00:00Z", "customers": {"cus_1": one}}


async def test_the_example_finds_the_invoice_that_was_paid_twice() -> None:
    result = await run(ANOMALY_SCAN.examples[0])

    golden = json.loads((GOLDEN / "anomaly_scan.json").read_text())
    assert json.loads(result.model_dump_json(exclude={"outputs"})) == golden


async def test_one_payment_announced_twice_is_no_double_charge() -> None:
    assert (
        await kinds_of(
            event("e1", "invoice_paid", 3, invoice_id="in_1", amount_cents=4900),
            event("e2", "payment_succeeded", 3, invoice_id="in_1", amount_cents=4900),
        )
        == []
    )


async def test_a_subscription_that_was_never_billed_is_named() -> None:
    found = await kinds_of(
        event("e1", "subscription_created", 2, subscription_id="s1", amount_cents=900),
        event("e2", "usage_recorded", 20),
    )

    assert found == ["missing_invoice"]


async def test_failed_payments_count_against_all_attempts() -> None:
    tries = [event(f"f{n}", "payment_failed", n + 1) for n in range(3)]

    assert await kinds_of(*tries) == ["payment_failure_spike"]
    assert await kinds_of(tries[0], event("p", "usage_recorded", 9)) == []


async def test_refunds_are_a_spike_only_above_what_is_usual() -> None:
    pay = event("p", "payment_succeeded", 20, invoice_id="in_0", amount_cents=500_000)
    back = event("r", "refund_issued", 21, invoice_id="in_0", amount_cents=200_000)
    older = [
        {
            **event(f"o{n}", "refund_issued", 1, invoice_id=f"in_o{n}", amount_cents=190_000),
            "timestamp": f"2026-0{n}-05T10:00:00Z",
        }
        for n in (1, 2)
    ]

    assert await kinds_of(pay, back) == ["refund_spike"]
    assert await kinds_of(pay, back, *older) == []


async def test_cancelled_before_created_is_out_of_sequence() -> None:
    found = await kinds_of(
        event("e2", "subscription_created", 9, subscription_id="s1"),
        event("e1", "subscription_cancelled", 5, subscription_id="s1"),
    )

    assert found == ["out_of_sequence"]


async def test_dates_count_back_from_the_data_never_from_today() -> None:
    events = [event(f"f{n}", "payment_failed", n + 1) for n in range(3)]
    later = {"reference_date": "2026-08-01T00:00:00Z"}

    assert await kinds_of(*events) == ["payment_failure_spike"]
    assert await kinds_of(*events, **later) == []


async def test_a_ledger_whose_sums_do_not_add_up_is_reported(tmp_path: Path) -> None:
    context = MemoryContext()
    path = tmp_path / "ledger.json"
    path.write_text(json.dumps(ledger(total_mrr_cents=9900)))
    held = DatasetFile(path=path, format="json", checksum="sha256:0")
    context.data.files["./fixtures/ledger.json"] = held
    module = {
        "operation": "anomaly_scan",
        "ledger_source": {"type": "file", "path": "./fixtures/ledger.json", "format": "json"},
        "output": {"anomalies_path": "./output/a.json"},
    }

    result = await run(module, context)

    assert [(a.kind, a.amount) for a in result.anomalies_detected] == [
        ("mrr_discrepancy", Decimal("50.00"))
    ]
    assert result.reference_date == date(2026, 1, 31)


@pytest.mark.parametrize("text", ["[1]", "{", '{"customers": NaN}', '"text"'])
async def test_a_ledger_file_that_is_no_document_is_an_error(tmp_path: Path, text: str) -> None:
    context = MemoryContext()
    path = tmp_path / "ledger.json"
    path.write_text(text)
    held = DatasetFile(path=path, format="json", checksum="sha256:0")
    context.data.files["ledger.json"] = held

    with pytest.raises(SourceMalformed):
        await run({"ledger_source": {"type": "file", "path": "ledger.json"}}, context)


@pytest.mark.parametrize(
    ("customer", "kind"),
    [
        ({"payment_failure_count_30d": 4}, "payment_failure_spike"),
        ({"total_refunded_cents": 200_000}, "refund_spike"),
        ({"total_paid_cents": 0, "last_payment_at": None}, "missing_invoice"),
    ],
)
async def test_a_ledger_shows_customers_that_need_a_look(
    customer: dict[str, Any], kind: str
) -> None:
    result = await run({"ledger_source": [ledger(**customer)]})

    assert [a.kind for a in result.anomalies_detected] == [kind]


def with_file(path: Path, form: DataFormat) -> MemoryContext:
    context = MemoryContext()
    context.data.files["costs"] = DatasetFile(path=path, format=form, checksum="sha256:0")
    return context


def write_costs(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


async def test_costs_are_scanned_with_forecast_pages_and_table(tmp_path: Path) -> None:
    truth = generate_costs(seed=3, accounts=2, days=150, breaks_per_account=2)
    write_costs(tmp_path / "costs.csv", truth.rows)
    context = with_file(tmp_path / "costs.csv", "csv")

    result = await run({"time_range": "90d", "scan_type": "cost"}, context)

    services = {a.group for a in result.anomalies_detected}
    assert {b.service for b in truth.breaks if (date(2026, 6, 3) - b.start).days < 60} <= services
    assert result.forecast is not None
    assert result.forecast.next_period_estimate > 0
    kinds = [output.type for output in result.outputs]
    assert kinds[:3] == ["anomaly_scan_report", "anomaly_summary", "anomaly_page"]
    assert set(kinds[3:]) == {"anomaly_table"}
    page = context.artifacts.stored[result.outputs[2].name].decode()
    assert "<svg" in page
    assert "http" not in page


async def test_a_file_of_any_form_gives_what_its_rows_give(tmp_path: Path) -> None:
    rows = generate_costs(seed=4, accounts=1, days=120, breaks_per_account=2).rows
    write_costs(tmp_path / "costs.csv", rows)
    with duckdb.connect() as connection:
        copy = "COPY (FROM read_csv($from)) TO '" + str(tmp_path / "costs.parquet") + "'"
        connection.execute(copy, {"from": str(tmp_path / "costs.csv")})
    payload = {"time_range": "90d", "scan_type": "cost"}
    plain = [{k: str(v) for k, v in row.items() if k != "ChargePeriodEnd"} for row in rows]

    inline = await run({**payload, "costs": plain})
    from_csv = await run(payload, with_file(tmp_path / "costs.csv", "csv"))
    from_parquet = await run(payload, with_file(tmp_path / "costs.parquet", "parquet"))

    assert inline.anomalies_detected
    assert from_csv.anomalies_detected == inline.anomalies_detected
    assert from_parquet.anomalies_detected == inline.anomalies_detected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no ChargePeriodStart"),
        ("ChargePeriodStart,BilledCost\n2026-01-01,cheap\n", "a readable cost table"),
        ("ChargePeriodStart,BilledCost\nsoon,1.00\n", "a readable cost table"),
        ("ChargePeriodStart,BilledCost\n", "no cost rows"),
    ],
)
async def test_a_file_that_is_no_bill_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(text)

    with pytest.raises(SourceMalformed, match=message):
        await run({"scan_type": "cost"}, with_file(path, "csv"))


async def test_teams_are_taken_from_the_tags() -> None:
    rows = [
        {
            "ChargePeriodStart": (date(2026, 1, 1) + timedelta(days=n)).isoformat(),
            "BilledCost": "10.00" if n != 50 else "900.00",
            "ServiceName": "Compute",
            "Tags": '{"team": "search"}',
        }
        for n in range(56)
    ]

    result = await run({"costs": rows, "options": {"group_by": ["team"]}, "scan_type": "cost"})

    assert [a.group for a in result.anomalies_detected] == ["search"]


def tagged_rows(spike: int = 50, **fields: str) -> list[dict[str, Any]]:
    """56 days of two accounts; on one day account a1 costs 890 more."""
    return [
        {
            "ChargePeriodStart": (date(2026, 1, 1) + timedelta(days=n)).isoformat(),
            "BilledCost": "900.00" if (n, account) == (spike, "a1") else "10.00",
            "SubAccountId": account,
            "ServiceName": "Compute",
            "Tags": '{"cost-center": "%s"}' % ("red" if account == "a1" else "blue"),
            **fields,
        }
        for n in range(56)
        for account in ("a1", "a2")
    ]


@pytest.mark.parametrize(
    ("group", "account", "value"),
    [
        ("total", "(all)", "(all)"),
        ("account", "a1", "(all)"),
        ("service", "a1", "Compute"),
        ("tag:cost-center", "a1", "red"),
        ("feature", "a1", "(untagged)"),
    ],
)
async def test_costs_are_split_by_total_account_service_and_any_tag(
    group: str, account: str, value: str
) -> None:
    options = {"group_by": [group]}

    result = await run({"costs": tagged_rows(), "options": options, "scan_type": "cost"})

    (found,) = result.anomalies_detected
    assert (found.account, found.group, found.grouped_by) == (account, value, group)
    if group == "total":
        assert [(p.dimension, p.value) for p in found.contributors] == [("Account", "a1")]


async def test_tags_of_a_file_are_read_as_those_of_rows(tmp_path: Path) -> None:
    write_costs(tmp_path / "costs.csv", tagged_rows())
    payload = {"options": {"group_by": ["tag:cost-center"]}, "scan_type": "cost"}

    result = await run(payload, with_file(tmp_path / "costs.csv", "csv"))

    assert [a.group for a in result.anomalies_detected] == ["red"]


async def test_the_same_money_seen_by_two_groupings_counts_once() -> None:
    options = {"group_by": ["total", "account", "service"]}

    result = await run({"costs": tagged_rows(), "options": options, "scan_type": "cost"})

    assert result.total_anomaly_count == 3
    assert result.total_anomaly_amount == Decimal("890.00")


async def test_a_known_change_is_left_out_and_counted() -> None:
    change = {"start": "2026-02-19", "end": "2026-02-21", "account": "a1", "note": "load test"}

    result = await run({"costs": tagged_rows(), "scan_type": "cost", "known_changes": [change]})

    assert result.anomalies_detected == ()
    assert result.notes == ("1 anomalies begin in a known change; left out.",)


async def test_feedback_raises_the_limits_of_its_series_only() -> None:
    no = {"account": "a1", "service": "Compute", "is_real": False}
    other = {**no, "account": "a2"}
    rows = tagged_rows()
    small = [{**r, "BilledCost": "30.00"} if r["BilledCost"] == "900.00" else r for r in rows]

    heard = await run({"costs": small, "scan_type": "cost", "feedback": [no] * 4})
    unheard = await run({"costs": small, "scan_type": "cost", "feedback": [other] * 4})

    assert heard.anomalies_detected == ()
    assert len(unheard.anomalies_detected) == 1


async def test_a_cost_file_is_judged_by_the_rules_of_focus_when_asked(tmp_path: Path) -> None:
    write_costs(tmp_path / "costs.csv", tagged_rows())
    context = with_file(tmp_path / "costs.csv", "csv")

    result = await run({"scan_type": "cost", "focus_version": "1.0"}, context)

    assert result.focus is not None
    assert (result.focus.version, result.focus.rows) == ("1.0", 112)
    assert result.focus.failed_rules["EffectiveCost_Required"] == 1
    assert result.focus.passed + result.focus.failed + result.focus.not_judged == 133


async def test_usage_without_quantities_is_an_error() -> None:
    row = {"ChargePeriodStart": "2026-01-01", "BilledCost": "1.00", "ServiceName": "Compute"}

    with pytest.raises(SourceMalformed, match="no usage to scan"):
        await run({"costs": [row], "scan_type": "usage"})


async def test_without_data_nothing_is_called_normal() -> None:
    with pytest.raises(DatasetMissing):
        await run({})
    with pytest.raises(InvalidInput):
        await run({"costs": []})


async def test_a_ledger_without_a_date_needs_a_reference_date() -> None:
    undated = {"customers": ledger()["customers"]}

    with pytest.raises(SourceMalformed, match="does not say when"):
        await run({"ledger_source": [undated]})


def test_the_sources_are_known_to_a_plan() -> None:
    plain = ANOMALY_SCAN.parse_payload({})
    module = ANOMALY_SCAN.parse_payload({"ledger_source": {"type": "file", "path": "l.json"}})

    assert ANOMALY_SCAN.sources(plain) == (NamedDataset(name="costs"),)
    assert ANOMALY_SCAN.sources(module) == (FileSource(path="l.json"),)


@pytest.mark.parametrize(
    "payload",
    [
        {"time_range": "2d"},
        {"sensitivity": "extreme"},
        {"options": {"group_by": ["planet"]}},
        {"options": {"group_by": ["tag:"]}},
        {"options": {"group_by": ['tag:a"b']}},
        {"known_changes": [{"account": "a1"}]},
        {"feedback": [{"account": "a1", "is_real": False}]},
        {"focus_version": "0.5"},
        {"options": {"min_anomaly_amount": -1}},
        {"surprise": True},
    ],
)
def test_a_payload_outside_the_contract_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        ANOMALY_SCAN.parse_payload(payload)
