"""Tests of `diagnose_metrics` on systems of our own making and on recorded incidents."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.ops import MetricSeries, diagnose_metrics
from jobforge.core.errors import PayloadInvalid, SourceMalformed

RECORDED = Path(__file__).parents[5] / "shared/datasets/petshop"
CALLS = (("web", "cart"), ("web", "search"), ("cart", "db"))
START = 200
TARGET = {"service": "web", "metric": "latency"}


def shop(*, slow: str | None = None, by: float = 0.1, seed: int = 1) -> list[dict[str, Any]]:
    """Latency and requests of four services; `slow` costs its callers what it costs itself."""
    random = np.random.default_rng(seed)
    requests = {"web": 100.0, "cart": 60.0, "search": 80.0, "db": 120.0}
    latency = {"web": 0.2, "cart": 0.05, "search": 0.02, "db": 0.01}
    paths = {"db": ("db", "cart", "web"), "cart": ("cart", "web"), "search": ("search", "web")}
    series = []
    for service, usual in latency.items():
        values = usual * (1 + 0.03 * random.standard_normal(START + 5))
        if slow is not None and service in paths.get(slow, (slow,)):
            values[START + 1 : START + 4] += by * requests[slow] / requests[service]
        series.append(_series(service, "latency", values))
        series.append(_series(service, "requests", np.full(START + 5, requests[service])))
    return series


def _series(service: str, metric: str, values: Any) -> dict[str, Any]:  # noqa: ANN401 (an array)
    times = 60.0 * np.arange(len(values))
    return {"service": service, "metric": metric, "timestamps": times, "values": values}


@pytest.mark.parametrize("slow", ["web", "cart", "search", "db"])
def test_the_service_that_costs_the_time_is_named_not_its_callers(slow: str) -> None:
    diagnosis = diagnose_metrics(
        shop(slow=slow), target=TARGET, topology=CALLS, incident_start=60.0 * START
    )

    assert diagnosis.abstained is False
    assert diagnosis.ranked_services[0] == slow
    assert diagnosis.method == "impact"
    leader = diagnosis.hypotheses[0]
    assert leader.service == slow
    assert 0 < leader.confidence <= 1
    assert "of web's latency" in leader.evidence_for[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_normal_window_names_no_cause(seed: int) -> None:
    for topology in (CALLS, None):
        diagnosis = diagnose_metrics(
            shop(seed=seed), target=TARGET, topology=topology, incident_start=60.0 * START
        )

        assert diagnosis.abstained is True
        assert diagnosis.ranked_services == []
        assert diagnosis.hypotheses == []
        assert diagnosis.reason


def test_a_shift_in_the_past_that_came_often_is_no_incident() -> None:
    series = shop(slow="search")
    for item in series:
        if item["metric"] == "latency" and item["service"] in {"search", "web"}:
            burst = item["values"][START + 1 : START + 4].copy()
            for begin in range(5, START - 10, 12):
                item["values"][begin : begin + 3] = burst

    diagnosis = diagnose_metrics(series, target=TARGET, topology=CALLS, incident_start=60.0 * START)

    assert diagnosis.abstained is True


def resources(*, hog: str | None, kind: str = "cpu", seed: int = 0) -> list[dict[str, Any]]:
    """CPU, memory, latency and load of five services, without a topology."""
    random = np.random.default_rng(seed)
    series = []
    for number, service in enumerate(("web", "cart", "search", "db", "mail")):
        noise = random.standard_normal((4, START + 40))
        values = {
            "cpu": 0.1 + 0.02 * noise[0],
            "mem": 200 * (1 + number) + noise[1],
            "latency": 20 * (1 + 0.05 * noise[2]),
            "load": 50 * (1 + 0.05 * noise[3]),
        }
        if service == hog:
            values[kind][START:] *= 4
        if hog is not None and service in {hog, "web"}:
            values["latency"][START:] *= 1.6
        series += [_series(service, metric, data) for metric, data in values.items()]
    return series


@pytest.mark.parametrize("kind", ["cpu", "mem"])
def test_without_a_topology_a_hogged_resource_leads_before_slow_callers(kind: str) -> None:
    diagnosis = diagnose_metrics(resources(hog="cart", kind=kind), incident_start=60.0 * START)

    assert diagnosis.ranked_services[0] == "cart"
    assert (diagnosis.ranked_metrics[0].service, diagnosis.ranked_metrics[0].metric) == (
        "cart",
        kind,
    )
    assert diagnosis.ranked_metrics[0].onset == 60.0 * START
    assert diagnosis.method == "deviation"


def test_a_hogged_resource_is_named_where_no_impact_shows() -> None:
    random = np.random.default_rng(3)
    series = shop()
    for service in ("web", "cart", "search", "db"):
        memory = 100 + random.standard_normal(START + 5)
        memory[START:] += 80 if service == "db" else 0
        series.append(_series(service, "memory", memory))

    diagnosis = diagnose_metrics(series, target=TARGET, topology=CALLS, incident_start=60.0 * START)

    assert diagnosis.ranked_services[0] == "db"


def test_quiet_resources_name_no_cause() -> None:
    named = [
        seed
        for seed in range(10)
        if not diagnose_metrics(
            resources(hog=None, seed=seed), incident_start=60.0 * START
        ).abstained
    ]

    assert named == []


def test_series_may_have_times_of_their_own_and_gaps() -> None:
    series = resources(hog="db")
    for item in series[::3]:
        item["timestamps"] = item["timestamps"][::2]
        item["values"] = item["values"][::2]
    series[5]["values"][10:50] = np.nan
    series[7]["values"][:] = np.nan

    diagnosis = diagnose_metrics(
        [MetricSeries(**item) for item in series], incident_start=60.0 * START
    )

    assert diagnosis.ranked_services[0] == "db"


@pytest.mark.parametrize(
    "series",
    [
        [],
        [_series("a", "cpu", np.full(50, np.nan))],
        [_series("a", "cpu", np.ones(50))],
        [_series("a", "cpu", np.array([1.0]))],
        [_series("a", "cpu", np.full(50, np.inf))],
    ],
)
def test_series_that_say_nothing_make_it_abstain(series: list[dict[str, Any]]) -> None:
    diagnosis = diagnose_metrics(series, incident_start=60.0 * 40)

    assert diagnosis.abstained is True
    assert diagnosis.reason


def test_an_incident_without_a_past_or_a_present_makes_it_abstain() -> None:
    for start in (-1.0, 1e12):
        assert diagnose_metrics(shop(), incident_start=start).abstained is True


@pytest.mark.parametrize("extreme", [float("inf"), float("-inf"), float("nan"), 1e308, -1e308])
def test_values_beyond_all_measure_count_as_none(extreme: float) -> None:
    times = [float(n) for n in range(100)]
    values = [extreme if n % 2 else 5.0 for n in range(100)]
    item = {"service": "a", "metric": "cpu", "timestamps": times, "values": values}

    assert diagnose_metrics([item], incident_start=50.0).abstained is True


@pytest.mark.parametrize(
    "item",
    [
        {"service": "a", "metric": "m", "timestamps": [0.0, 1.0]},
        {"service": "a", "metric": "m", "timestamps": [0.0, 1.0], "values": [1.0]},
        {"service": "a", "metric": "m", "timestamps": [1.0, 0.0], "values": [1.0, 2.0]},
        {"service": "a", "metric": "m", "timestamps": [0.0, float("nan")], "values": [1.0, 2.0]},
        {"service": "a", "metric": "m", "timestamps": [0.0, 1.0], "values": [1.0, "much"]},
        {"service": "a", "metric": "m", "timestamps": [0.0, 1.0], "values": [1.0, {}]},
        {"service": "a", "metric": "m", "timestamps": ["now", "then"], "values": [1.0, 2.0]},
    ],
)
def test_series_that_do_not_hold_together_are_refused(item: dict[str, Any]) -> None:
    with pytest.raises(SourceMalformed):
        diagnose_metrics([item], incident_start=1.0)


@pytest.mark.parametrize("target", [{}, {"service": "web"}, {"service": "x", "metric": "latency"}])
def test_a_target_that_is_no_series_is_refused(target: dict[str, str]) -> None:
    with pytest.raises(PayloadInvalid):
        diagnose_metrics(shop(), target=target, incident_start=60.0 * START)


@given(st.permutations(range(8)))
def test_the_order_of_series_does_not_matter(order: list[int]) -> None:
    series = shop(slow="cart")
    shuffled = [series[position] for position in order]

    one = diagnose_metrics(series, target=TARGET, topology=CALLS, incident_start=60.0 * START)
    other = diagnose_metrics(shuffled, target=TARGET, topology=CALLS, incident_start=60.0 * START)

    assert one.ranked_services == other.ranked_services


def load_recorded(path: str) -> tuple[Any, dict[tuple[str, str, str], Any]]:
    with gzip.open(RECORDED / path, "rt") as stream:
        rows = [row for row in csv.reader(stream) if row and row[0] != "unix_timestamp"]
    names = list(zip(*(row[1:] for row in rows[:2]), strict=True))
    data = [row for row in rows if row[0].replace(".", "").isdigit()]
    statistics = next(row for row in rows if row[0] == "statistic")[1:]
    values = np.array([[float(x) if x else np.nan for x in row[1:]] for row in data])
    keys = [(s, m, statistic) for (s, m), statistic in zip(names, statistics, strict=True)]
    times = np.array([float(row[0]) for row in data])
    return times, dict(zip(keys, values.T, strict=True))


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded incidents are not here")
def test_recorded_incidents_are_found_and_normal_times_left_alone() -> None:
    index = json.loads((RECORDED / "index.json").read_text())
    hits = [_is_hit(case) for case in index[::5]]
    times, normal = load_recorded(index[0]["normal"])
    calls = _calls(index[0]["graph"])
    quiet = []
    for begin in range(len(times) // 2, len(times) - 5, len(times) // 8):
        part = [
            _recorded(key, times[: begin + 5], values[: begin + 5])
            for key, values in normal.items()
        ]
        target = {"service": "PetSite", "metric": "latency", "statistic": "Average"}
        quiet.append(
            diagnose_metrics(
                part, target=target, topology=calls, incident_start=times[begin]
            ).abstained
        )

    assert np.mean(hits) >= 0.85
    assert np.mean(quiet) >= 0.8


def _recorded(key: tuple[str, str, str], times: Any, values: Any) -> MetricSeries:  # noqa: ANN401 (arrays)
    return MetricSeries(key[0], key[1], times, values, key[2])


def _calls(path: str) -> list[tuple[str, str]]:
    rows = list(csv.reader((RECORDED / path).read_text().splitlines()))
    return [
        (row[0], callee)
        for row in rows[1:]
        for callee, mark in zip(rows[0][1:], row[1:], strict=True)
        if float(mark or 0) > 0
    ]


def _is_hit(case: dict[str, Any]) -> bool:
    past_times, past = load_recorded(case["normal"])
    times, now = load_recorded(case["abnormal"])
    before = times[0] - 300.0 * np.arange(len(past_times), 0, -1)
    series = [
        _recorded(
            key,
            np.concatenate([before, times]),
            np.concatenate([past[key], now.get(key, np.full(len(times), np.nan))]),
        )
        for key in past
    ]
    diagnosis = diagnose_metrics(
        series, target=case["target"], topology=_calls(case["graph"]), incident_start=times[0]
    )
    return bool(diagnosis.ranked_services[:1] == [case["root_cause"]["node"]])
