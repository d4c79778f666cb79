from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.ops import DIAGNOSE
from jobforge.autopilots.ops.diagnose import handle
from jobforge.autopilots.ops.rca.traces import calls_of, shifts_of, spans_of
from jobforge.core.errors import SourceMalformed
from jobforge.testing.context import MemoryContext

START = 1_768_000_000.0


def traces(*, slow: str = "", failing: str = "", count: int = 80) -> list[dict[str, Any]]:
    """Calls of web to cart and search, of cart to db; half of them during the incident."""
    random = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for n in range(count):
        at = START + (n - count // 2) * 10.0
        is_now = at >= START
        own = {s: 10.0 * (1 + 0.1 * random.random()) for s in ("web", "cart", "search", "db")}
        if is_now and slow:
            own[slow] *= 4
        bad = is_now and failing and n % 3 == 0
        below = {"db": 0.0, "search": 0.0, "cart": own["db"], "web": 0.0}
        below["web"] = own["cart"] + own["db"] + own["search"]
        starts = {"web": 0.0, "cart": 1.0, "db": 2.0, "search": 1.0 + own["cart"] + own["db"]}
        for service, parent in (("web", ""), ("cart", "web"), ("db", "cart"), ("search", "web")):
            fails = bad and failing in {service, {"web": "cart", "cart": "db"}.get(service)}
            rows.append(
                {
                    "trace_id": f"t{n}",
                    "span_id": service,
                    "parent_id": parent,
                    "service": service,
                    "start": at + starts[service] / 1000,
                    "duration_ms": own[service] + below[service],
                    "status": "ERROR" if fails else "OK",
                }
            )
    return rows


@pytest.mark.parametrize("slow", ["web", "cart", "search", "db"])
def test_the_service_whose_own_time_rose_is_named_not_its_callers(slow: str) -> None:
    shifts = shifts_of(spans_of(traces(slow=slow)), START)

    assert [shift.service for shift in shifts] == [slow]
    assert shifts[0].own_during > 3 * shifts[0].own_before


def test_errors_are_counted_where_they_begin() -> None:
    (shift,) = shifts_of(spans_of(traces(failing="db", count=240)), START)

    assert shift.service == "db"
    assert shift.errors_before == 0.0
    assert shift.errors_during == pytest.approx(1 / 3, abs=0.05)
    assert "errors begin in 3" in shift.words


def test_quiet_traces_and_too_few_of_them_say_nothing() -> None:
    assert shifts_of(spans_of(traces()), START) == ()
    assert shifts_of(spans_of(traces(slow="db", count=12)), START) == ()


def test_traces_tell_who_calls_whom() -> None:
    assert calls_of(spans_of(traces())) == (("cart", "db"), ("web", "cart"), ("web", "search"))


async def test_a_diagnosis_from_traces_alone_names_cause_and_callers() -> None:
    context = MemoryContext()
    context.data.datasets["traces"] = traces(slow="db")
    payload = {"symptom": "slow", "affected_resources": ["web"], "traces": "traces",
               "incident_start": "2026-01-09T23:06:40Z"}  # fmt: skip

    result = await handle(DIAGNOSE.parse_payload(payload), context)

    assert result.hypotheses[0].service == "db"
    assert result.hypotheses[0].evidence_for[0].startswith("traces: its own time in a span rose")
    assert result.blast_radius == ("cart", "web")
    assert result.trace_shifts[0].own_ms_during > 30


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"duration_ms": -1}, "negative"),
        ({"duration_ms": None}, "no duration_ms"),
        ({"service": ""}, "no service"),
        ({"start": "soon"}, "no time"),
    ],
)
def test_a_row_that_is_no_span_is_named(change: dict[str, Any], why: str) -> None:
    rows = traces(count=2)
    rows[1] |= change

    with pytest.raises(SourceMalformed, match=why):
        spans_of(rows)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.floats(0, 100), st.floats(0, 50)),
        max_size=30,
    )
)
def test_own_times_are_never_negative_even_in_traces_that_run_in_circles(
    parts: list[tuple[int, int, float, float]],
) -> None:
    rows = [
        {"trace_id": "t", "span_id": str(me), "parent_id": str(parent), "service": f"s{me}",
         "start": START + at, "duration_ms": duration}
        for me, parent, at, duration in parts * 12
    ]  # fmt: skip

    for shift in shifts_of(spans_of(rows), START + 50):
        assert shift.own_before >= 0
        assert shift.own_during >= 0
