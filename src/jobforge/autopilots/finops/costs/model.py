"""What a scan of costs finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

CostKind = Literal["spike", "level_shift", "drift", "new_service", "vanished_service"]


@dataclass(frozen=True, slots=True)
class Contributor:
    """A part of the account's service that moved: `share` is of the anomaly's impact."""

    dimension: str
    value: str
    impact: Decimal
    share: float


@dataclass(frozen=True, slots=True)
class CostAnomaly:
    """One change of cost, both days included; `impact` is cost minus expectation, signed.

    `group` is common to anomalies of one account that begin within a day of each other;
    `offset_by` names what moved the other way by as much at the same time, so that the total hides
    it: services of the account, and the same service of another account.
    """

    start: date
    end: date
    account: str
    service: str
    kind: CostKind
    impact: Decimal
    contributors: tuple[Contributor, ...]
    expected: Decimal
    actual: Decimal
    z_score: float
    group: str = ""
    offset_by: tuple[str, ...] = ()
