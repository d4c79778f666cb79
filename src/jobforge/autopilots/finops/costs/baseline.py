"""What each day should have cost: the level before, the weekday, the day of the month."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
WINDOW = 28
WEEK = 7
MONTHS_A_YEAR = 12
HALF_WEEK = 3
MIN_WEEKS = 4
NOISE_FLOOR = 0.03
"""No bill is steadier than 3 %: metering and rounding alone move it that much."""
MONTH_LIKENESS = 0.35


@dataclass(frozen=True, slots=True)
class Baseline:
    """For every series and day: the expected cost and the scale of ordinary deviations.

    The first four weeks have neither; `is_calendar` marks days that a fee of the same day of the
    month or year before or after explains.
    """

    expected: Floats
    scale: Floats
    level: Floats
    same_weekday: Floats
    is_calendar: Flags


def learn_baseline(table: Floats, first: date) -> Baseline:
    """Learn from the days before each day; weekdays from the whole series."""
    week = _weekday_factors(table)
    steady = table / week
    level = _trailing_median(steady, WINDOW)
    gaps = np.abs(steady - level)
    gaps[:, :WINDOW] = np.nan
    spread = 1.4826 * _trailing_median(gaps, WINDOW)
    scale = np.fmax(spread, NOISE_FLOOR * np.abs(level)) * week
    expected = level * week
    return Baseline(expected, scale, level, _same_weekday(table), _calendar_days(table, first))


def _same_weekday(table: Floats) -> Floats:
    result = np.full(table.shape, np.nan)
    if table.shape[1] > WINDOW:
        past = [table[:, WINDOW - n * WEEK : -n * WEEK] for n in range(1, MIN_WEEKS + 1)]
        result[:, WINDOW:] = np.median(np.stack(past), axis=0)
    return result


def _weekday_factors(table: Floats) -> Floats:
    """Each day's share of its week's mean, by weekday, as a median over the weeks."""
    size = table.shape[1]
    weeks = size // WEEK
    factors = np.ones(table.shape)
    if weeks < MIN_WEEKS:
        return factors
    blocks = table[:, : weeks * WEEK].reshape(len(table), weeks, WEEK)
    means = blocks.mean(axis=2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(means > 0, blocks / means, np.nan)
    has_any = np.isfinite(shares).any(axis=1)
    typical = np.where(has_any, _nanmedian(shares), 1.0)
    typical = np.maximum(typical, 0.05)
    return np.tile(typical, (1, weeks + 1))[:, :size]


def _nanmedian(shares: Floats) -> Floats:
    filled = np.where(np.isfinite(shares), shares, 1.0)
    counted = np.asarray(np.isfinite(shares).any(axis=2))
    # A week without any cost says nothing of its days.
    result = np.empty((len(shares), WEEK))
    for at, (rows, used) in enumerate(zip(filled, counted, strict=True)):
        result[at] = np.median(rows[used], axis=0) if used.any() else 1.0
    return result


def _trailing_median(table: Floats, width: int) -> Floats:
    """Median of the `width` days before each day; NaN for the first ones."""
    result = np.full(table.shape, np.nan)
    if table.shape[1] > width:
        windows = sliding_window_view(table[:, :-1], width, axis=1)
        for begin in range(0, len(table), 256):
            result[begin : begin + 256, width:] = np.median(windows[begin : begin + 256], axis=2)
    return result


def _calendar_days(table: Floats, first: date) -> Flags:
    """Days whose excess recurs a month or a year before or after, on the same day.

    Commitments and fees are billed so: monthly or yearly, on a day of the month or on its last.
    """
    padded = np.pad(table, ((0, 0), (HALF_WEEK, HALF_WEEK)), mode="edge")
    excess = table - np.median(sliding_window_view(padded, WEEK, axis=1), axis=2)
    marked = np.zeros(table.shape, np.bool_)
    for n in range(table.shape[1]):
        for other in _recurrences(first + timedelta(days=n)):
            at = (other - first).days
            if 0 <= at < table.shape[1]:
                here, there = excess[:, n], excess[:, at]
                near = np.abs(here - there) <= MONTH_LIKENESS * np.abs(here)
                marked[:, n] |= near & (here * there > 0)
    return marked


def _recurrences(day: date) -> Iterator[date]:
    """The same day a month and a year away; of a month's last day the last ones, too."""
    is_last = (day + timedelta(days=1)).day == 1
    for months in (-MONTHS_A_YEAR, -1, 1, MONTHS_A_YEAR):
        year, month = divmod(day.year * MONTHS_A_YEAR + day.month - 1 + months, MONTHS_A_YEAR)
        length = calendar.monthrange(year, month + 1)[1]
        if day.day <= length:
            yield date(year, month + 1, day.day)
        if is_last and day.day != length:
            yield date(year, month + 1, length)
