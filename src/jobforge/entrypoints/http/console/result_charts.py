"""The numbers behind the charts of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

Chart = dict[str, Any]
Data = Mapping[str, Any]

_FEWEST: Final = 2
"""Fewer points are no line."""


def charts_of(job_type: str, data: Data) -> list[Chart]:
    """The charts of a result; none where its type has none, or there is too little to draw."""
    make = _MAKERS.get(job_type)
    chart = None if make is None else make(data)
    return [] if chart is None else [chart]


def _survival(data: Data) -> Chart | None:
    """How many customers stay so long."""
    steps: Sequence[Data] = data.get("survival", [])
    if len(steps) < _FEWEST:
        return None
    return {
        "label": "Customers that stay so long (share, by days)",
        "isTime": False,
        "x": [step["time"] for step in steps],
        "series": [{"label": "still there", "values": [step["survival"] for step in steps]}],
    }


def _anomalies(data: Data) -> Chart | None:
    """What was found against what was expected, by the day on which it began."""
    found = sorted(
        (_day(one["start"]), float(one["expected"]), float(one["actual"]))
        for one in data.get("anomalies_detected", [])
        if None not in {one.get("start"), one.get("expected"), one.get("actual")}
    )
    if len(found) < _FEWEST:
        return None
    return {
        "label": "Anomalies: expected and actual, by the day they began",
        "isTime": True,
        "x": [at for at, _, _ in found],
        "series": [
            {"label": "expected", "isPoints": True, "values": [value for _, value, _ in found]},
            {"label": "actual", "isPoints": True, "values": [value for _, _, value in found]},
        ],
    }


def _funnel(data: Data) -> Chart | None:
    """How many are left at each step."""
    steps: Sequence[Data] = data.get("funnel", {}).get("steps", [])
    if len(steps) < _FEWEST:
        return None
    return {
        "label": "Who is left at each step: " + " → ".join(str(step["name"]) for step in steps),
        "isTime": False,
        "x": list(range(1, len(steps) + 1)),
        "series": [
            {"label": str(data.get("unit", "units")), "values": [s["units"] for s in steps]}
        ],
    }


def _day(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_MAKERS: Final[Mapping[str, Callable[[Data], Chart | None]]] = {
    "autopilot.finops.churn_risk_report": _survival,
    "autopilot.finops.anomaly_scan": _anomalies,
    "autopilot.growth.funnel_analyze": _funnel,
}
