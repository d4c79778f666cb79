"""The public face of the detector: anomalies of one series or many, without looking ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from jobforge.autopilots.finops.anomalies.detector import AnomalyScores


def detect_anomalies(
    timestamps: Sequence[float | datetime], values: ArrayLike, *, probation: float = 0.15
) -> AnomalyScores:
    """Score every point of a series by how unusual it is among the points before it.

    Shapes, level, step, spread and season are each compared with the series' own past; their
    surprises are added up and ranked among the past again. The same configuration serves every
    series. A score of 0.5 and more is an alarm; after one, a quarter of the probation is quiet.

    Args:
        timestamps: Unix seconds or datetimes, ascending; only their spacing matters.
        values: one finite number per timestamp.
        probation: share of the points, at most 750, that get no score.

    Raises:
        InvalidInput: no points, unequal lengths, or a value that is not finite.
    """
    from jobforge.autopilots.finops.anomalies.detector import score_series

    return score_series(timestamps, values, probation=probation)


def detect_anomalies_many(
    timestamps: Sequence[float | datetime], matrix: ArrayLike, *, probation: float = 0.15
) -> list[AnomalyScores]:
    """`detect_anomalies` for every row of `(n_series, n_points)`, with the same scores."""
    from jobforge.autopilots.finops.anomalies.detector import score_matrix

    return list(score_matrix(timestamps, matrix, probation=probation))
