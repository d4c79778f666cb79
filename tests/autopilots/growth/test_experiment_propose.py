"""Tests of `autopilot.growth.experiment_propose`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from jobforge.autopilots.growth import EXPERIMENT_PROPOSE, power_proportions
from jobforge.autopilots.growth.experiments.result import ExperimentProposeResult
from jobforge.core.context import DatasetFile
from jobforge.core.errors import (
    DatasetMissing,
    PayloadInvalid,
    SourceMalformed,
    TargetUnavailable,
)
from jobforge.testing.context import MemoryContext

GOLDEN = Path(__file__).parent / "golden" / "experiment_propose.json"
FUNNEL = [
    {"step": "visit", "users": 90_000},
    {"step": "signup", "users": 9_000},
    {"step": "activate", "users": 3_600},
]
ROOM = {"traffic_allocation": 0.5, "max_duration_days": 28}
GENUINE = {
    "drop_off_threshold": 0.2,
    "funnel_metrics_id": "funnel-1",
    "funnel_name": "onboarding-funnel",
    "max_proposals": 3,
}


async def run(
    payload: dict[str, Any], context: MemoryContext | None = None
) -> ExperimentProposeResult:
    own = {"goal_metric": "conversion", "funnel": FUNNEL, "period_days": 30, "constraints": ROOM}
    assert EXPERIMENT_PROPOSE.handle is not None
    parsed = EXPERIMENT_PROPOSE.parse_payload({**own, **payload})
    return await EXPERIMENT_PROPOSE.handle(parsed, context or MemoryContext())


async def test_proposals_are_ranked_by_what_they_bring_at_the_end() -> None:
    result = await run({})

    gains = [p.expected_gain_per_month for p in result.proposed_experiments]
    assert [p.step for p in result.proposed_experiments] == ["activate", "signup"]
    assert gains == sorted(gains, reverse=True)


async def test_a_proposal_is_sized_so_that_it_finds_what_it_promises() -> None:
    for proposal in (await run({})).proposed_experiments:
        power = power_proportions(
            proposal.baseline_rate, proposal.minimum_detectable_effect, proposal.users_per_variant
        )
        assert power >= 0.8
        assert proposal.duration_days % 7 == 0
        assert proposal.duration_days <= 28
        low, high = proposal.expected_gain_interval
        assert low < proposal.expected_gain_per_month < high


async def test_the_gain_is_the_arithmetic_of_the_funnel() -> None:
    """3,000 visits a day x 30 days x 10 % sign up x 40 % activate x the relative change."""
    proposal = (await run({})).proposed_experiments[0]

    expected = 3000 * 30 * 0.1 * 0.4 * proposal.minimum_detectable_effect
    assert proposal.expected_gain_per_month == pytest.approx(expected)


async def test_too_little_traffic_proposes_nothing_and_says_why() -> None:
    payload = {
        "funnel": [{"step": "visit", "users": 900}, {"step": "signup", "users": 90}],
        "constraints": {"minimum_detectable_effect": 0.05},
    }

    result = await run(payload)

    assert result.proposed_experiments == ()
    assert result.estimated_impact is None
    assert "users per variant" in result.not_proposed[0].reason


async def test_a_minimum_sample_that_takes_too_long_is_named_as_the_reason() -> None:
    payload = {"constraints": {"max_duration_days": 14}}

    result = await run(payload)

    reasons = {entry.step: entry.reason for entry in result.not_proposed}
    assert reasons["activate"].startswith("the minimum sample size takes 500 users per variant")


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        ([50, 10], "only 50 users reach"),
        ([1000, 2000], "not a funnel"),
        ([1000, 0], "nobody gets there"),
        ([1000, 950], "loses less than 20%"),
        ([1000, 400], "not even a doubling"),
    ],
)
async def test_a_step_that_supports_no_test_is_declined(users: list[int], reason: str) -> None:
    funnel = [{"step": f"s{n}", "users": count} for n, count in enumerate(users)]

    result = await run({"funnel": funnel, "constraints": {}})

    assert reason in result.not_proposed[0].reason
    assert result.proposed_experiments == ()


async def test_what_the_page_shows_makes_the_change_concrete() -> None:
    context = MemoryContext()
    fields = "".join(f'<input name="field{n}">' for n in range(8))
    context.http.add(
        "https://x.example/join", f"<h1>Join</h1><form>{fields}<button>Submit</button>"
    )

    result = await run({"target_page": "https://x.example/join"}, context)

    signup = next(p for p in result.proposed_experiments if p.step == "signup")
    assert signup.variants[1].name == "fewer-fields"
    assert "field0, field1" in signup.variants[1].change
    assert any("asks for 8 fields" in fact for fact in signup.evidence)


async def test_a_page_that_fails_is_an_error() -> None:
    context = MemoryContext()
    context.http.add("https://x.example/join", "", status=500)

    with pytest.raises(TargetUnavailable, match="500"):
        await run({"target_page": "https://x.example/join"}, context)


async def test_a_running_test_on_the_same_step_is_a_conflict() -> None:
    running = [{"name": "button-color", "step": "signup", "ends": "2026-02-01"}, {"name": "other"}]

    result = await run({"running_experiments": running})

    conflicts = {p.step: p.conflicts for p in result.proposed_experiments}
    assert conflicts["signup"] == (
        "button-color runs on the same step until 2026-02-01: start after it",
    )


async def test_more_variants_need_more_users() -> None:
    wanted = {**ROOM, "max_duration_days": 90, "minimum_detectable_effect": 0.12}
    found = {}
    for count in (2, 3):
        result = await run({"constraints": wanted, "options": {"max_variants": count}})
        found[count] = next(p for p in result.proposed_experiments if p.step == "activate")

    assert len(found[3].variants) == 3
    assert found[3].users_per_variant > found[2].users_per_variant


async def test_a_funnel_is_counted_from_events() -> None:
    rows = [{"user_id": f"u{n}", "event": "visit", "timestamp": 86_400 * (n % 5)}
            for n in range(5000)]  # fmt: skip
    rows += [{"user_id": f"u{n}", "event": "join", "timestamp": 86_400 * (n % 5) + 60}
             for n in range(0, 5000, 10)]  # fmt: skip

    result = await run({"funnel": rows, "steps": ["visit", "join"], "period_days": None})

    assert result.daily_users == 1000
    assert result.proposed_experiments[0].baseline_rate == pytest.approx(0.1)


async def test_the_modules_own_payload_names_a_dataset() -> None:
    assert EXPERIMENT_PROPOSE.translate is not None
    assert EXPERIMENT_PROPOSE.handle is not None
    payload = EXPERIMENT_PROPOSE.parse_payload(EXPERIMENT_PROPOSE.translate(GENUINE))
    context = MemoryContext()
    context.data.datasets["funnel-1"] = [{**row, "days": "30"} for row in FUNNEL]

    result = await EXPERIMENT_PROPOSE.handle(payload, context)

    assert result.funnel_name == "onboarding-funnel"
    with pytest.raises(DatasetMissing):
        await EXPERIMENT_PROPOSE.handle(payload, MemoryContext())


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"funnel": []}, SourceMalformed),
        ({"funnel": [{"a": 1}]}, SourceMalformed),
        ({"funnel": [{"step": "a", "users": "many"}]}, SourceMalformed),
        ({"period_days": None}, PayloadInvalid),
        ({"funnel": [{"event": "a", "user_id": 1, "timestamp": 1}]}, PayloadInvalid),
        ({"goal_metric": "fame"}, PayloadInvalid),
        ({"constraints": {"traffic_allocation": 0.6}}, PayloadInvalid),
        ({"options": {"max_variants": 6}}, PayloadInvalid),
    ],
)
async def test_a_funnel_that_is_none_is_refused(
    payload: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await run(payload)


async def test_the_power_curve_is_a_picture() -> None:
    context = MemoryContext()

    await run({}, context)

    stem = f"growth-experiment-{context.job.job_id}"
    assert context.artifacts.stored[f"{stem}.svg"].startswith(b"<svg")
    assert b"stop rule" in context.artifacts.stored[f"{stem}.md"]


async def test_the_golden_funnel_gives_the_golden_proposals() -> None:
    case = json.loads(GOLDEN.read_text())
    assert case["job_type"] == EXPERIMENT_PROPOSE.name
    assert EXPERIMENT_PROPOSE.handle is not None

    payload = EXPERIMENT_PROPOSE.parse_payload(case["payload"])
    result = await EXPERIMENT_PROPOSE.handle(payload, MemoryContext())

    assert json.loads(result.model_dump_json()) == case["result"]


def test_every_example_is_a_valid_payload() -> None:
    for example in EXPERIMENT_PROPOSE.examples:
        EXPERIMENT_PROPOSE.parse_payload(example)


async def test_what_experiment_run_started_is_a_conflict_without_being_named() -> None:
    context = MemoryContext()
    definition = {"title": "Ask for less", "target_step": "activate", "status": "running"}
    ended = {"title": "An old one", "target_step": "signup", "status": "ended"}
    context.workspace.files = {
        "experiments/shorter-form.json": json.dumps(definition).encode(),
        "experiments/old.json": json.dumps(ended).encode(),
    }

    result = await run({}, context)

    conflicts = {p.step: p.conflicts for p in result.proposed_experiments}
    assert conflicts == {"activate": ("Ask for less runs on the same step",), "signup": ()}


async def test_the_report_has_the_power_curve_and_says_what_a_page_says_only_as_text() -> None:
    context = MemoryContext()

    result = await run({"funnel_name": "<script>alert(1)</script>"}, context)

    stored = {name.rpartition(".")[2]: text.decode() for name, text in
              context.artifacts.stored.items()}  # fmt: skip
    assert "<script" not in stored["html"]
    assert "default-src 'none'" in stored["html"]
    assert stored["svg"] in stored["html"]
    assert stored["svg"].count("<polyline") == len(result.proposed_experiments)
    ElementTree.fromstring(stored["svg"])  # noqa: S314 - our own picture


async def test_the_power_curve_ends_at_the_power_that_the_proposal_states() -> None:
    result = await run({"options": {"max_variants": 3}, "constraints": {**ROOM, "power": 0.9}})

    for proposal in result.proposed_experiments:
        assert proposal.significance_level == 0.05 / (len(proposal.variants) - 1)
        power = power_proportions(
            proposal.baseline_rate,
            proposal.minimum_detectable_effect,
            proposal.users_per_variant,
            alpha=proposal.significance_level,
        )
        assert power == proposal.power >= 0.9


async def test_a_funnel_without_a_test_says_so_in_every_form() -> None:
    context = MemoryContext()

    await run({"daily_users": 1}, context)

    texts = [t.decode() for n, t in context.artifacts.stored.items() if not n.endswith("json")]
    assert len(texts) == 2
    assert all("the data do not support a test" in text for text in texts)


async def test_events_of_a_dataset_are_counted_without_their_rows(tmp_path: Path) -> None:
    lines = ["user_id,event,timestamp"]
    for n in range(3_000):
        steps = ["visit", *(["signup"] if n % 4 == 0 else [])]
        lines += [f"u{n},{s},2026-01-{1 + n % 14:02d}T10:0{i}:00Z" for i, s in enumerate(steps)]
    path = tmp_path / "events.csv"
    path.write_text("\n".join(lines))
    context = MemoryContext()
    context.data.files["site-events"] = DatasetFile(path=path, format="csv", checksum="")

    result = await run(
        {"funnel": "site-events", "steps": ["visit", "signup"], "period_days": None}, context
    )

    assert result.daily_users == pytest.approx(3_000 / 14)
    assert "site-events" not in context.data.datasets


async def test_counts_of_a_dataset_may_name_their_steps_too(tmp_path: Path) -> None:
    path = tmp_path / "funnel.csv"
    path.write_text("step,users\nvisit,90000\nsignup,9000\n")
    context = MemoryContext()
    context.data.files["funnel"] = DatasetFile(path=path, format="csv", checksum="")
    context.data.datasets["funnel"] = [{"step": "visit", "users": "90000"},
                                       {"step": "signup", "users": "9000"}]  # fmt: skip

    result = await run({"funnel": "funnel", "steps": ["visit", "signup"]}, context)

    assert result.daily_users == 3_000
