"""Wide tables of metrics, and incidents of a shop in that form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.ops import diagnose_metrics
from jobforge.autopilots.ops.rca.series_rows import series_of, series_of_table, split_column
from jobforge.core.errors import SourceMalformed

CALLERS = {
    "front-end": (), "orders": ("front-end",), "carts": ("front-end", "orders"),
    "catalogue": ("front-end",), "user": ("front-end", "orders"),
    "payment": ("orders", "front-end"), "queue-master": (),
}  # fmt: skip
POINTS, START = 600, 400


def shop(fault: str, at: str, seed: int) -> dict[str, Any]:
    """Ten minutes of a shop, a column a series; from `START` on one service has the fault."""
    random = np.random.default_rng(seed)
    now = np.arange(POINTS) >= START
    table: dict[str, Any] = {"time": 1.7e9 + np.arange(POINTS)}
    wave = 1 + 0.2 * np.sin(np.arange(POINTS) / 60) + 0.05 * random.standard_normal(POINTS)
    for service in CALLERS:
        is_slow = service == at or service in CALLERS[at]
        slower = (3.0 if service == at else 1.8) if is_slow and fault in {"cpu", "delay"} else 1.0
        noise = random.standard_normal((4, POINTS))
        cpu = 0.3 * wave + 0.03 * noise[0]
        memory = 2e8 + 1e6 * noise[1]
        latency = 0.02 * wave * np.exp(0.2 * noise[2]) * np.where(now, slower, 1.0)
        if service == at and fault == "cpu":
            cpu = np.where(now, 0.9 + 0.05 * noise[0], cpu)
        if service == at and fault == "memory":
            memory = memory + np.where(now, 5e5 * (np.arange(POINTS) - START), 0.0)
        table[f"{service}_cpu"] = np.maximum(cpu, 0)
        table[f"{service}_mem"] = memory
        table[f"{service}_latency"] = latency
        table[f"{service}_load"] = np.maximum(50 * wave + 3 * noise[3], 0)
        table[f"{service}_error"] = np.zeros(POINTS)
    return table


@pytest.mark.parametrize("fault", ["cpu", "memory", "delay"])
def test_the_faulty_service_is_found_in_a_wide_table(fault: str) -> None:
    places = []
    for seed in range(3):
        for service in CALLERS:
            found = diagnose_metrics(shop(fault, service, seed), incident_start=1.7e9 + START)
            places.append(found.ranked_services.index(service))

    assert np.mean([place < 1 for place in places]) >= 0.75
    assert np.mean([place < 3 for place in places]) >= 0.96
    assert max(places) < 5


def test_columns_that_never_change_and_gaps_do_no_harm() -> None:
    table = shop("cpu", "carts", 1)
    table["carts_threads"] = np.full(POINTS, 7.0)
    table["user_cpu"] = np.where(np.arange(POINTS) % 7 == 0, np.nan, table["user_cpu"])
    table["user_sockets"] = np.full(POINTS, np.nan)

    found = diagnose_metrics(table, incident_start=1.7e9 + START)

    assert found.ranked_services[0] == "carts"
    assert found.ranked_metrics[0].metric == "cpu"


@pytest.mark.parametrize(
    ("column", "parts"),
    [
        ("carts_cpu", ("carts", "cpu", None)),
        ("front-end_latency", ("front-end", "latency", None)),
        ("user_db_mem", ("user_db", "mem", None)),
        ("web_latency_p99", ("web", "latency", "p99")),
        ("web_latency_90", ("web", "latency", "90")),
        ("cpu_total", ("cpu", "total", None)),
        ("carts", None),
        ("_cpu", None),
        ("carts_", None),
    ],
)
def test_a_column_names_a_service_a_metric_and_perhaps_a_statistic(
    column: str, parts: tuple[str, str, str | None] | None
) -> None:
    assert split_column(column) == parts


@given(st.text(max_size=30))
def test_any_column_splits_into_parts_that_it_consists_of(column: str) -> None:
    parts = split_column(column)

    if parts is not None:
        assert "_".join(part for part in parts if part is not None) == column


def test_rows_and_columns_of_a_wide_table_give_the_same_series() -> None:
    columns = {"time": [30.0, 10.0, 20.0], "a_cpu": [3.0, 1.0, 2.0], "b_mem": [6.0, 4.0, 5.0]}
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]

    by_rows, by_columns = series_of(rows), series_of_table(columns)

    assert [(s.service, s.metric) for s in by_rows] == [("a", "cpu"), ("b", "mem")]
    for one, other in zip(by_rows, by_columns, strict=True):
        assert one.service == other.service
        assert list(one.timestamps) == list(other.timestamps) == [10.0, 20.0, 30.0]
        assert list(one.values) == list(other.values)


def test_a_table_without_a_time_or_a_series_is_refused() -> None:
    with pytest.raises(SourceMalformed, match="no column timestamp"):
        series_of_table({"a_cpu": [1.0]})
    with pytest.raises(SourceMalformed, match="no column is named"):
        series_of_table({"time": [1.0], "cpu": [1.0]})
    with pytest.raises(SourceMalformed, match="neither columns"):
        series_of([{"time": 1.0, "cpu": 1.0}])
    with pytest.raises(SourceMalformed, match="row 0: a_cpu 'much' is no number"):
        series_of([{"time": 1.0, "a_cpu": "much"}])
