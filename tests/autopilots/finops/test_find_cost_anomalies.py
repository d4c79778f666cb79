"""The public `find_cost_anomalies`."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from jobforge.autopilots.finops import find_cost_anomalies
from jobforge.autopilots.finops.costs.generator import generate_costs, score_findings
from jobforge.core.errors import InvalidInput

START = date(2026, 1, 5)


def bill(
    costs: list[float], service: str = "Compute", account: str = "a1", region: str = "north"
) -> list[dict[str, Any]]:
    """One row a day; amounts vary by a few percent with the weekday."""
    return [
        {
            "ChargePeriodStart": (START + timedelta(days=n)).isoformat(),
            "BilledCost": Decimal(str(round(cost * (1 + 0.01 * ((n * 3) % 7)), 4))),
            "BillingCurrency": "USD",
            "SubAccountId": account,
            "ServiceName": service,
            "RegionId": region,
        }
        for n, cost in enumerate(costs)
        if cost
    ]


def day(n: int) -> date:
    return START + timedelta(days=n)


def test_a_spike_names_account_service_region_and_amount() -> None:
    rows = bill([100.0] * 90) + bill([0.0] * 60 + [400.0] + [0.0] * 29, region="south")

    (found,) = find_cost_anomalies(rows)

    assert (found.kind, found.account, found.service) == ("spike", "a1", "Compute")
    assert (found.start, found.end) == (day(60), day(60))
    assert 380 < found.impact < 440
    assert (found.contributors[0].dimension, found.contributors[0].value) == ("RegionId", "south")


@pytest.mark.parametrize(
    ("kind", "costs", "start"),
    [
        ("level_shift", [100.0] * 60 + [180.0] * 40, 60),
        ("level_shift", [100.0] * 60 + [40.0] * 40, 60),
        ("new_service", [0.0] * 50 + [30.0] * 50, 50),
        ("vanished_service", [80.0] * 70 + [0.0] * 30, 70),
    ],
)
def test_each_kind_of_change_is_told_apart(kind: str, costs: list[float], start: int) -> None:
    steady = bill([50.0] * 100, service="Storage")

    (found,) = find_cost_anomalies(steady + bill(costs))

    assert (found.kind, found.service, found.start) == (kind, "Compute", day(start))


def test_a_slow_rise_is_a_drift() -> None:
    rising = [100 + 100 * min(max(n - 70, 0) / 35, 1) for n in range(130)]

    found = find_cost_anomalies(bill(rising))

    assert [a.kind for a in found] == ["drift"]
    assert 60 <= (found[0].start - START).days <= 85


def test_weekends_and_monthly_fees_are_no_anomalies() -> None:
    costs = [
        (60.0 if day(n).weekday() >= 5 else 100.0) + (300.0 if day(n).day == 1 else 0.0)
        for n in range(150)
    ]

    assert find_cost_anomalies(bill(costs)) == []


def test_small_money_is_no_alert() -> None:
    assert find_cost_anomalies(bill([0.02] * 60 + [0.9] + [0.02] * 30)) == []


def test_moves_that_cancel_out_in_the_total_name_each_other() -> None:
    rows = bill([100.0] * 60 + [20.0] * 40) + bill([50.0] * 60 + [130.0] * 40, service="Batch")

    found = find_cost_anomalies(rows)

    assert {a.service: a.offset_by for a in found} == {
        "Batch": ("Compute",),
        "Compute": ("Batch",),
    }
    assert len({a.group for a in found}) == 1


def test_a_service_that_moves_to_another_account_is_named_on_both_sides() -> None:
    rows = bill([100.0] * 60 + [20.0] * 40) + bill([50.0] * 60 + [130.0] * 40, account="a2")

    found = find_cost_anomalies(rows)

    assert {a.account: a.offset_by for a in found} == {
        "a1": ("Compute of a2",),
        "a2": ("Compute of a1",),
    }


def test_moves_of_different_services_in_different_accounts_do_not_hide_each_other() -> None:
    rows = bill([100.0] * 60 + [20.0] * 40)
    rows += bill([50.0] * 60 + [130.0] * 40, service="Batch", account="a2")

    assert [a.offset_by for a in find_cost_anomalies(rows)] == [(), ()]


def test_commitments_billed_on_the_last_day_of_each_month_are_no_anomalies() -> None:
    costs = [100.0 + (400.0 if day(n + 1).day == 1 else 0.0) for n in range(150)]

    assert find_cost_anomalies(bill(costs)) == []


def test_a_commitment_billed_once_a_year_is_no_anomaly_the_second_time() -> None:
    yearly = {date(2026, 6, 15), date(2027, 6, 15)}
    costs = [100.0 + (900.0 if day(n) in yearly else 0.0) for n in range(560)]
    once = [100.0 + (900.0 if day(n) == date(2026, 6, 15) else 0.0) for n in range(560)]

    assert find_cost_anomalies(bill(costs)) == []
    assert [a.start for a in find_cost_anomalies(bill(once))] == [date(2026, 6, 15)]


def test_a_commitment_that_runs_out_says_so() -> None:
    used = bill([100.0] * 60 + [0.0] * 40)
    for row in used:
        row["CommitmentDiscountStatus"] = "Used"
    on_demand = bill([20.0] * 60 + [220.0] * 40)

    (found,) = find_cost_anomalies(used + on_demand)

    assert (found.kind, found.start) == ("level_shift", day(60))


def test_a_known_change_is_left_out() -> None:
    rows = bill([100.0] * 60 + [180.0] * 40)
    change = {"start": day(59).isoformat(), "end": day(62).isoformat(), "service": "Compute"}

    assert find_cost_anomalies(rows, known_changes=[change]) == []
    assert find_cost_anomalies(rows, known_changes=[{**change, "service": "Other"}])


def test_what_was_called_no_problem_before_must_be_larger_next_time() -> None:
    rows = bill([100.0] * 60 + [145.0] + [100.0] * 30)
    no = {"account": "a1", "service": "Compute", "is_real": False}

    assert len(find_cost_anomalies(rows)) == 1
    assert find_cost_anomalies(rows, feedback=[no] * 4) == []


def test_on_generated_bills_it_finds_the_breaks_and_little_else() -> None:
    truth = generate_costs(seed=41, accounts=4)

    score = score_findings(truth, find_cost_anomalies(truth.rows))

    assert score.f1 >= 0.9
    assert score.false_alerts_per_account_month <= 1
    assert score.right_place >= 0.95


def test_a_bill_in_which_days_are_missing_is_refused() -> None:
    rows = bill([100.0] * 60 + [0.0] * 5 + [100.0] * 35)

    with pytest.raises(InvalidInput, match=f"no row for 5 days, the first {day(60)}"):
        find_cost_anomalies(rows)

    free = [{**rows[0], "ChargePeriodStart": str(day(n)), "BilledCost": "0"} for n in range(60, 65)]
    assert [a.kind for a in find_cost_anomalies(rows + free)] == ["spike"]


def test_a_bill_of_working_days_has_no_missing_days() -> None:
    rows = [
        row
        for row in bill([100.0] * 100)
        if date.fromisoformat(row["ChargePeriodStart"]).weekday() < 5
    ]

    assert find_cost_anomalies(rows) == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no cost rows"),
        ([{"ChargePeriodStart": "2026-01-01"}], "neither EffectiveCost nor BilledCost"),
        ([{"BilledCost": "1"}], "ChargePeriodStart: None is not a date"),
        ([{"BilledCost": "NaN", "ChargePeriodStart": "2026-01-01"}], "not a finite amount"),
        (
            [
                {"BilledCost": "1", "ChargePeriodStart": "2026-01-01", "BillingCurrency": code}
                for code in ("EUR", "USD")
            ],
            "mix currencies",
        ),
    ],
)
def test_rows_that_cannot_be_scanned_are_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        find_cost_anomalies(rows)
