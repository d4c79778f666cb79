"""Spikes, shifts, drifts, newcomers and leavers among daily costs, with what caused them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from jobforge.autopilots.finops.costs.alerts import split_known, with_groups
from jobforge.autopilots.finops.costs.baseline import Baseline, learn_baseline
from jobforge.autopilots.finops.costs.daily import DailyCosts, Key, to_money
from jobforge.autopilots.finops.costs.model import Contributor, CostAnomaly, CostKind

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
SHIFT_DAYS = 8
"""What lasts longer than a week is a new level, not a spike."""
LOOK_BACK = 28
QUIET_DAYS = 14
DRIFT_WEEKS = 5
GONE_DAYS = 7
HORIZON = 30
"""A change that stays is weighed by its first thirty days."""
MAX_CONTRIBUTORS = 5
Z_SCORES = {"low": 9.0, "medium": 6.0, "high": 4.5}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Both must be passed: an amount (`min_impact`) and a share of the expected cost."""

    z_score: float
    min_impact: float
    min_share: float


def find_in_daily_costs(
    costs: DailyCosts,
    thresholds: Thresholds,
    *,
    known_changes: Sequence[Mapping[str, Any]] = (),
    feedback: Sequence[Mapping[str, Any]] = (),
) -> list[CostAnomaly]:
    """Find anomalies; see `jobforge.autopilots.finops.find_cost_anomalies`."""
    kept, _ = split_known(find_all(costs, thresholds, feedback=feedback), known_changes)
    return with_groups(kept)


def find_all(
    costs: DailyCosts, thresholds: Thresholds, *, feedback: Sequence[Mapping[str, Any]] = ()
) -> list[CostAnomaly]:
    """All anomalies, announced ones too, by first day, account and service."""
    baseline = learn_baseline(costs.table, costs.first)
    dismissed = _dismissed(feedback)
    found: list[CostAnomaly] = []
    for at, key in enumerate(costs.keys):
        factor = 1 + 0.5 * dismissed.get(key, 0)
        limits = replace(
            thresholds,
            z_score=thresholds.z_score * factor,
            min_impact=thresholds.min_impact * factor,
        )
        found += _find_in_series(costs, baseline, at, limits)
    return sorted(found, key=lambda a: (a.start, a.account, a.service))


def _dismissed(feedback: Sequence[Mapping[str, Any]]) -> dict[Key, int]:
    counts: dict[Key, int] = {}
    for answer in feedback:
        if not answer.get("is_real", True):
            key = str(answer.get("account")), str(answer.get("service"))
            counts[key] = counts.get(key, 0) + 1
    return counts


def _find_in_series(
    costs: DailyCosts, baseline: Baseline, at: int, limits: Thresholds
) -> list[CostAnomaly]:
    series = costs.table[at]
    lifetime = _lifetime(series, limits)
    if lifetime is None:
        return []
    born, died = lifetime
    found: list[CostAnomaly] = []
    if born:
        found.append(_make(costs, at, "new_service", born, _horizon(series, born), 0.0))
    if died:
        level = float(np.median(series[max(0, died - LOOK_BACK) : died]))
        found.append(_make(costs, at, "vanished_service", died, _horizon(series, died), level))
    quiet_until = born + LOOK_BACK if born else LOOK_BACK
    runs = _runs(series, baseline, at, limits, quiet_until, died or len(series))
    found += [anomaly for run in runs if (anomaly := _judge(costs, baseline, at, run, limits))]
    return found or _drifts(costs, baseline, at, limits)


def _lifetime(series: Floats, limits: Thresholds) -> tuple[int, int] | None:
    """Day of birth and of death, 0 where it lived before or still lives; None if too small."""
    active = np.flatnonzero(series > 0)
    if not len(active):
        return None
    typical = float(np.median(series[active]))
    if typical * HORIZON < limits.min_impact:
        return None
    first, last = int(active[0]), int(active[-1])
    is_steady = len(active) >= 0.6 * (last - first + 1)
    born = first if first >= QUIET_DAYS and is_steady else 0
    gone = len(series) - 1 - last
    died = last + 1 if gone >= GONE_DAYS and is_steady and last - first >= QUIET_DAYS else 0
    return born, died


