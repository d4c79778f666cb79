"""Churn with a horizon: labels that are known, and judging by what was known before."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.finops import CHURN_RISK_REPORT, ChurnModel
from jobforge.autopilots.finops.churn.report_models import ChurnRiskResult
from jobforge.autopilots.finops.churn.snapshots import LabelColumns, read_labels
from jobforge.autopilots.finops.churn.time_split import split_by_time
from jobforge.core.errors import InvalidInput, PayloadInvalid, SourceMalformed
from jobforge.testing.context import MemoryContext

FIRST = date(2025, 1, 1)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def snapshots(count: int = 700, *, flips_at: int | None = None) -> list[dict[str, Any]]:
    """One row a customer on a day of its own; monthly plans leave more, until `flips_at`."""
    draw = np.random.default_rng(5)
    rows = []
    for n in range(count):
        plan = str(draw.choice(["monthly", "yearly"]))
        seats = int(draw.integers(1, 40))
        risky = plan == ("monthly" if flips_at is None or n < flips_at else "yearly")
        leaves = draw.random() < (0.7 if risky else 0.1)
        snapshot = day(n * 360 // count)
        rows.append(
            {
                "customer_id": f"c{n}",
                "plan": plan,
                "seats": seats,
                "snapshot": snapshot.isoformat(),
                "left_at": (snapshot + timedelta(days=20)).isoformat() if leaves else "",
                "mrr": "10.00",
            }
        )
    return rows


async def run(rows: list[dict[str, Any]], **payload: object) -> ChurnRiskResult:
    assert CHURN_RISK_REPORT.handle is not None
    asked = {
        "history": "history",
        "snapshot_column": "snapshot",
        "left_at_column": "left_at",
        "horizon_days": 30,
        **payload,
    }
    context = MemoryContext()
    context.data.datasets["history"] = rows
    return await CHURN_RISK_REPORT.handle(CHURN_RISK_REPORT.parse_payload(asked), context)


async def test_the_report_states_horizon_split_and_the_day_it_was_judged_from() -> None:
    result = await run(snapshots())

    assert result.horizon_days == 30
    assert result.quality is not None
    assert result.quality.split == "by_time"
    assert result.quality.judged_from is not None
    assert result.quality.judged_from > day(240)
    assert result.quality.auc > 0.75
    assert result.quality.customers < 700


async def test_a_world_that_turned_is_seen_by_time_and_not_by_random_folds() -> None:
    rows = snapshots(flips_at=545)
    labelled = [{**row, "churned": bool(row["left_at"])} for row in rows]

    by_time = await run(rows)
    at_random = await run(
        labelled,
        snapshot_column=None,
        left_at_column=None,
        horizon_days=None,
        exclude_columns=["left_at", "snapshot"],
    )

    assert by_time.quality is not None
    assert at_random.quality is not None
    assert by_time.quality.auc < 0.5 < at_random.quality.auc
    assert at_random.quality.split == "random_folds"
    assert "not of a later time" in at_random.notes[0]


async def test_labels_that_are_not_known_yet_are_left_out_and_counted() -> None:
    result = await run(snapshots(), reference_date="2025-12-26T00:00:00Z")

    assert any("is not known on 2025-12-26" in note for note in result.notes)


async def test_who_has_not_left_is_scored_also_where_the_label_is_not_known_yet() -> None:
    rows = snapshots()

    result = await run(rows, risk_threshold="low")

    scored = {account.account_id for account in result.at_risk_accounts}
    assert scored == {row["customer_id"] for row in rows if not row["left_at"]}


def test_of_several_snapshots_the_newest_is_scored() -> None:
    rows = [{**row(n, None), "customer_id": "c1", "n": n} for n in (40, 0, 20)]
    rows.append({**row(0, 10), "customer_id": "c2", "n": 0})

    found = read_labels(
        rows, LabelColumns("", "customer_id", "snapshot", "left_at", 30), known_until=None
    )

    assert [(r["customer_id"], r["n"]) for r in found.present] == [("c1", 40)]


def label(*rows: dict[str, Any], until: date | None = None) -> tuple[list[bool], tuple[str, ...]]:
    columns = LabelColumns("churned", "customer_id", "snapshot", "left_at", 30)
    found = read_labels(list(rows), columns, known_until=until)
    return found.left, found.notes


def row(snapshot: int, left_at: int | None = None) -> dict[str, Any]:
    left = "" if left_at is None else day(left_at).isoformat()
    return {"snapshot": day(snapshot).isoformat(), "left_at": left}


def test_leaving_within_the_horizon_is_the_label() -> None:
    left, _ = label(row(0, 10), row(0, 30), row(0, 31), row(0), until=day(200))

    assert left == [True, True, False, False]


def test_who_had_left_before_is_no_customer() -> None:
    left, notes = label(row(50, 40), row(50, 60), until=day(200))

    assert left == [True]
    assert notes == ("1 rows of customers who had left before were left out.",)


def test_a_late_row_counts_only_if_it_is_settled() -> None:
    left, notes = label(row(0), row(90, 95), row(90), until=day(100))

    assert left == [False, True]
    assert notes == (
        "1 rows were left out: whether they leave within 30 days is not known on 2025-04-11.",
    )


@given(
    st.lists(st.integers(0, 400), min_size=300, max_size=600),
    st.integers(0, 60),
)
def test_nothing_is_learned_from_that_was_not_known_before_the_block(
    offsets: list[int], horizon: int
) -> None:
    moments = [day(offset) for offset in offsets]
    try:
        split = split_by_time(moments, horizon)
    except InvalidInput:
        return

    judged: list[int] = []
    for seen, block in split:
        start = min(moments[i] for i in block)
        assert all(moments[i] + timedelta(days=horizon) <= start for i in seen)
        judged += block.tolist()
    assert len(judged) == len(set(judged))
    assert split.judged_from == min(moments[i] for i in split.blocks[-1][1])


def test_days_that_are_too_close_together_allow_no_split() -> None:
    rows = [{"plan": "a" if n % 3 else "b", "seats": n % 9} for n in range(300)]
    left = [n % 4 == 0 for n in range(300)]

    with pytest.raises(InvalidInput, match="no split by time"):
        ChurnModel.fit(rows, left, moments=[FIRST] * 300, horizon_days=30)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"snapshot": "2025-01-01"}], "no column 'left_at'"),
        ([{"left_at": ""}], "no column 'snapshot'"),
        ([row(0), {**row(0), "snapshot": ""}], "customer 1 has no snapshot"),
        ([row(0)], "no row of the history has a label that is known"),
    ],
)
def test_a_history_that_says_too_little_is_refused(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(SourceMalformed, match=said):
        label(*rows)


def test_a_day_of_leaving_needs_a_snapshot_and_a_horizon() -> None:
    with pytest.raises(PayloadInvalid, match="needs snapshot_column and horizon_days"):
        CHURN_RISK_REPORT.parse_payload({"history": "h", "left_at_column": "left_at"})


def contacted(rows: list[dict[str, Any]], *, after: int) -> list[dict[str, Any]]:
    """Every third customer was written to, `after` days after the day his row describes."""
    return [
        {
            **row,
            "last_contact": ""
            if n % 3
            else (date.fromisoformat(row["snapshot"]) + timedelta(days=after)).isoformat(),
        }
        for n, row in enumerate(rows)
    ]


async def test_a_column_with_days_after_the_snapshot_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"column last_contact .* customer 0 .* 2025-01-05"):
        await run(contacted(snapshots(), after=4))

    assert (await run(contacted(snapshots(), after=0))).quality is not None


async def test_a_day_that_was_planned_ahead_is_excluded_by_name() -> None:
    planned = await run(contacted(snapshots(), after=90), exclude_columns=["last_contact"])

    assert planned.quality is not None


async def test_without_snapshots_no_day_lies_after_the_reference_date() -> None:
    rows = [
        {k: v for k, v in row.items() if k not in ("snapshot", "left_at")}
        | {"churned": bool(row["left_at"])}
        for row in contacted(snapshots(), after=4)
    ]
    asked = {"snapshot_column": None, "left_at_column": None, "horizon_days": None}

    with pytest.raises(InvalidInput, match="column last_contact was written after the fact"):
        await run(rows, **asked, reference_date="2025-06-01T00:00:00Z")

    known = await run(rows, **asked, reference_date="2026-06-01T00:00:00Z")
    assert known.quality is not None
