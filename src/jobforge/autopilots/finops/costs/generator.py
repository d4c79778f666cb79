"""Cost data of our own making, FOCUS columns, with labelled breaks: for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.finops.costs.model import CostAnomaly, CostKind

DRIFT_DAYS = 35
Floats = NDArray[np.float64]
KINDS: tuple[CostKind, ...] = ("spike", "level_shift", "drift", "new_service", "vanished_service")
SERVICES = (
    "Compute Engine",
    "Object Storage",
    "Relational Database",
    "Load Balancer",
    "Message Queue",
    "Data Warehouse",
    "Container Registry",
    "Log Analytics",
    "Content Delivery",
    "Key Vault",
)
REGIONS = ("north-1", "south-2", "east-3")
SHARES = (0.6, 0.3, 0.1)


@dataclass(frozen=True, slots=True)
class InjectedBreak:
    """What was changed, and where it begins and ends (both days included)."""

    kind: CostKind
    account: str
    service: str
    region: str
    start: date
    end: date
    impact: float


@dataclass(frozen=True, slots=True)
class GeneratedCosts:
    """Rows with FOCUS column names and the truth about them."""

    rows: list[dict[str, Any]]
    breaks: list[InjectedBreak]
    accounts: int
    days: int


def generate_costs(
    *, seed: int = 0, accounts: int = 6, days: int = 180, breaks_per_account: int = 4
) -> GeneratedCosts:
    """Make daily cost rows per account, service and region.

    Ordinary life is in them: weekends, monthly fees, noise of 2 to 8 %, slow organic growth and
    services of a few cents. Breaks never share a service of an account.
    """
    draw = np.random.default_rng(seed)
    first = date(2026, 1, 5)
    rows: list[dict[str, Any]] = []
    breaks: list[InjectedBreak] = []
    for number in range(accounts):
        account = f"account-{number:03d}"
        broken = draw.choice(len(SERVICES) - 2, breaks_per_account, replace=False)
        for at, service in enumerate(SERVICES):
            series = _ordinary(draw, days, first, is_small=at >= len(SERVICES) - 2)
            table = np.outer(series, SHARES)
            if at in broken:
                kind = KINDS[int(draw.integers(len(KINDS)))]
                table, found = _break(draw, kind, table, (account, service), first)
                breaks.append(found)
            rows += _rows(table, account, service, first)
    return GeneratedCosts(rows, breaks, accounts, days)


def _ordinary(draw: np.random.Generator, days: int, first: date, *, is_small: bool) -> Floats:
    level = float(np.exp(draw.uniform(-3, 0) if is_small else draw.uniform(3.2, 6.5)))
    weekend = draw.uniform(0.5, 1.0)
    growth = draw.uniform(-0.0008, 0.0015)
    noise = np.exp(draw.normal(0, draw.uniform(0.02, 0.08), days))
    calendar = [first + timedelta(days=n) for n in range(days)]
    week = np.array([weekend if day.weekday() >= 5 else 1.0 for day in calendar])  # noqa: PLR2004 (Saturday)
    series = level * week * (1 + growth) ** np.arange(days) * noise
    if draw.random() < 0.25:  # noqa: PLR2004 (one service in four has a monthly fee)
        fee = level * draw.uniform(1, 4)
        series += np.array([fee if day.day == 1 else 0.0 for day in calendar])
    return np.asarray(series)


def _break(
    draw: np.random.Generator,
    kind: CostKind,
    table: Floats,
    where: tuple[str, str],
    first: date,
) -> tuple[Floats, InjectedBreak]:
    days, region = len(table), int(draw.integers(2))
    start = int(draw.integers(60, days - 35))
    before = table.copy()
    typical = float(np.median(table[start - 28 : start].sum(axis=1)))
    size = typical * draw.uniform(0.6, 3.0)
    last = days - 1
    match kind:
        case "spike":
            last = start + int(draw.integers(0, 4))
            table[start : last + 1, region] += size * 1.5
        case "level_shift":
            table[start:, region] += size
        case "drift":
            ramp = np.minimum(np.arange(days - start) / DRIFT_DAYS, 1.0)
            table[start:, region] += typical * draw.uniform(0.8, 1.5) * ramp
        case "new_service":
            table[:start] = 0.0
        case "vanished_service":
            table[start:] = 0.0
    found = InjectedBreak(
        kind,
        *where,
        REGIONS[region],
        first + timedelta(days=start),
        first + timedelta(days=last),
        float((table - before).sum()),
    )
    return table, found


def _rows(table: Floats, account: str, service: str, first: date) -> list[dict[str, Any]]:
    found = []
    for day, costs in enumerate(table):
        begin = datetime.combine(first + timedelta(days=day), datetime.min.time(), UTC)
        found += [
            _row(begin, cost, account, service, region)
            for region, cost in zip(REGIONS, costs.tolist(), strict=True)
            if cost > 0
        ]
    return found


def _row(begin: datetime, cost: float, account: str, service: str, region: str) -> dict[str, Any]:
    amount = Decimal(f"{cost:.6f}")
    return {
        "ChargePeriodStart": begin,
        "ChargePeriodEnd": begin + timedelta(days=1),
        "BilledCost": amount,
        "EffectiveCost": amount,
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "SubAccountId": account,
        "ServiceName": service,
        "RegionId": region,
    }


@dataclass(frozen=True, slots=True)
class DetectionScore:
    """How well findings agree with the injected breaks."""

    precision: float
    recall: float
    f1: float
    false_alerts_per_account_month: float
    right_place: float


def score_findings(
    truth: GeneratedCosts, found: Sequence[CostAnomaly], *, slack_days: int = 7
) -> DetectionScore:
    """Compare findings with the truth.

    A break is found when a finding of its account and service begins within a week of it, before or
    after (a drift: within its five weeks). `right_place` is the share of the breaks found whose
    first named region is the one that was changed (newcomers and leavers change all of them).
    """
    hits, placed, used = 0, 0, set[int]()
    for broken in truth.breaks:
        exact = [n for n, one in enumerate(found) if _is_hit(broken, one, slack_days)]
        hits += bool(exact)
        placed += bool(exact) and _names_region(broken, found[exact[0]])
        used.update(exact)
    months = truth.accounts * truth.days / 30
    precision = len(used) / len(found) if found else 0.0
    recall = hits / len(truth.breaks) if truth.breaks else 1.0
    total = precision + recall
    return DetectionScore(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / total if total else 0.0,
        false_alerts_per_account_month=(len(found) - len(used)) / months,
        right_place=placed / hits if hits else 0.0,
    )


def _is_hit(broken: InjectedBreak, one: CostAnomaly, slack_days: int) -> bool:
    reach = DRIFT_DAYS if broken.kind == "drift" else slack_days
    is_there = (one.account, one.service) == (broken.account, broken.service)
    return is_there and -slack_days <= (one.start - broken.start).days <= reach


def _names_region(broken: InjectedBreak, one: CostAnomaly) -> bool:
    if broken.kind in ("new_service", "vanished_service"):
        return True
    regions = [part.value for part in one.contributors if part.dimension == "RegionId"]
    return bool(regions) and regions[0] == broken.region