def _horizon(series: Floats, start: int) -> int:
    return min(start + HORIZON, len(series)) - 1


def _runs(
    series: Floats, baseline: Baseline, at: int, limits: Thresholds, first: int, stop: int
) -> Iterator[tuple[int, int]]:
    """Stretches of unusual days, at most two usual ones between them."""
    expected, scale = baseline.expected[at], baseline.scale[at]
    gap = series - expected
    with np.errstate(invalid="ignore"):
        unusual = np.abs(gap) > limits.z_score * scale
        unusual &= np.abs(gap) > limits.min_share * np.abs(expected)
        unusual &= np.abs(series - baseline.same_weekday[at]) > limits.z_score * scale
    unusual &= ~baseline.is_calendar[at]
    unusual[: min(first, len(unusual))] = False
    unusual[stop:] = False
    days = np.flatnonzero(unusual & np.isfinite(gap)).tolist()
    begin = 0
    for n, day in enumerate(days):
        is_last = n + 1 == len(days)
        turns = not is_last and (gap[days[n + 1]] > 0) != (gap[day] > 0)
        if is_last or days[n + 1] - day > 3 or turns:  # noqa: PLR2004 (two usual days between)
            yield days[begin], day
            begin = n + 1


def _judge(
    costs: DailyCosts, baseline: Baseline, at: int, run: tuple[int, int], limits: Thresholds
) -> CostAnomaly | None:
    """The run as a spike or a shift; None where it is too small, or the echo of a longer one."""
    start, end = run
    series = costs.table[at]
    level = float(baseline.level[at, start])
    week = baseline.expected[at] / np.where(baseline.level[at] == 0, 1, baseline.level[at])
    kind: CostKind = "spike"
    if end - start + 1 >= SHIFT_DAYS:
        kind, start = _shift_or_drift(series, week, start, end)
        end = _horizon(series, start)
    span = slice(start, end + 1)
    expected = level * np.nan_to_num(week[span], nan=1.0)
    impact = float((series[span] - expected).sum())
    if abs(impact) < limits.min_impact or _is_return(series, baseline, at, start):
        return None
    gap = series[start] - baseline.expected[at, start]
    z_score = float(gap / max(baseline.scale[at, start], 1e-9))
    return _make(costs, at, kind, start, end, expected, z_score=z_score)


def _shift_or_drift(series: Floats, week: Floats, start: int, end: int) -> tuple[CostKind, int]:
    """A lasting change as one step or as many; a drift begins where it first shows."""
    steady = series / np.where(np.isfinite(week) & (week > 0), week, 1.0)
    before = float(np.median(steady[max(0, start - LOOK_BACK) : max(1, start - QUIET_DAYS)]))
    total = float(np.median(steady[max(start, end - 6) : end + 1])) - before
    nearest = float(np.median(steady[max(0, start - 4) : start])) if start else before
    step = float(np.median(steady[start : start + 3])) - nearest
    if step * np.sign(total) >= 0.4 * abs(total):
        return "level_shift", start
    begin = start
    while begin > max(0, start - LOOK_BACK) and _has_moved(steady, begin, before, total):
        begin -= 1
    return "drift", begin


def _has_moved(steady: Floats, day: int, before: float, total: float) -> bool:
    near = steady[max(0, day - 3) : day + 4]
    moved = (float(np.median(near)) - before) * float(np.sign(total))
    return moved > 0.1 * abs(total)


