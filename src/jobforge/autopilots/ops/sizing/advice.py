"""Recommendations from usage and findings: what they save, how sure that is, and the change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from jobforge.autopilots.ops.finding import fingerprint_of
from jobforge.autopilots.ops.rows import Row, number_of, required_text, required_time, text_of
from jobforge.autopilots.ops.sizing.request import MIN_POINTS, Recommendation, recommend_request
from jobforge.core.errors import SourceMalformed

Category = Literal["optimization", "security", "reliability", "cost"]
Band = Literal["low", "medium", "high"]

SEVERITY_WEIGHT = {"critical": 100.0, "high": 40.0, "medium": 10.0, "low": 2.0, "info": 0.5}
MIN_CHANGE = 0.1
"""A request that would move by less than a tenth is left alone."""
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Usage:
    """One resource's use of one kind, with what it requests and where that is written."""

    resource: str
    metric: str
    times: tuple[float, ...]
    values: tuple[float, ...]
    request: float | None
    unit: str
    price: Decimal | None
    path: str | None
    pointer: str | None


@dataclass(frozen=True, slots=True)
class Advice:
    """One recommendation. Money is per month in the price's currency, None without a price."""

    recommendation_id: str
    category: Category
    title: str
    description: str
    evidence: tuple[str, ...]
    risk: Band
    effort: Band
    confidence: float
    saving: Decimal | None
    saving_interval: tuple[Decimal, Decimal] | None
    score: float
    change: Mapping[str, Any] | None


def usage_of(rows: Sequence[Row]) -> tuple[Usage, ...]:
    """Usage by resource and metric.

    Rows: resource, timestamp, value, and optionally metric, request, unit, price_per_unit_month,
    path and pointer (the last row's values count for all but timestamp and value).

    Raises:
        SourceMalformed: a row has no resource, time or value, or a price that is no number.
    """
    grouped: dict[tuple[str, str], list[tuple[float, float, Row]]] = {}
    for number, row in enumerate(rows):
        key = (
            required_text(row, number, "usage", "resource", "service"),
            text_of(row, "metric", default="usage"),
        )
        at = required_time(row, number, "usage", "timestamp", "at").timestamp()
        value = number_of(row, number, "usage", "value", "usage")
        grouped.setdefault(key, []).append((at, math.nan if value is None else value, row))
    return tuple(
        _to_usage(resource, metric, samples)
        for (resource, metric), samples in sorted(grouped.items())
    )


def _to_usage(resource: str, metric: str, samples: list[tuple[float, float, Row]]) -> Usage:
    ordered = sorted({at: (at, value) for at, value, _ in samples}.values())
    last = samples[-1][2]
    price = text_of(last, "price_per_unit_month", "price")
    try:
        money = Decimal(price) if price else None
    except ArithmeticError:
        raise SourceMalformed(f"usage of {resource}: price {price!r} is no number") from None
    return Usage(
        resource=resource,
        metric=metric,
        times=tuple(at for at, _ in ordered),
        values=tuple(value for _, value in ordered),
        request=number_of(last, len(samples) - 1, "usage", "request"),
        unit=text_of(last, "unit"),
        price=money,
        path=text_of(last, "path") or None,
        pointer=text_of(last, "pointer") or None,
    )


def advise_sizes(
    usages: Sequence[Usage], *, breach_probability: float
) -> tuple[list[Advice], list[str]]:
    """Right-sizing for each usage that has a request, and why others have none."""
    found: list[Advice] = []
    notices: list[str] = []
    for usage in usages:
        name = f"{usage.resource} {usage.metric}"
        known = sum(not math.isnan(value) for value in usage.values)
        if known < MIN_POINTS:
            notices.append(f"{name}: {known} samples, {MIN_POINTS} are needed")
        elif usage.request is None or usage.request <= 0:
            notices.append(f"{name}: no current request to compare with")
        else:
            sized = recommend_request(
                usage.times, usage.values, breach_probability=breach_probability
            )
            advice = _size(usage, usage.request, sized)
            if advice is not None:
                found.append(advice)
    return found, notices


def _size(usage: Usage, current: float, sized: Recommendation) -> Advice | None:
    wanted = _rounded(sized.request)
    if abs(wanted - current) < MIN_CHANGE * current or wanted <= 0:
        return None
    lowers = wanted < current
    saving, interval = _money(usage, current, wanted, sized)
    confidence = max(0.05, 1.0 - sized.breach_probability) * (0.6 if sized.has_shift else 0.95)
    risk: Band = "medium" if sized.has_shift or sized.breach_probability > 0.1 else "low"  # noqa: PLR2004 (a tenth of the time)
    verb = "Lower" if lowers else "Raise"
    return Advice(
        recommendation_id="rec-" + fingerprint_of("size", usage.resource, usage.metric),
        category="cost" if lowers else "reliability",
        title=f"{verb} {usage.metric} of {usage.resource} to {wanted:g}{usage.unit}",
        description=(
            f"It requests {current:g}{usage.unit}; {wanted:g}{usage.unit} would be exceeded for "
            f"{sized.breach_probability:.1%} of the time."
        ),
        evidence=sized.evidence,
        risk=risk,
        effort="low" if usage.path else "medium",
        confidence=round(confidence, 3),
        saving=saving,
        saving_interval=interval,
        score=_score(saving, current, wanted, confidence, "low" if usage.path else "medium"),
        change=_change(usage, wanted),
    )


