"""How much of a target's trouble each service explains, in the target's own terms.

A service that is slow by `x` seconds for `n` requests costs its callers `n * x` seconds; what the
services it calls cost is theirs. The rest, as far as it coincides with the target's own excess, is
the part of the trouble that the service explains. Errors are counted the same way. Whether that is
remarkable is judged against the same sum over windows of the past.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from jobforge.autopilots.ops.rca.series import FloatArray, SeriesGrid, metric_kind

MIN_SHARE_WITH_LOAD = 0.5
"""Share of services that must have a request count for impacts to be comparable."""
NOISE_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Impact:
    """What one service explains of the target's excess.

    `explained` is in requests (errors) or request-seconds (latency); `share` is its part of the
    target's excess; `ratio` compares it with the 95 % quantile of the past's windows.
    """

    service: str
    explained: float
    own: float
    share: float
    ratio: float

    @property
    def score(self) -> float:
        """Rank: what is explained, weighed by how remarkable it is."""
        return self.explained * float(np.log1p(self.ratio))


def has_impacts(grid: SeriesGrid, metric: str) -> bool:
    """Whether services carry both the target's metric and a request count."""
    if metric_kind(metric) not in {"latency", "availability", "errors"}:
        return False
    carriers = {s for s, m in zip(grid.services, grid.metrics, strict=True) if m == metric}
    counted = {service for service in carriers if _load_row(grid, service) is not None}
    return len(carriers) > 1 and len(counted) >= MIN_SHARE_WITH_LOAD * len(carriers)


def _load_row(grid: SeriesGrid, service: str) -> int | None:
    names = sorted({m for s, m in zip(grid.services, grid.metrics, strict=True) if s == service})
    loads = [name for name in names if metric_kind(name) == "load"]
    return grid.find(service, loads[0], "Sum") if loads else None


def explain_target(
    grid: SeriesGrid,
    start: int,
    *,
    target: tuple[str, str, str | None],
    calls: Mapping[str, frozenset[str]],
) -> list[Impact]:
    """Rank services by what they explain of the target's excess from column `start` on.

    Services the target cannot reach through `calls` count half; without calls all count. The
    target itself is ranked like any other. Empty where the target has no such series.
    """
    service, metric, statistic = target
    excess = {
        name: series
        for name in dict.fromkeys(grid.services)
        if (series := _excess(grid, name, metric, statistic, start)) is not None
    }
    if service not in excess:
        return []
    reachable = _reachable(service, calls) if calls else frozenset(excess)
    wanted = np.maximum(excess[service] - np.median(excess[service][:start]), 0.0)
    noise = _noise(excess[service][:start])
    width = min(grid.times.size - start, max(3, start // 10))
    # The best of many windows is remarkable only against the best of as many of the past.
    looks = (grid.times.size - start) / width
    total = _best_window(wanted[start:], width)
    found = []
    for name, series in excess.items():
        own = _own_part(name, series, excess, calls)
        both = np.minimum(own, wanted)
        now = _best_window(both[start:], width)
        usual = max(_usual_window(both[:start], width, looks), NOISE_FLOOR * noise, 1e-12)
        factor = 1.0 if name in reachable else 0.5
        share = now / total if total > 0 else 0.0
        own_sum = _best_window(own[start:], width)
        found.append(Impact(name, factor * now, own_sum, share, now / usual))
    return sorted(found, key=lambda impact: (-impact.score, -impact.own, impact.service))


def _excess(
    grid: SeriesGrid, service: str, metric: str, statistic: str | None, start: int
) -> FloatArray | None:
    row = grid.find(service, metric, statistic)
    if row is None:
        return None
    values = grid.values[row]
    past = values[:start][np.isfinite(values[:start])]
    load_row = _load_row(grid, service)
    load = np.ones(values.size) if load_row is None else np.nan_to_num(grid.values[load_row])
    if metric_kind(metric) == "availability":
        # Shares of 100; the mean, since errors are rare and their median is none.
        usual = float(past.mean()) if past.size else 100.0
        difference = (usual - values) / 100.0
    else:
        usual = float(np.median(past)) if past.size else _first_value(values)
        difference = values - usual
    excess: FloatArray = np.nan_to_num(difference) * load
    return excess


def _first_value(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.min()) if known.size else 0.0


def _own_part(
    name: str, series: FloatArray, excess: Mapping[str, FloatArray],
    calls: Mapping[str, frozenset[str]],
) -> FloatArray:  # fmt: skip
    own = np.maximum(series, 0.0)
    for callee in sorted(calls.get(name, frozenset()) - {name}):
        if callee in excess:
            own = own - np.maximum(excess[callee], 0.0)
    own_part: FloatArray = np.maximum(own, 0.0)
    return own_part


def _noise(past: FloatArray) -> float:
    if past.size == 0:
        return 0.0
    spread = 1.4826 * float(np.median(np.abs(past - np.median(past))))
    return max(spread, 0.5 * float(past.std()) if spread == 0 else spread)


def _windows(values: FloatArray, width: int) -> FloatArray:
    if values.size < width or width < 1:
        return np.array([values.sum()]) if values.size else np.zeros(1)
    sums = np.cumsum(np.concatenate([[0.0], values]))
    windows: FloatArray = sums[width:] - sums[:-width]
    return windows


def _best_window(values: FloatArray, width: int) -> float:
    return float(_windows(values, width).max())


def _usual_window(past: FloatArray, width: int, looks: float) -> float:
    return float(np.quantile(_windows(past, width), 1.0 - 0.05 / max(1.0, looks)))


def _reachable(start: str, calls: Mapping[str, frozenset[str]]) -> frozenset[str]:
    seen = {start}
    waiting = [start]
    while waiting:
        fresh = calls.get(waiting.pop(), frozenset()) - seen
        seen |= fresh
        waiting += sorted(fresh)
    return frozenset(seen)