def _is_return(series: Floats, baseline: Baseline, at: int, start: int) -> bool:
    """Whether the run only goes back to the level of the weeks before the last change."""
    older = series[max(0, start - 3 * LOOK_BACK) : max(0, start - LOOK_BACK // 2)]
    if len(older) < LOOK_BACK:
        return False
    now = float(np.median(series[start : start + 3]))
    before = float(np.median(older))
    moved = abs(float(baseline.level[at, start]) - before)
    return abs(now - before) < 0.2 * moved


def _drifts(
    costs: DailyCosts, baseline: Baseline, at: int, limits: Thresholds
) -> list[CostAnomaly]:
    """A rise or fall that no single day shows: four weeks in one direction, step by step."""
    series = costs.table[at]
    weekly = _weekly_levels(series, baseline, at)
    if len(weekly) < 2 * DRIFT_WEEKS - 1:
        return []
    windows = sliding_window_view(weekly, DRIFT_WEEKS)
    earlier, moving = windows[: 1 - DRIFT_WEEKS], windows[DRIFT_WEEKS - 1 :]
    before = moving[:, 0]
    total = moving[:, -1] - before
    size = np.abs(total)
    steps = np.diff(moving, axis=1)
    is_calm = np.ptp(earlier, axis=1) < 0.35 * size
    is_gradual = (steps * np.sign(total)[:, np.newaxis]).min(axis=1) > -0.05 * size
    has_no_leap = np.abs(steps).max(axis=1) < 0.6 * size
    least = np.maximum(1.5 * limits.min_share * np.abs(before), limits.min_impact / HORIZON)
    found = np.flatnonzero(is_calm & is_gradual & has_no_leap & (size > least))
    if not len(found):
        return []
    first = int(found[0])
    moved = np.abs(moving[first] - before[first]) > 0.1 * size[first]
    start = max(0, (first + DRIFT_WEEKS - 1 + int(np.argmax(moved))) * 7 - 3)
    return [_make(costs, at, "drift", start, _horizon(series, start), float(before[first]))]


def _weekly_levels(series: Floats, baseline: Baseline, at: int) -> Floats:
    weeks = len(series) // 7
    week = baseline.expected[at] / np.where(baseline.level[at] == 0, 1, baseline.level[at])
    steady = series / np.where(np.isfinite(week) & (week > 0), week, 1.0)
    return np.asarray(np.median(steady[: weeks * 7].reshape(weeks, 7), axis=1))


def _make(  # noqa: PLR0913 (one argument per fact of the finding)
    costs: DailyCosts,
    at: int,
    kind: CostKind,
    start: int,
    end: int,
    expected: Floats | float,
    *,
    z_score: float = 0.0,
) -> CostAnomaly:
    span = slice(start, end + 1)
    actual = float(costs.table[at, span].sum())
    due = float(np.broadcast_to(expected, end + 1 - start).sum())
    account, service = costs.keys[at]
    return CostAnomaly(
        start=costs.first + timedelta(days=start),
        end=costs.first + timedelta(days=end),
        account=account,
        service=service,
        kind=kind,
        impact=to_money(actual - due),
        contributors=_contributors(costs, costs.keys[at], start, end, actual - due),
        expected=to_money(due),
        actual=to_money(actual),
        z_score=z_score,
    )


def _contributors(
    costs: DailyCosts, key: Key, start: int, end: int, impact: float
) -> tuple[Contributor, ...]:
    """Parts that moved the same way, against their own four weeks before."""
    found = []
    before = slice(max(0, start - LOOK_BACK), start)
    for (dimension, value), series in costs.details.get(key, {}).items():
        usual = float(np.median(series[before])) if start else 0.0
        moved = float(series[start : end + 1].sum()) - usual * (end + 1 - start)
        share = moved / impact if impact else 0.0
        if share >= 0.05:  # noqa: PLR2004 (smaller parts explain nothing)
            found.append(Contributor(dimension, value, to_money(moved), min(share, 1.0)))
    found.sort(key=lambda c: (-c.share, c.dimension, c.value))
    return tuple(found[:MAX_CONTRIBUTORS])
