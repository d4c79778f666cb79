"""From anomalies to alerts: what was announced, what belongs together, what hides what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from jobforge.autopilots.finops.costs.model import CostAnomaly
from jobforge.autopilots.finops.money import parse_instant

OFFSET_SHARE = Decimal("0.8")


def split_known(
    found: Sequence[CostAnomaly], changes: Sequence[Mapping[str, Any]]
) -> tuple[list[CostAnomaly], list[CostAnomaly]]:
    """What is news, and what begins in a change that was announced."""
    news: list[CostAnomaly] = []
    known: list[CostAnomaly] = []
    for anomaly in found:
        (known if _is_known(anomaly, changes) else news).append(anomaly)
    return news, known


def _is_known(anomaly: CostAnomaly, changes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an announced change covers the anomaly's first day, account and service."""
    for change in changes:
        first = parse_instant(change.get("start"), where="known change: start").date()
        last = parse_instant(change.get("end") or first, where="known change: end").date()
        same = change.get("account") in (None, anomaly.account)
        same &= change.get("service") in (None, anomaly.service)
        if same and first <= anomaly.start <= last:
            return True
    return False


def with_groups(found: Sequence[CostAnomaly]) -> list[CostAnomaly]:
    """Name what begins together, and what hides the other in the account's total."""
    by_day: defaultdict[date, list[int]] = defaultdict(list)
    for at, anomaly in enumerate(found):
        by_day[anomaly.start].append(at)
    result = []
    for anomaly in found:
        near = [found[at] for at in sorted(_around(by_day, anomaly.start))]
        first = min(other.start for other in near if other.account == anomaly.account)
        group = f"{anomaly.account}@{first.isoformat()}"
        result.append(replace(anomaly, group=group, offset_by=tuple(_offsets(anomaly, near))))
    return result


def _around(by_day: Mapping[date, list[int]], day: date) -> Iterator[int]:
    for days in (-1, 0, 1):
        yield from by_day.get(day + timedelta(days=days), ())


def _offsets(anomaly: CostAnomaly, near: Sequence[CostAnomaly]) -> Iterator[str]:
    """What moved the other way by about as much within a day, in the account or of the service."""
    for other in near:
        is_opposite = other.impact * anomaly.impact < 0
        is_as_large = abs(other.impact) >= OFFSET_SHARE * abs(anomaly.impact)
        if not (is_opposite and is_as_large):
            continue
        if other.account == anomaly.account:
            yield other.service
        elif other.service == anomaly.service:
            yield f"{other.service} of {other.account}"
