from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobforge.autopilots.ops import APPLY, RECOMMEND
from jobforge.autopilots.ops.apply import apply, plan
from jobforge.autopilots.ops.iac.scanner import scan_texts
from jobforge.autopilots.ops.iac.terraform import attribute_values
from jobforge.autopilots.ops.recommend import RecommendResult, handle
from jobforge.autopilots.ops.remedies.kubernetes import OF_CONTAINER, OF_POD
from jobforge.autopilots.ops.remedies.postgres import operation_for
from jobforge.testing.context import MemoryContext

WEB = """\
# the shop
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      containers:
        - name: web   # serves
          image: web:1.2
          securityContext:
            privileged: true
        - name: side
          image: side:1
"""
MAIN = """\
resource "aws_ebs_volume" "data" {
  size      = 10
  encrypted = false # since 2019
}
resource "aws_ecr_repository" "app" {
  name = "app"
}
"""


def findings(files: dict[str, str]) -> list[dict[str, Any]]:
    return [asdict(f) for f in scan_texts(files) if f.status == "FAILED"]


async def recommend(
    rows: list[dict[str, Any]],
    files: dict[str, str],
    **more: Any,  # noqa: ANN401 (any JSON value)
) -> tuple[RecommendResult, MemoryContext]:
    context = MemoryContext()
    context.data.datasets["findings"] = rows
    context.workspace.files = {path: text.encode() for path, text in files.items()}
    payload = {"category": "security", "findings": "findings"} | more
    return await handle(RECOMMEND.parse_payload(payload), context), context


async def test_ready_changes_apply_and_the_scan_is_content_afterwards() -> None:
    files = {"web.yaml": WEB, "infra/main.tf": MAIN}
    before = findings(files)
    result, context = await recommend(before, files)
    ready = [item for item in result.recommendations if item.changes]
    changes = [change for item in ready for change in item.changes]
    payload = APPLY.parse_payload({"recommendation_id": "all", "changes": changes})

    effects = await plan(payload, context)
    await apply(payload, effects, context)

    after = {path: context.workspace.files[path].decode() for path in files}
    fixed = {f["check_id"] for f in before} - {f["check_id"] for f in findings(after)}
    assert {"OPS_K8S_20", "OPS_K8S_16", "OPS_K8S_19", "OPS_AWS_3"} <= fixed
    assert len(ready) >= 8
    assert "# the shop" in after["web.yaml"]
    assert "- name: web   # serves" in after["web.yaml"]
    assert "encrypted = true # since 2019" in after["infra/main.tf"]


async def test_a_finding_nobody_knows_a_value_for_has_no_change_and_says_how() -> None:
    rows = [
        {"check_id": "OPS_K8S_8", "references": ["CKV_K8S_8"], "path": "web.yaml",
         "resource": "Deployment.shop.web", "remediation": "Add a livenessProbe."},
        {"check_id": "OPS_K8S_20", "references": ["CKV_K8S_20"], "path": "gone.yaml",
         "resource": "Deployment.shop.web"},
        {"check_id": "OPS_K8S_16", "references": ["CKV_K8S_16"], "path": "web.yaml",
         "resource": "Deployment.shop.other"},
    ]  # fmt: skip

    result, _ = await recommend(rows, {"web.yaml": WEB})

    assert [item.changes for item in result.recommendations] == [(), (), ()]
    assert all(item.change is None for item in result.recommendations)


async def test_findings_of_a_database_become_operations() -> None:
    rows = [
        {"check_id": "OPS_PG_030", "path": "connection:shop", "resource": "index public.old",
         "category": "cost", "severity": "low"},
        {"check_id": "OPS_PG_009", "path": "connection:shop", "resource": "table orders",
         "category": "health", "severity": "medium"},
        {"check_id": "OPS_PG_008", "path": "connection:shop", "category": "health",
         "resource": "idle_in_transaction_session_timeout"},
    ]  # fmt: skip

    result, _ = await recommend(rows, {}, category="optimization")

    changes = [change for item in result.recommendations for change in item.changes]
    assert {change["operation"]["kind"] for change in changes} == {"drop_index", "vacuum", "set"}
    assert {item.risk for item in result.recommendations} == {"low", "medium"}
    APPLY.parse_payload({"recommendation_id": "r", "changes": changes})


@pytest.mark.parametrize("resource", ['index "odd name"', "index a.b.c", "pid 7", ""])
def test_a_name_that_is_no_name_becomes_no_operation(resource: str) -> None:
    assert operation_for("OPS_PG_030", resource) is None


async def test_a_diagnosis_raises_what_it_speaks_for() -> None:
    context = MemoryContext()
    context.data.datasets["usage"] = [
        {"resource": name, "timestamp": 300 * n, "value": 10 + n % 5, "request": 5}
        for name in ("cart", "web") for n in range(300)
    ]  # fmt: skip
    context.data.datasets["diagnosis"] = [
        {"hypotheses": [{"service": "web", "confidence": 0.8, "settled_by": "its log",
                         "evidence_for": ["cpu went from 1 to 9"]}]}
    ]  # fmt: skip
    payload = {"category": "reliability", "usage": "usage", "diagnosis": "diagnosis"}

    result = await handle(RECOMMEND.parse_payload(payload), context)

    titles = [item.title for item in result.recommendations]
    raised = [title for title in titles if title.startswith("Raise")]
    assert "of web" in raised[0]
    assert "of cart" in raised[1]
    assert "Settle whether web is the cause" in titles


def test_every_remedy_is_of_a_check_that_exists() -> None:
    known = {f"CKV_K8S_{n}" for n in range(1, 200)}

    assert {*OF_CONTAINER, *OF_POD} <= known
    assert len(attribute_values()) >= 60


@settings(max_examples=30)
@given(st.text(max_size=80), st.sampled_from(["web.yaml", "main.tf", "x.json"]))
def test_any_text_gives_changes_or_none_and_never_fails(text: str, path: str) -> None:
    from jobforge.autopilots.ops.remedies.ready import ready_changes

    row = {"check_id": "OPS_K8S_20", "references": ["CKV_K8S_20", "CKV_AWS_3"], "path": path,
           "resource": "Deployment.shop.web"}  # fmt: skip

    assert ready_changes([row], {path: text.encode()}) == ()
