"""How often somebody may ask: a bucket for each person, in this process."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from jobforge.core.errors import RateLimited

WINDOW_SECONDS = 60
_MAX_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left for somebody after a request."""

    limit: int
    remaining: int
    retry_after_seconds: int
    is_exceeded: bool

    def check(self) -> None:
        """Raise where nothing was left.

        Raises:
            RateLimited: too many requests.
        """
        if self.is_exceeded:
            raise RateLimited(f"more than {self.limit} requests a minute: wait and send it again")

    def to_headers(self) -> dict[str, str]:
        """As headers. Source: draft-ietf-httpapi-ratelimit-headers-10, RFC 9110 10.2.3."""
        headers = {
            "RateLimit-Policy": f'"person";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"person";r={self.remaining};t={self.retry_after_seconds}',
        }
        if self.is_exceeded:
            headers["Retry-After"] = str(self.retry_after_seconds)
        return headers


class RateLimiter:
    """Token buckets: `per_minute` at once, filled evenly; the longest unused ones are forgotten."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> Rate:
        """Take one of somebody's requests, if one is left."""
        now = self._monotonic()
        a_second = self._per_minute / WINDOW_SECONDS
        left, at = self._buckets.pop(who, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - at) * a_second)
        is_exceeded = left < 1
        if not is_exceeded:
            left -= 1
        self._buckets[who] = (left, now)
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        wait = math.ceil(max(0.0, 1 - left) / a_second)
        return Rate(self._per_minute, int(left), wait, is_exceeded)
