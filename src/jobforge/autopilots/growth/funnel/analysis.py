"""The funnel itself, over arrays: ten million events take a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobforge.autopilots.growth.funnel.model import FunnelResult, StepResult, wilson
from jobforge.core.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

MAX_STEPS = 20


def sessions(units: Ints, times: Ints, gap: int) -> Ints:
    """Split units into sessions: a new one starts after a pause longer than `gap`.

    Events are sorted by unit, then time; the unit of `gap` is that of `times`.
    """
    import numpy as np  # takes 100 ms that other parts of the domain need not pay

    starts = np.ones(len(units), dtype=np.int64)
    starts[1:] = (units[1:] != units[:-1]) | (times[1:] - times[:-1] > gap)
    return np.cumsum(starts) - 1


def furthest(units: Ints, times: Ints, steps: Ints, count: int, window: int | None) -> list[Ints]:
    """For each step, the rows at which a unit first reaches it, and when that walk began.

    A unit reaches step k when events of steps 0 to k lie in this order, all within `window` of the
    first of them (the end included); other events may lie between. Any entry counts, not only the
    first: the walk with the latest beginning is followed, which reaches whatever can be reached.
    Events are sorted by unit, time and step; `steps` is -1 for an event of no step.

    Returns:
        One array of shape (n, 3) for each step: unit, time of the event, time of the beginning.
    """
    import numpy as np

    if len(units) == 0:
        return [np.empty((0, 3), dtype=np.int64) for _ in range(count)]
    first = int(times.min())
    span = int(times.max()) - first + 1
    offset = units * span
    began = np.where(steps == 0, offset + times - first, -1)
    reached = []
    for step in range(count):
        if step:
            latest = np.maximum.accumulate(began)
            before = np.concatenate([np.array([-1]), latest[:-1]])
            is_own = before >= offset
            is_soon = (
                is_own if window is None else is_own & (offset + times - first - before <= window)
            )
            began = np.where((steps == step) & is_soon, before, -1)
        rows = np.flatnonzero(began >= 0)
        is_first = np.ones(len(rows), dtype=bool)
        is_first[1:] = units[rows[1:]] != units[rows[:-1]]
        rows = rows[is_first]
        reached.append(
            np.stack([units[rows], times[rows], began[rows] - offset[rows] + first], axis=1)
        )
    return reached


def analyze_funnel(
    units: Ints,
    times: Ints,
    steps: Ints,
    names: Sequence[str],
    *,
    window: int | None = None,
) -> FunnelResult:
    """Count how many units reach each step in order.

    Args:
        units: whose event it is; sorted, whole numbers from 0.
        times: when, in microseconds; sorted within a unit.
        steps: which step the event is, -1 for none.
        names: of the steps, two at least.
        window: microseconds from the first step within which the others count; None: any time.

    Raises:
        InvalidInput: the arrays differ in length, or there are too few or many steps.
    """
    if not 2 <= len(names) <= MAX_STEPS:  # noqa: PLR2004 - one step is no funnel
        raise InvalidInput(f"a funnel has 2 to {MAX_STEPS} steps, not {len(names)}")
    if not len(units) == len(times) == len(steps):
        raise InvalidInput("units, times and steps differ in length")
    return summarize(furthest(units, times, steps, len(names), window), names)


def summarize(reached: Sequence[Ints], names: Sequence[str]) -> FunnelResult:
    """From the units that reached each step to shares, intervals and times."""
    counts = [len(rows) for rows in reached]
    results = tuple(_step(index, reached, counts, name) for index, name in enumerate(names))
    drops = [(step.drop_off, -index) for index, step in enumerate(results)]
    worst, position = max(drops)
    return FunnelResult(
        steps=results,
        overall=counts[-1] / counts[0] if counts[0] else None,
        biggest_drop=results[-position].name if worst else None,
    )


def _step(index: int, reached: Sequence[Ints], counts: list[int], name: str) -> StepResult:
    import numpy as np

    before = counts[index - 1] if index else counts[0]
    rows = reached[index]
    seconds = (rows[:, 1] - rows[:, 2]) / 1e6
    is_timed = index > 0 and len(rows) > 0
    return StepResult(
        name=name,
        units=counts[index],
        from_start=counts[index] / counts[0] if counts[0] else None,
        from_previous=counts[index] / before if before else None,
        interval=wilson(counts[index], before),
        drop_off=before - counts[index],
        median_seconds=float(np.median(seconds)) if is_timed else None,
        p90_seconds=float(np.percentile(seconds, 90)) if is_timed else None,
    )
