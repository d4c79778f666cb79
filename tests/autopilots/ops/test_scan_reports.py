"""Tests of a scan's further inputs and reports: files, Prometheus, waste, suppressions, SARIF."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from lxml import html as lxml_html

from jobforge.autopilots.ops import SCAN
from jobforge.autopilots.ops.finding import Check
from jobforge.autopilots.ops.findings_report import to_html, to_markdown, to_sarif
from jobforge.autopilots.ops.scan import ScanResult, handle
from jobforge.autopilots.ops.waste import assets_of, find_waste
from jobforge.core.errors import DatasetMissing, PathDenied, PayloadInvalid, SourceMalformed
from jobforge.testing.context import MemoryContext

NOW = datetime(2026, 1, 15, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> | x"
FOUND = (
    Check("X_1", ("CKV_1",), "A title", "low", "Mend it.").fail("a.tf", "r", "e", line=3),
    Check("X_2", (), HOSTILE, "critical", HOSTILE).fail("https://a/", HOSTILE, HOSTILE),
)


async def scan(context: MemoryContext, **payload: Any) -> ScanResult:  # noqa: ANN401 (JSON)
    return await handle(SCAN.parse_payload(payload), context)


async def test_files_of_the_workspace_are_judged_and_packages_left_out() -> None:
    context = MemoryContext()
    context.workspace.files = {
        "deploy/Dockerfile": b"FROM alpine\n",
        "deploy/node_modules/x/Dockerfile": b"FROM alpine\n",
        "deploy/logo.png": b"\x89PNG",
        "deploy/broken.tf": b"a = [",
        "other/Dockerfile": b"FROM alpine\n",
    }

    result = await scan(context, scan_type="security", targets=["files:deploy"])

    assert {f.path for f in result.findings} == {"deploy/Dockerfile", "deploy/broken.tf"}
    assert all(f.status == "FAILED" for f in result.findings)
    assert "2 files" in result.notices[0]


async def test_a_folder_outside_the_workspace_is_refused() -> None:
    with pytest.raises(PathDenied):
        await scan(MemoryContext(), targets=["files:../other"])


PROMETHEUS = {"url": "https://prom.example", "query": "up", "title": "up", "critical_below": 1}
ADDRESS = "https://prom.example/api/v1/query?query=up"


def answered(context: MemoryContext, result: object, kind: str = "vector") -> None:
    body = {"status": "success", "data": {"resultType": kind, "result": result}}
    context.http.add(ADDRESS, json.dumps(body))


async def test_a_measured_value_beyond_its_limit_is_a_finding() -> None:
    context = MemoryContext()
    answered(
        context,
        [
            {"metric": {"job": "a"}, "value": [1, "0"]},
            {"metric": {"job": "b"}, "value": [1, "1"]},
            {"metric": {"job": "c"}, "value": [1, "NaN"]},
        ],
    )

    result = await scan(context, prometheus=[PROMETHEUS])

    assert [(f.resource, f.severity) for f in result.findings] == [
        ("up {job=a}", "critical"),
        ("up {job=c}", "medium"),
    ]


async def test_a_query_without_series_is_no_all_clear() -> None:
    context = MemoryContext()
    answered(context, [])

    result = await scan(context, prometheus=[PROMETHEUS])

    assert [f.check_id for f in result.findings] == ["OPS_PROM_002"]


@pytest.mark.parametrize("body", ["no json", "[]", '{"status": "error", "error": "bad"}', "{}"])
async def test_an_answer_that_is_none_costs_one_finding(body: str) -> None:
    context = MemoryContext()
    context.http.add(ADDRESS, body)

    result = await scan(context, prometheus=[PROMETHEUS])

    assert [f.check_id for f in result.findings] == ["OPS_TARGET_001"]


def test_a_query_without_a_limit_is_refused() -> None:
    with pytest.raises(PayloadInvalid):
        SCAN.parse_payload({"prometheus": [PROMETHEUS | {"critical_below": None}]})


@pytest.mark.parametrize(
    ("row", "check", "money"),
    [
        ({"use_percent": 1, "price_per_month": "50"}, "OPS_COST_001", "50.00 of 50.00"),
        ({"peak_percent": 10, "price_per_month": "50"}, "OPS_COST_002", "25.00 of 50.00"),
        ({"attached": "no", "price_per_month": "8"}, "OPS_COST_003", "8.00 of 8.00"),
        ({"size": "m4.large", "price_per_month": "70"}, "OPS_COST_005", "7.00 of 70.00"),
        ({"last_used_at": "2025-11-01", "price_per_month": "1"}, "OPS_COST_006", "1.00 of 1.00"),
        ({"state": "stopped", "price_per_month": "9"}, "OPS_COST_007", "9.00 of 9.00"),
        ({"attached": "false"}, "OPS_COST_003", "price unknown"),
    ],
)
def test_waste_is_named_with_its_price(row: dict[str, Any], check: str, money: str) -> None:
    (finding,) = find_waste(assets_of([{"resource": "x"} | row]), NOW)

    assert finding.check_id == check
    assert money in finding.evidence


def test_an_asset_without_an_owner_among_owned_ones_is_orphaned() -> None:
    assets = assets_of([{"resource": "a", "owner": "web"}, {"resource": "b"}])

    assert [(f.check_id, f.resource) for f in find_waste(assets, NOW)] == [("OPS_COST_004", "b")]


def test_a_busy_current_asset_is_no_waste() -> None:
    row = {"resource": "a", "size": "m7g.large", "use_percent": 40, "peak_percent": 80,
           "attached": "true", "last_used_at": "2026-01-14", "state": "running"}  # fmt: skip

    assert list(find_waste(assets_of([row]), NOW)) == []


async def test_an_inventory_that_is_not_there_or_malformed_is_an_error() -> None:
    with pytest.raises(DatasetMissing):
        await scan(MemoryContext(), scan_type="cost", inventory="inventory")
    with pytest.raises(SourceMalformed, match="inventory row 0"):
        assets_of([{"resource": "a", "price_per_month": "much"}])


def suppression(**more: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    return {"check_id": "CKV_DOCKER_2", "reason": "known", "expires": "2026-01-15"} | more


async def test_a_suppression_holds_until_its_day_and_is_shown() -> None:
    context = MemoryContext(time=NOW)
    context.workspace.files = {"d/Dockerfile": b"FROM alpine:3\nUSER app\n"}
    given: dict[str, Any] = {"scan_type": "security", "targets": ["files:d"]}

    live = await scan(context, suppressions=[suppression()], **given)
    ended = await scan(context, suppressions=[suppression(expires="2026-01-14")], **given)
    idle = await scan(context, suppressions=[suppression(path="elsewhere/*")], **given)

    assert live.findings == ()
    assert live.summary.healthy == 1
    assert (live.suppressed[0].reason, live.suppressed[0].expires) == ("known", date(2026, 1, 15))
    assert [f.check_id for f in ended.findings] == ["OPS_DOCKER_2"]
    assert "suppression 1 ended 2026-01-14" in ended.notices
    assert "suppression 1 covers nothing" in idle.notices


@pytest.mark.parametrize("missing", ["reason", "expires", "check_id"])
def test_a_suppression_needs_a_reason_an_end_and_a_check(missing: str) -> None:
    rule = suppression()
    del rule[missing]

    with pytest.raises(PayloadInvalid):
        SCAN.parse_payload({"suppressions": [rule]})


async def test_a_baseline_tells_new_from_old_and_fixed() -> None:
    context = MemoryContext(time=NOW)
    context.workspace.files = {"d/Dockerfile": b"FROM alpine\nUSER app\n"}
    given: dict[str, Any] = {"scan_type": "security", "targets": ["files:d"]}
    first = await scan(context, **given)
    kept = first.findings[0].fingerprint
    context.data.datasets["before"] = [{"fingerprint": kept}, {"fingerprint": "gone"}]

    result = await scan(context, baseline="before", **given)

    assert result.baseline is not None
    assert result.baseline.unchanged == (kept,)
    assert result.baseline.fixed == ("gone",)
    assert len(result.baseline.new) == len(first.findings) - 1


def test_sarif_has_rules_results_places_and_fingerprints() -> None:
    log = json.loads(to_sarif(FOUND))

    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["X_1", "X_2"]
    first, second = run["results"]
    assert first["locations"][0]["physicalLocation"]["region"]["startLine"] == 3
    assert (first["level"], second["level"]) == ("note", "error")
    assert first["partialFingerprints"]["jobforge/v1"] == FOUND[0].fingerprint
    assert run["tool"]["driver"]["rules"][second["ruleIndex"]]["id"] == second["ruleId"]


def test_pages_escape_what_findings_say() -> None:
    page = to_html(FOUND, HOSTILE)
    text = to_markdown(FOUND, "t")

    tree = lxml_html.fromstring(page)
    assert list(tree.iter("script")) == []
    assert len(list(tree.iter("tr"))) == 3
    assert "http" not in page.split("</head>")[0].replace("http-equiv", "")
    assert "<script>" not in text
    assert all(line.count(" | ") == 4 for line in text.splitlines() if line.startswith("| c"))


async def test_the_wanted_reports_are_stored() -> None:
    context = MemoryContext()
    context.workspace.files = {"d/Dockerfile": b"FROM alpine\n"}

    await scan(context, targets=["files:d"], formats=["sarif", "markdown", "html"])

    suffixes = {name.rsplit(".", 1)[1] for name in context.artifacts.stored}
    assert suffixes == {"json", "sarif", "md", "html"}
