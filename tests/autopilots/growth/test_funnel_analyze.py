"""Tests of `autopilot.growth.funnel_analyze`."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobforge.autopilots.growth import FUNNEL_ANALYZE
from jobforge.autopilots.growth.funnel.analysis import analyze_funnel
from jobforge.autopilots.growth.funnel.model import wilson
from jobforge.autopilots.growth.funnel.result import FunnelAnalyzeResult
from jobforge.core.context import DatasetFile
from jobforge.core.data_source import DataFormat
from jobforge.core.errors import DatasetMissing, InvalidInput, PayloadInvalid, SourceMalformed
from jobforge.testing.context import MemoryContext

GOLDEN = Path(__file__).parent / "golden" / "funnel_analyze.json"
STEPS = ["visit", "signup", "buy"]


def event(user: str, name: str, minute: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - row values
    time = f"2026-01-{1 + minute // 1440:02d}T{minute % 1440 // 60:02d}:{minute % 60:02d}:00Z"
    return {"user_id": user, "event": name, "timestamp": time, **more}


async def run(
    events: Any,  # noqa: ANN401 - JSON enters here
    context: MemoryContext | None = None,
    **payload: Any,  # noqa: ANN401 - as above
) -> FunnelAnalyzeResult:
    assert FUNNEL_ANALYZE.handle is not None
    parsed = FUNNEL_ANALYZE.parse_payload({"events": events, "steps": STEPS, **payload})
    return await FUNNEL_ANALYZE.handle(parsed, context or MemoryContext())


def units(result: FunnelAnalyzeResult) -> list[int]:
    return [step.units for step in result.funnel.steps]


async def test_events_count_in_order_only() -> None:
    rows = [event("a", "visit", 0), event("a", "signup", 1), event("a", "buy", 2),
            event("b", "buy", 0), event("b", "signup", 1), event("b", "visit", 2)]  # fmt: skip

    result = await run(rows)

    assert units(result) == [2, 1, 1]
    assert result.funnel.overall_conversion == 0.5
    assert result.funnel.biggest_drop == "signup"


async def test_the_window_starts_with_each_entry_and_includes_its_end() -> None:
    rows = [event("late", "visit", 0), event("late", "signup", 61), event("late", "buy", 62),
            event("again", "visit", 0), event("again", "visit", 100), event("again", "signup", 160),
            event("edge", "visit", 0), event("edge", "signup", 60)]  # fmt: skip

    assert units(await run(rows, window_hours=1)) == [3, 2, 0]
    assert units(await run(rows, window_hours=None)) == [3, 3, 1]


async def test_sessions_end_with_a_pause() -> None:
    rows = [event("a", "visit", 0), event("a", "other", 20), event("a", "signup", 45),
            event("a", "visit", 200), event("b", "visit", 0), event("b", "signup", 31)]  # fmt: skip

    assert units(await run(rows, unit="session")) == [3, 1, 0]
    assert units(await run(rows, unit="user")) == [2, 2, 0]


async def test_segments_are_those_of_the_first_step() -> None:
    rows = [event("a", "visit", 0, device="phone"), event("a", "signup", 1, device="desk"),
            event("b", "visit", 0, device="desk"), event("c", "visit", 0)]  # fmt: skip

    result = await run(rows, segment_by="device")

    found = {f.segment: [step.units for step in f.steps] for f in result.segments}
    assert found == {"phone": [1, 1, 0], "desk": [1, 0, 0], "(none)": [1, 0, 0]}


async def test_times_are_measured_from_the_first_step() -> None:
    rows = [event(f"u{n}", "visit", 0) for n in range(3)]
    rows += [event(f"u{n}", "signup", 10 * (n + 1)) for n in range(3)]

    signup = (await run(rows)).funnel.steps[1]

    assert signup.median_seconds == 1200
    assert signup.interval == wilson(3, 3)


async def test_files_of_every_format_give_the_same_funnel(tmp_path: Path) -> None:
    rows = [event("a", "visit", 0), event("a", "signup", 5), event("b", "visit", 1)]
    lines = "user_id,event,timestamp\n" + "\n".join(",".join(map(str, r.values())) for r in rows)
    contents = {"csv": lines, "json": json.dumps(rows), "ndjson": "\n".join(map(json.dumps, rows))}

    for name, text in contents.items():
        path = tmp_path / f"events.{name}"
        path.write_text(text)
        context = MemoryContext()
        context.data.files["events"] = DatasetFile(path=path, format=name, checksum="sha256:0")  # type: ignore[arg-type] # a key of the dict above
        assert FUNNEL_ANALYZE.handle is not None
        payload = FUNNEL_ANALYZE.parse_payload({"events": "events", "steps": STEPS})
        assert units(await FUNNEL_ANALYZE.handle(payload, context)) == [2, 1, 0]


async def test_unix_seconds_are_times_too() -> None:
    rows = [{"user_id": "a", "event": "visit", "timestamp": 1_767_225_600},
            {"user_id": "a", "event": "signup", "timestamp": 1_767_225_660.5}]  # fmt: skip

    result = await run(rows)

    assert result.first_day == "2026-01-01"
    assert result.funnel.steps[1].median_seconds == pytest.approx(60.5)


async def test_rows_that_cannot_be_used_are_counted() -> None:
    rows = [event("a", "visit", 0), {"user_id": "b", "event": "visit", "timestamp": "soon"}]

    assert (await run(rows)).skipped_events == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"user": "a", "event": "visit", "timestamp": 1}], "no column 'user_id'"),
        ([], "no column"),
        ([{"user_id": "a", "event": "visit", "timestamp": "soon"}], "readable time"),
        ([event("a", "other", 0)], "no event is one of the steps"),
    ],
)
async def test_an_empty_funnel_is_an_error(rows: list[Any], message: str) -> None:
    with pytest.raises(SourceMalformed, match=message):
        await run(rows)


async def test_a_missing_dataset_names_the_command() -> None:
    with pytest.raises(DatasetMissing) as missing:
        await run("nowhere")

    assert "jobforge data add nowhere" in (missing.value.hint or "")


def test_a_step_cannot_stand_twice() -> None:
    with pytest.raises(PayloadInvalid):
        FUNNEL_ANALYZE.parse_payload({"events": "e", "steps": ["a", "a"]})


def test_one_step_is_no_funnel() -> None:
    empty = np.empty(0, dtype=np.int64)

    with pytest.raises(InvalidInput):
        analyze_funnel(empty, empty, empty, ["only"])


def slow_funnel(events: list[tuple[int, int, int]], count: int, window: int) -> list[int]:
    """Try every ordered choice of events."""
    reached = [set[int]() for _ in range(count)]
    for unit in {e[0] for e in events}:
        own = [e for e in events if e[0] == unit]
        for depth in range(count):
            for chosen in itertools.combinations(own, depth + 1):
                in_order = [e[2] for e in chosen] == list(range(depth + 1))
                if in_order and chosen[-1][1] - chosen[0][1] <= window:
                    reached[depth].add(unit)
    return [len(units) for units in reached]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(-1, 2)), max_size=14),
    st.integers(0, 9),
)
@example([(0, 0, 0), (0, 1, 1)], 0)
@example([(0, 0, 0), (0, 1, 1)], 1)
def test_the_fast_way_agrees_with_trying_everything(
    rows: list[tuple[int, int, int]], window: int
) -> None:
    events = sorted(rows)
    units, times, steps = (np.array([e[i] for e in events], dtype=np.int64) for i in range(3))

    found = analyze_funnel(units, times, steps, ["a", "b", "c"], window=window)

    assert [step.units for step in found.steps] == slow_funnel(events, 3, window)


async def test_the_golden_events_give_the_golden_funnel() -> None:
    case = json.loads(GOLDEN.read_text())
    assert case["job_type"] == FUNNEL_ANALYZE.name

    assert FUNNEL_ANALYZE.handle is not None
    payload = FUNNEL_ANALYZE.parse_payload(case["payload"])
    result = await FUNNEL_ANALYZE.handle(payload, MemoryContext())

    assert json.loads(result.model_dump_json()) == case["result"]


def test_every_example_is_a_valid_payload() -> None:
    for payload in FUNNEL_ANALYZE.examples:
        FUNNEL_ANALYZE.parse_payload(payload)


@pytest.mark.parametrize("form", ["json", "ndjson"])
async def test_json_whose_later_rows_look_different_is_read_all_the_same(
    tmp_path: Path, form: DataFormat
) -> None:
    rows: list[dict[str, Any]] = [
        {"user_id": f"u{n}", "event": "visit", "timestamp": f"2026-01-01 10:00:0{n % 10}.25"}
        for n in range(30_000)
    ]
    rows += [
        {"user_id": 7, "event": "signup", "timestamp": 1767262000, "nested": {"a": [1]}},
        {"user_id": "7", "event": "visit", "timestamp": "2026-01-01T10:00:00Z"},
        {"user_id": "x", "event": None, "timestamp": "no time"},
    ]
    text = json.dumps(rows) if form == "json" else "\n".join(map(json.dumps, rows))
    path = tmp_path / f"events.{form}"
    path.write_text(text)
    context = MemoryContext()
    context.data.files["site-events"] = DatasetFile(path=path, format=form, checksum="")

    result = await run("site-events", context=context, steps=["visit", "signup"])

    assert [step.units for step in result.funnel.steps] == [30_001, 1]
    assert result.skipped_events == 1


async def test_the_report_has_a_picture_of_each_segment_and_no_markup_of_the_data() -> None:
    context = MemoryContext()
    rows = [
        {"user_id": n, "event": step, "timestamp": 1_767_262_000 + n, "device": f"<b>{n % 2}</b>"}
        for n in range(10)
        for step in ("visit", "signup")
    ]

    await run(rows, context=context, steps=["visit", "signup"], segment_by="device")

    page = next(t for n, t in context.artifacts.stored.items() if n.endswith(".html")).decode()
    assert page.count("<svg") == 4
    assert "<b>" not in page
    assert "&lt;b&gt;0&lt;/b&gt;" in page
