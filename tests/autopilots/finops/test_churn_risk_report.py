"""The job type `autopilot.finops.churn_risk_report`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobforge.autopilots.finops import CHURN_RISK_REPORT
from jobforge.autopilots.finops.churn.report_models import ChurnRiskResult
from jobforge.autopilots.finops.churn.views import revenue_at_risk, survival_curve
from jobforge.core.context import DatasetFile
from jobforge.core.data_source import FileSource, NamedDataset
from jobforge.core.errors import DatasetMissing, PayloadInvalid, SourceMalformed
from jobforge.testing.context import MemoryContext

GOLDEN = Path(__file__).parent / "golden"


async def run(payload: Mapping[str, Any], context: MemoryContext | None = None) -> ChurnRiskResult:
    assert CHURN_RISK_REPORT.handle is not None
    assert CHURN_RISK_REPORT.translate is not None
    parsed = CHURN_RISK_REPORT.parse_payload(CHURN_RISK_REPORT.translate(payload))
    return await CHURN_RISK_REPORT.handle(parsed, context or MemoryContext())


def history(count: int = 400) -> list[dict[str, Any]]:
    draw = np.random.default_rng(8)
    rows = []
    for n in range(count):
        monthly, months = bool(draw.random() < 0.5), int(draw.integers(1, 60))
        odds = -1.5 + (1.8 if monthly else 0) - 0.05 * months
        rows.append(
            {
                "customer_id": f"cus_{n:03d}",
                "plan": "monthly" if monthly else "yearly",
                "months": months,
                "mrr": f"{20 + n % 30}.00",
                "churned": "yes" if draw.random() < 1 / (1 + np.exp(-odds)) else "no",
            }
        )
    return rows


async def test_the_example_weighs_signals_and_says_that_it_only_ranks() -> None:
    result = await run(CHURN_RISK_REPORT.examples[0])

    golden = json.loads((GOLDEN / "churn_risk_report.json").read_text())
    assert json.loads(result.model_dump_json(exclude={"outputs"})) == golden
    assert not result.is_calibrated


async def test_with_labels_risks_are_probabilities_with_reasons_and_money() -> None:
    context = MemoryContext()
    context.data.datasets["accounts"] = history()

    result = await run({"mrr_column": "mrr", "tenure_column": "months"}, context)

    assert result.is_calibrated
    assert result.quality is not None
    assert result.quality.auc > 0.65
    first = result.at_risk_accounts[0]
    assert first.segment == "monthly"
    assert first.reasons
    assert first.recommendation
    assert result.revenue_at_risk is not None
    assert result.revenue_at_risk.low < result.revenue_at_risk.amount < result.revenue_at_risk.high
    assert [s.survival for s in result.survival] == sorted(
        (s.survival for s in result.survival), reverse=True
    )
    counts = result.risk_segments
    assert counts.high + counts.medium + counts.low == result.total_accounts_analyzed


async def test_new_accounts_are_scored_and_drift_is_named() -> None:
    context = MemoryContext()
    context.data.datasets["accounts"] = history()
    current = [
        {"customer_id": f"new_{n}", "plan": "monthly", "months": 1, "mrr": "30.00"}
        for n in range(50)
    ]

    result = await run({"accounts": current}, context)

    assert result.total_accounts_analyzed == 50
    assert "months" in {column.column for column in result.drift}


async def test_purchases_alone_are_weighed_by_their_silence() -> None:
    draw = np.random.default_rng(2)
    start, rows = date(2025, 1, 1), []
    for n in range(300):
        at, pace = float(draw.integers(0, 60)), float(draw.gamma(2.0, 15.0)) + 3
        while at < 365:
            day = start + timedelta(days=int(at))
            rows.append({"customer_id": f"cus_{n:03d}", "date": day.isoformat()})
            if draw.random() < 0.15:
                break
            at += float(draw.exponential(pace))
    rows += [
        {"customer_id": "silent", "date": (start + timedelta(days=5 * k)).isoformat()}
        for k in range(20)
    ]

    result = await run({"purchases": rows})

    assert result.method == "bg_nbd"
    assert not result.is_calibrated
    risks = {account.account_id: account.risk for account in result.at_risk_accounts}
    assert risks["silent"] > 0.95


async def test_the_modules_payload_reads_its_ledger_and_usage(tmp_path: Path) -> None:
    context = MemoryContext()
    ledger = {
        "computed_at": "2024-01-31T23:59:59Z",
        "customers": {"c": {"customer_id": "c", "payment_failure_count_30d": 3}},
    }
    path = tmp_path / "ledger.json"
    path.write_text(json.dumps(ledger))
    held = DatasetFile(path=path, format="json", checksum="sha256:0")
    context.data.files["ledger.json"] = held
    context.data.datasets["usage.json"] = [
        {"customer_id": "c", "metric_name": "calls", "current_value": 1, "previous_value": 10}
    ]
    file = {"type": "file", "format": "json"}
    module = {
        "operation": "churn_risk_report",
        "inputs": {
            "ledger": {**file, "path": "ledger.json"},
            "usage_metrics": {**file, "path": "usage.json"},
        },
        "output": {"report_path": "./output/churn.json"},
    }

    result = await run(module, context)

    (account,) = result.at_risk_accounts
    assert account.level == "high"
    assert [reason.factor for reason in account.reasons] == ["payment_failures", "usage_drop"]
    assert result.reference_date == date(2024, 1, 31)


async def test_missing_usage_does_not_count_as_good_usage() -> None:
    ledger = [{"customer_id": "c", "payment_failure_count_30d": 3}]
    moment = {"reference_date": "2026-01-31T00:00:00Z"}
    calm = [{"customer_id": "c", "current_value": 10, "previous_value": 10}]

    without = await run({**moment, "inputs": {"ledger": ledger}})
    with_usage = await run({**moment, "inputs": {"ledger": ledger, "usage_metrics": calm}})

    assert without.at_risk_accounts[0].risk > with_usage.at_risk_accounts[0].risk


async def test_reports_are_stored_in_every_form() -> None:
    context = MemoryContext()

    result = await run(CHURN_RISK_REPORT.examples[0], context)

    kinds = [output.type for output in result.outputs]
    assert kinds == [
        "churn_risk_report",
        "churn_risk_summary",
        "churn_risk_page",
        "churn_risk_table",
        "churn_risk_table",
    ]
    summary = context.artifacts.stored[result.outputs[1].name].decode()
    assert "| cus_1 |" in summary


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({}, DatasetMissing),
        ({"history": [{"customer_id": "c"}]}, SourceMalformed),
        ({"history": []}, SourceMalformed),
        ({"purchases": []}, SourceMalformed),
        ({"inputs": {"ledger": []}}, SourceMalformed),
        ({"inputs": {"ledger": [{"customer_id": "c"}]}}, SourceMalformed),
    ],
)
async def test_missing_data_is_an_error(payload: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await run(payload)


@pytest.mark.parametrize(
    "payload",
    [
        {"analysis_period_days": 6},
        {"segment_by": "custom"},
        {"history": "a", "purchases": "b"},
        {"options": {"max_accounts_in_report": 5}},
    ],
)
def test_a_payload_outside_the_contract_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        CHURN_RISK_REPORT.parse_payload(payload)


def test_the_sources_are_known_to_a_plan() -> None:
    plain = CHURN_RISK_REPORT.parse_payload({})
    module = CHURN_RISK_REPORT.parse_payload({"inputs": {"ledger": {"type": "file", "path": "l"}}})

    assert CHURN_RISK_REPORT.sources(plain) == (NamedDataset(name="accounts"),)
    assert CHURN_RISK_REPORT.sources(module) == (FileSource(path="l"),)


def test_survival_follows_kaplan_and_meier_by_hand() -> None:
    curve = survival_curve([1, 2, 2, 3, 4], [True, True, False, True, False])

    assert [(p.time, p.at_risk) for p in curve] == [(1, 5), (2, 4), (3, 2)]
    assert [p.survival for p in curve] == pytest.approx([0.8, 0.6, 0.3])


def test_certain_leavers_put_their_whole_revenue_at_risk() -> None:
    from decimal import Decimal

    amounts = revenue_at_risk([1.0, 0.0], [Decimal(30), Decimal(50)])

    assert amounts == (Decimal("30.00"), Decimal("30.00"), Decimal("30.00"))
