"""Health by Prometheus queries: a value beyond its limit is a finding.

Source: Prometheus, HTTP API, "Instant queries".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlencode

from pydantic import Field, model_validator

from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.core.context import HttpResponse
from jobforge.core.errors import TargetUnavailable
from jobforge.core.model import Model

LIMIT = Check(
    "OPS_PROM_001", (), "The measured value is within its limits", "medium",
    "Look at what the query measures; its title says what is wrong.", "health",
)  # fmt: skip
NO_DATA = Check(
    "OPS_PROM_002", (), "The query gives values", "medium",
    "Correct the query, or find out why nothing is scraped.", "health",
)  # fmt: skip
CHECKS = (LIMIT, NO_DATA)
MAX_SERIES = 1000


class PrometheusQuery(Model):
    """One instant query with its limits; a value beyond `critical` counts as critical."""

    url: str = Field(pattern=r"^https?://", description="The server, without /api.")
    query: str = Field(min_length=1, max_length=4000)
    title: str = Field(min_length=1, max_length=200)
    warn_above: float | None = None
    critical_above: float | None = None
    warn_below: float | None = None
    critical_below: float | None = None

    @model_validator(mode="after")
    def _has_a_limit(self) -> PrometheusQuery:
        limits = (self.warn_above, self.critical_above, self.warn_below, self.critical_below)
        if all(limit is None for limit in limits):
            raise ValueError("a query needs a limit")
        return self

    @property
    def address(self) -> str:
        """Where to ask."""
        return f"{self.url.rstrip('/')}/api/v1/query?{urlencode({'query': self.query})}"


def check_prometheus(query: PrometheusQuery, answer: HttpResponse) -> Iterator[Finding]:
    """Compare each series' value with the limits; no series at all is a finding, too.

    Raises:
        TargetUnavailable: the answer is no answer of Prometheus.
    """
    samples = _samples(query, answer)
    if not samples:
        yield NO_DATA.fail(query.url, query.title, f"no series for {query.query}")
    for labels, value in samples[:MAX_SERIES]:
        beyond = _beyond(query, value)
        if beyond is not None:
            severity, limit = beyond
            yield LIMIT.fail(
                query.url,
                f"{query.title} {labels}".strip(),
                f"{value:g}, limit {limit}",
                severity="critical" if severity == "critical" else "medium",
            )


def _samples(query: PrometheusQuery, answer: HttpResponse) -> list[tuple[str, float]]:
    try:
        body = json.loads(answer.body)
        if body["status"] != "success":
            raise TargetUnavailable(f"{query.url}: {str(body.get('error'))[:200]}")
        data = body["data"]
        rows = [data["result"]] if data["resultType"] == "scalar" else data["result"]
        return [_sample(row) for row in rows]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise TargetUnavailable(
            f"{query.url} does not answer like Prometheus (status {answer.status}): {error}"
        ) from None


def _sample(row: object) -> tuple[str, float]:
    if isinstance(row, list):
        return "", float(row[1])
    assert isinstance(row, dict)  # noqa: S101 (the caller turns it into its own error)
    labels = ",".join(f"{key}={value}" for key, value in sorted(row.get("metric", {}).items()))
    return f"{{{labels}}}" if labels else "", float(row["value"][1])


def _beyond(query: PrometheusQuery, value: float) -> tuple[str, str] | None:
    if query.critical_above is not None and value > query.critical_above:
        return "critical", f"at most {query.critical_above:g}"
    if query.critical_below is not None and value < query.critical_below:
        return "critical", f"at least {query.critical_below:g}"
    if query.warn_above is not None and value > query.warn_above:
        return "warning", f"at most {query.warn_above:g}"
    if query.warn_below is not None and value < query.warn_below:
        return "warning", f"at least {query.warn_below:g}"
    # NaN is beyond every limit: nobody knows.
    return ("warning", "a number") if value != value else None  # noqa: PLR0124 (NaN)
