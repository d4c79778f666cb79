"""Cost anomalies of cloud bills: where, since when, how much, and what moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jobforge.autopilots.finops.costs.model import CostAnomaly

Sensitivity = Literal["low", "medium", "high"]


def find_cost_anomalies(  # noqa: PLR0913 (each a threshold or a list the caller may have)
    rows: Iterable[Mapping[str, Any]],
    *,
    by: str = "ServiceName",
    sensitivity: Sensitivity = "medium",
    min_impact: Decimal | float = 10,
    min_share: float = 0.25,
    known_changes: Sequence[Mapping[str, Any]] = (),
    feedback: Sequence[Mapping[str, Any]] = (),
) -> list[CostAnomaly]:
    """Find spikes, level shifts, drifts, new and vanished services in FOCUS cost rows.

    Each account's service is a series of days, compared with its own four weeks before, its
    weekdays and the same day of the months around; at least five weeks of rows are needed to see
    more than newcomers and leavers. An anomaly passes three limits: `sensitivity` (9, 6 or 4.5
    times the ordinary deviation), `min_impact` in the billing currency and `min_share` of what was
    expected.

    Args:
        rows: FOCUS columns: ChargePeriodStart, EffectiveCost or BilledCost, SubAccountId or
            BillingAccountId, ServiceName; RegionId, ResourceId, SkuId for the drill-down.
        by: the column that splits an account's cost, in place of the service.
        sensitivity: how unusual a day must be.
        min_impact: smallest amount worth an alert.
        min_share: smallest deviation worth an alert, as a share of the expected cost.
        known_changes: `start`, `end` and optionally `account`, `service`: what begins there is
            expected and left out.
        feedback: earlier answers `account, service, is_real`; each no raises that series' limits
            by half.

    Returns:
        Anomalies by first day, then account and service.

    Raises:
        InvalidInput: no rows, a row without date or cost, mixed billing currencies, or a daily bill
            in which days are missing.
    """
    from jobforge.autopilots.finops.costs.daily import to_daily_costs
    from jobforge.autopilots.finops.costs.find import Z_SCORES, Thresholds, find_in_daily_costs

    limits = Thresholds(Z_SCORES[sensitivity], float(min_impact), min_share)
    return find_in_daily_costs(
        to_daily_costs(rows, by=by), limits, known_changes=known_changes, feedback=feedback
    )
