"""What a funnel is, and what is found in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of a funnel.

    `units` are the people (or sessions) that came this far; shares lie in [0, 1] and are None where
    nobody could convert; `interval` is the 95 % Wilson interval of `from_previous`. Seconds count
    from the first step to this one.
    """

    name: str
    units: int
    from_start: float | None
    from_previous: float | None
    interval: tuple[float, float] | None
    drop_off: int
    median_seconds: float | None
    p90_seconds: float | None


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """A funnel over one group of units. `biggest_drop` names the step that loses the most units."""

    steps: tuple[StepResult, ...]
    overall: float | None
    biggest_drop: str | None


def wilson(hits: int, total: int, z: float = 1.959963984540054) -> tuple[float, float] | None:
    """Interval of a share; None for a total of 0.

    Source: Wilson, Probable Inference, 1927, equation 7.
    """
    if total == 0:
        return None
    share = hits / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    root = (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    width = z * root / (1 + z * z / total)
    return max(0.0, centre - width), min(1.0, centre + width)
