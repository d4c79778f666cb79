"""Recommendations from usage and findings: what they save, how sure that is, and the change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from jobforge.autopilots.ops.finding import fingerprint_of
from jobforge.autopilots.ops.rows import Row, number_of, required_text, required_time, text_of
from jobforge.autopilots.ops.sizing.request import MIN_POINTS, Recommendation, recommend_request
from jobforge.core.errors import SourceMalformed

Category = Literal["optimization", "security", "reliability", "cost"]
Band = Literal["low", "medium", "high"]

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
    changes: tuple[Mapping[str, Any], ...]
    resource: str = ""


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
        changes=_changes(usage, wanted),
        resource=usage.resource,
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


def _changes(usage: Usage, wanted: float) -> tuple[dict[str, Any], ...]:
    if usage.path is None or usage.pointer is None:
        return ()
    number = int(wanted) if wanted == int(wanted) else wanted
    value = f"{number}{usage.unit}" if usage.unit else number
    operation = {"op": "replace", "path": usage.pointer, "value": value}
    return ({"adapter": "file", "path": usage.path, "patch": [operation]},)


def resolve_conflicts(found: Sequence[Advice]) -> tuple[list[Advice], list[str]]:
    """Best first; of two changes of the same place only the better advice keeps its own.

    Advice that loses all its changes is left out: it is due again after the better one.
    """
    ordered = sorted(found, key=lambda advice: (-advice.score, advice.recommendation_id))
    taken: dict[tuple[str, str], str] = {}
    kept, notices = [], []
    for advice in ordered:
        free, rivals = [], []
        for change in advice.changes:
            rival = next((taken[place] for place in _places(change) if place in taken), None)
            if rival is None:
                free.append(change)
                taken |= dict.fromkeys(_places(change), advice.recommendation_id)
            else:
                rivals.append(rival)
        if rivals:
            lost = f"{len(rivals)} of its changes are" if free else "it is"
            notices.append(
                f"{advice.recommendation_id} changes what {rivals[0]} changes: {lost} left out"
            )
        if free or not rivals:
            kept.append(replace(advice, changes=tuple(free)))
    return kept, notices


def _places(change: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a change touches: places in a file, or a target beyond the workspace."""
    if "patch" not in change:
        operation = change["operation"]
        name = operation.get("name") or operation.get("table")
        return [(str(change["connection"]), f"{operation['kind']} {name}")]
    resource = change.get("resource") or {}
    file = f"{change['path']}#{resource.get('kind', '')}/{resource.get('name', '')}"
    return [(file, str(operation["path"])) for operation in change["patch"]]


def strengthen(found: Sequence[Advice], suspicion: Mapping[str, float]) -> list[Advice]:
    """Raise what a diagnosis speaks for: advice about a suspect ranks by its confidence higher."""
    return [
        replace(
            advice,
            score=round(advice.score * (1.0 + suspicion[advice.resource]), 4),
            evidence=(
                *advice.evidence,
                f"a diagnosis suspects {advice.resource}: {suspicion[advice.resource]:.0%}",
            ),
        )
        if advice.resource in suspicion
        else advice
        for advice in found
    ]
