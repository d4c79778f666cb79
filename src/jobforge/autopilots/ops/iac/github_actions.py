"""Checks of GitHub Actions workflows.

Source: GitHub Docs, "Security hardening for GitHub Actions".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.iac.kubernetes_model import items, mapping
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

UNSAFE_COMMANDS = Check("OPS_GHA_001", ("CKV_GHA_1",), "Unsafe workflow commands are off", "high",
                        "Remove ACTIONS_ALLOW_UNSECURE_COMMANDS.")  # fmt: skip
INJECTION = Check("OPS_GHA_002", ("CKV_GHA_2",), "Scripts take no text from outside", "critical",
                  "Pass it through env: and quote the variable.")  # fmt: skip
SECRET_SENT = Check("OPS_GHA_003", ("CKV_GHA_3",), "Secrets are not sent by curl", "high",
                    "Use an action or a file.")  # fmt: skip
REVERSE_SHELL = Check("OPS_GHA_004", ("CKV_GHA_4",), "No reverse shell", "critical",
                      "Remove the command.")  # fmt: skip
WRITE_ALL = Check("OPS_GHA_005", ("CKV2_GHA_1",), "The token has few permissions", "medium",
                  "Add `permissions:` with what is needed.")  # fmt: skip
UNPINNED = Check("OPS_GHA_006", (), "Actions are pinned by commit", "medium",
                 "Write the commit's 40 digits, with the tag in a comment.")  # fmt: skip
UNTRUSTED_CHECKOUT = Check("OPS_GHA_007", (), "No foreign code is built with secrets", "critical",
                           "Use pull_request, or do not check out the head.")  # fmt: skip
PIPED_SCRIPT = Check("OPS_GHA_008", (), "No download is piped into a shell", "medium",
                     "Download it, check its digest, then run it.")  # fmt: skip
CHECKS = (UNSAFE_COMMANDS, INJECTION, SECRET_SENT, REVERSE_SHELL, WRITE_ALL, UNPINNED,
          UNTRUSTED_CHECKOUT, PIPED_SCRIPT)  # fmt: skip

_FOREIGN = re.compile(
    r"\$\{\{\s*(?:github\.head_ref|github\.event\.(?:issue|pull_request|comment|review|head_commit|"
    r"discussion|workflow_run|commits|pages)[\w.\[\]*]*\.?(?:title|body|message|name|email|ref|label|"
    r"head_branch|default_branch|page_name)[\w.]*)[^}]*\}\}"
)
_SENDS = re.compile(r"\bcurl\b[^\n|;]*\$\{?\{?\s*secrets\.")
_SHELL = re.compile(r"/dev/tcp/|\bnc\b[^\n]*\s-e\b|\bmkfifo\b[^\n]*\bnc\b")
_PIPED = re.compile(r"\b(?:curl|wget)\b[^\n;&]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b")
_COMMIT = re.compile(r"@[0-9a-f]{40}$")


def is_workflow(path: str, documents: list[Any]) -> bool:
    """Whether the file is a workflow, by its folder or its shape."""
    first = documents[0] if documents else None
    if not isinstance(first, Mapping) or not isinstance(first.get("jobs"), Mapping):
        return False
    return ".github/workflows" in path.replace("\\", "/") or bool({"on", "True"} & set(first))


def check_workflow(path: str, documents: list[Any]) -> Iterator[Finding]:
    """Judge the workflow, its jobs and their steps."""
    workflow = mapping(documents[0])
    if workflow.get("permissions") == "write-all" or (
        "permissions" not in workflow and not _every_job_has_permissions(workflow)
    ):
        shown = f"permissions is {workflow.get('permissions', 'missing')}"
        yield WRITE_ALL.fail(path, "workflow", shown, line=line_of(workflow, "permissions"))
    triggers = workflow.get("on", workflow.get("True"))
    is_privileged = "pull_request_target" in str(triggers)
    for name, job in mapping(workflow.get("jobs")).items():
        yield from _check_environment(path, f"job {name}", mapping(job))
        for position, step in enumerate(items(mapping(job).get("steps"))):
            resource = f"job {name} step {mapping(step).get('name') or position + 1}"
            yield from _check_step(path, resource, mapping(step), is_privileged)


def _every_job_has_permissions(workflow: Mapping[str, Any]) -> bool:
    jobs = mapping(workflow.get("jobs")).values()
    return all("permissions" in mapping(job) for job in jobs)


def _check_environment(path: str, resource: str, conf: Mapping[str, Any]) -> Iterator[Finding]:
    value = mapping(conf.get("env")).get("ACTIONS_ALLOW_UNSECURE_COMMANDS")
    if str(value).lower() == "true":
        yield UNSAFE_COMMANDS.fail(path, resource, f"set to {value}", line=line_of(conf, "env"))


def _check_step(
    path: str, resource: str, step: Mapping[str, Any], is_privileged: bool
) -> Iterator[Finding]:
    yield from _check_environment(path, resource, step)
    script = step.get("run")
    if isinstance(script, str):
        checks = ((INJECTION, _FOREIGN), (SECRET_SENT, _SENDS), (REVERSE_SHELL, _SHELL),
                  (PIPED_SCRIPT, _PIPED))  # fmt: skip
        for check, pattern in checks:
            found = pattern.search(script)
            if found:
                line = line_of(step, "run")
                yield check.fail(path, resource, found.group()[:120], line=line)
    uses = step.get("uses")
    if isinstance(uses, str):
        yield from _check_action(path, resource, step, uses, is_privileged)


def _check_action(
    path: str, resource: str, step: Mapping[str, Any], uses: str, is_privileged: bool
) -> Iterator[Finding]:
    is_local = uses.startswith(("./", "docker://"))
    if not is_local and not _COMMIT.search(uses):
        yield UNPINNED.fail(path, resource, f"uses {uses}", line=line_of(step, "uses"))
    ref = str(mapping(step.get("with")).get("ref") or "")
    if is_privileged and uses.startswith("actions/checkout") and "head" in ref:
        yield UNTRUSTED_CHECKOUT.fail(path, resource, f"checks out {ref}", line=line_of(step))