def _rounded(request: float) -> float:
    """Two significant digits, upwards: a request is a bound."""
    if request <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(request)) - 1)
    return round(math.ceil(request / step - 1e-9) * step, 12)


def _money(
    usage: Usage, current: float, wanted: float, sized: Recommendation
) -> tuple[Decimal | None, tuple[Decimal, Decimal] | None]:
    if usage.price is None:
        return None, None
    low, high = sized.interval
    amounts = [
        (usage.price * Decimal(repr(current - request))).quantize(CENT)
        for request in (wanted, max(low, high), min(low, high))
    ]
    return amounts[0], (min(amounts), max(amounts))


EFFORT_WEIGHT: dict[Band, float] = {"low": 1.0, "medium": 2.0, "high": 4.0}


def _score(
    saving: Decimal | None, current: float, wanted: float, confidence: float, effort: Band
) -> float:
    """Saving (or, without prices, the share that is freed) x confidence / effort."""
    value = abs(float(saving)) if saving is not None else 10.0 * abs(current - wanted) / current
    return round(value * confidence / EFFORT_WEIGHT[effort], 4)


def _change(usage: Usage, wanted: float) -> dict[str, Any] | None:
    if usage.path is None or usage.pointer is None:
        return None
    number = int(wanted) if wanted == int(wanted) else wanted
    value = f"{number}{usage.unit}" if usage.unit else number
    operation = {"op": "replace", "path": usage.pointer, "value": value}
    return {"adapter": "file", "path": usage.path, "patch": [operation]}


def advise_findings(rows: Sequence[Row], category: Category) -> list[Advice]:
    """One recommendation per check of the category that failed, over all its resources.

    The category `optimization` takes every check.
    """
    failed: dict[str, list[Row]] = {}
    for number, row in enumerate(rows):
        if text_of(row, "status", default="FAILED") == "FAILED":
            failed.setdefault(required_text(row, number, "findings", "check_id"), []).append(row)
    found = []
    for check_id, members in sorted(failed.items()):
        kind = text_of(members[0], "category", default="security")
        if category in {_category_of(kind), "optimization"}:
            found.append(_finding_advice(check_id, members, _category_of(kind)))
    return found


def _category_of(kind: str) -> Category:
    known: dict[str, Category] = {"health": "reliability", "cost": "cost", "security": "security"}
    return known.get(kind, "optimization")


def _finding_advice(check_id: str, members: list[Row], category: Category) -> Advice:
    severities = [text_of(row, "severity", default="medium") for row in members]
    weight = sum(SEVERITY_WEIGHT.get(severity, 1.0) for severity in severities)
    effort: Band = "low" if len(members) <= 3 else "medium" if len(members) <= 20 else "high"  # noqa: PLR2004 (a glance, an afternoon, a project)
    worst = max(severities, key=lambda severity: SEVERITY_WEIGHT.get(severity, 1.0))
    return Advice(
        recommendation_id="rec-" + fingerprint_of("check", check_id),
        category=category,
        title=text_of(members[0], "remediation", default=f"Meet check {check_id}"),
        description=(
            f"{text_of(members[0], 'title', default=check_id)}: not so in {len(members)} places, "
            f"{worst} at worst."
        ),
        evidence=tuple(
            f"{text_of(row, 'path')} {text_of(row, 'resource')}: {text_of(row, 'evidence')}"
            for row in members[:10]
        ),
        risk="low",
        effort=effort,
        confidence=1.0,
        saving=None,
        saving_interval=None,
        score=round(weight / EFFORT_WEIGHT[effort], 4),
        change=None,
    )


def resolve_conflicts(found: Sequence[Advice]) -> tuple[list[Advice], list[str]]:
    """Best first; of two that change the same place only the better stays."""
    ordered = sorted(found, key=lambda advice: (-advice.score, advice.recommendation_id))
    taken: dict[tuple[str, str], str] = {}
    kept, notices = [], []
    for advice in ordered:
        places = [
            (str(advice.change["path"]), str(operation["path"]))
            for operation in (advice.change or {}).get("patch", ())
        ] if advice.change else []  # fmt: skip
        rival = next((taken[place] for place in places if place in taken), None)
        if rival is not None:
            notices.append(f"{advice.recommendation_id} changes what {rival} changes: left out")
            continue
        taken |= dict.fromkeys(places, advice.recommendation_id)
        kept.append(advice)
    return kept, notices
