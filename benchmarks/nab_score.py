"""The Numenta Anomaly Benchmark's score, standard profile, from alarms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Window = tuple[int, int]
FALSE_POSITIVE = 0.11
FAR = 3.0


def _sigmoid(position: float) -> float:
    return -1.0 if position > FAR else 2 / (1 + float(np.exp(5 * position))) - 1


FIRST_ROW = _sigmoid(-1.0)


def file_score(alarms: Sequence[int], windows: Sequence[Window], probation: int) -> float:
    """The raw score of one file: first alarms in windows earn, missed windows and others cost.

    Source: Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms (2015); NAB 1.1.
    """
    hits: dict[Window, float] = {}
    total = 0.0
    for at in alarms:
        if at < probation:
            continue
        window = next((w for w in windows if w[0] <= at <= w[1]), None)
        if window is not None:
            earned = _sigmoid(-(window[1] - at + 1) / (window[1] - window[0] + 1)) / FIRST_ROW
            hits[window] = max(hits.get(window, earned), earned)
            continue
        before = [w for w in windows if w[1] < at]
        cost = -1.0
        if before:
            begin, end = before[-1]
            cost = _sigmoid((at - end) / max(end - begin, 1))
        total += FALSE_POSITIVE * cost
    return total + sum(hits.values()) - (len(windows) - len(hits))


def normalised(scores: Sequence[float], windows: int) -> float:
    """100 for perfect detection, 0 for none."""
    return 100 * (sum(scores) + windows) / (2 * windows)
