"""Checks of AWS containers, clusters, functions and builds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule, verdict
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, blocks_of, is_unknown
from jobforge.autopilots.ops.iac.terraform_rules import is_set
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

EKS_LOGS = frozenset({"api", "audit", "authenticator", "controllerManager", "scheduler"})


EKS_OLDEST_SUPPORTED = (1, 30)
"""Source: AWS, Amazon EKS Kubernetes release calendar (extended support)."""


DEPRECATED_RUNTIMES = frozenset({
    "dotnetcore3.1", "nodejs12.x", "python3.6", "python2.7", "dotnet5.0", "dotnetcore2.1",
    "ruby2.5", "ruby2.7", "nodejs10.x", "nodejs8.10", "nodejs4.3", "nodejs6.10", "dotnetcore1.0",
    "dotnetcore2.0", "nodejs4.3-edge", "nodejs", "java8", "python3.7", "go1.x", "provided",
    "nodejs14.x", "nodejs16.x", "python3.8", "python3.9", "dotnet7", "dotnet6", "nodejs18.x",
})  # fmt: skip
"""Source: AWS Lambda Developer Guide, "Deprecated runtimes"."""


def _truthy(value: object) -> bool:
    return value is True or value == "true" or is_unknown(value)


def _scaling_tags(resource: Resource) -> Judgement:
    tagged = is_set(resource.conf.get("tag")) or is_set(resource.conf.get("tags"))
    return verdict(tagged, "tagged" if tagged else "no tags", resource)


def _launch_template(resource: Resource) -> Judgement:
    has = resource.conf.get("launch_template") or resource.conf.get("mixed_instances_policy")
    return verdict(bool(has), "uses a template" if has else "no launch_template", resource)


def _image_volumes(resource: Resource) -> Judgement | None:
    devices = resource.blocks("ebs_block_device")
    for device in devices:
        if not (_truthy(device.get("encrypted")) or device.get("snapshot_id")):
            return unmet("a volume is not encrypted", line_of(device))
    return met(f"{len(devices)} volumes")


def _build_artifacts(resource: Resource) -> Judgement | None:
    blocks = [*resource.blocks("artifacts"), *resource.blocks("secondary_artifacts")]
    if all(block.get("type") == "NO_ARTIFACTS" for block in blocks):
        return None
    for block in blocks:
        if block.get("encryption_disabled") is True and block.get("type") != "NO_ARTIFACTS":
            return unmet("encryption_disabled is true", line_of(block))
    return met("artifacts are encrypted")


def _build_logs(resource: Resource) -> Judgement:
    for logs in resource.blocks("logs_config"):
        parts = [*blocks_of(logs, "cloudwatch_logs"), *blocks_of(logs, "s3_logs")]
        if any(part.get("status") != "DISABLED" for part in parts):
            return met("a log is written")
    return unmet("no log is written", resource.line)


def _insights(resource: Resource) -> Judgement:
    for setting in resource.blocks("setting"):
        if setting.get("name") == "containerInsights" and setting.get("value") in {
            "enabled",
            "enhanced",
        }:
            return met("containerInsights is enabled")
    return unmet("containerInsights is not enabled", resource.line)


def _exec(resource: Resource) -> Mapping[str, Any]:
    configuration = (resource.blocks("configuration") or [{}])[0]
    return (blocks_of(configuration, "execute_command_configuration") or [{}])[0]


def _exec_logging(resource: Resource) -> Judgement | None:
    command = _exec(resource)
    if not command:
        return met("no execute command configuration")
    return verdict(
        command.get("logging") != "NONE", f"logging is {command.get('logging')}", resource
    )


def _exec_logging_key(resource: Resource) -> Judgement | None:
    command = _exec(resource)
    if not command or command.get("logging") == "NONE":
        return None
    logs = (blocks_of(command, "log_configuration") or [{}])[0]
    encrypts = any(_truthy(logs.get(name)) for name in
                   ("cloud_watch_encryption_enabled", "s3_bucket_encryption_enabled"))  # fmt: skip
    return verdict(bool(encrypts and command.get("kms_key_id")), "logs of commands", resource)


def _fargate(resource: Resource) -> Judgement | None:
    if resource.conf.get("launch_type") != "FARGATE":
        return None
    version = resource.conf.get("platform_version", "LATEST")
    return verdict(version == "LATEST", f"platform_version is {version}", resource)


def _volume_transit(resource: Resource) -> Judgement | None:
    for volume in resource.blocks("volume"):
        for efs in blocks_of(volume, "efs_volume_configuration"):
            if efs.get("transit_encryption") != "ENABLED":
                return unmet("transit_encryption is not ENABLED", line_of(efs))
    return met("volumes are encrypted in transit")


def _roles_differ(resource: Resource) -> Judgement | None:
    execution, task = resource.conf.get("execution_role_arn"), resource.conf.get("task_role_arn")
    if execution is None or task is None:
        return None
    return verdict(execution != task, f"roles {execution} and {task}", resource)


def _cluster_logs(resource: Resource) -> Judgement:
    stated = resource.conf.get("enabled_cluster_log_types")
    found = set(stated) if isinstance(stated, list) else set()
    good = found >= EKS_LOGS or is_unknown(stated)
    return verdict(good, f"log types {sorted(map(str, found))}", resource)


def _node_access(resource: Resource) -> Judgement:
    access = (resource.blocks("remote_access") or [{}])[0]
    is_open = access.get("ec2_ssh_key") and not access.get("source_security_group_ids")
    return verdict(not is_open, "SSH from anywhere" if is_open else "no open SSH", resource)


def _cluster_version(resource: Resource) -> Judgement:
    value = resource.conf.get("version")
    numbers = re.match(r"(\d+)\.(\d+)", str(value))
    if value is None or numbers is None:
        return met(f"version {value}")
    version = (int(numbers[1]), int(numbers[2]))
    return verdict(version >= EKS_OLDEST_SUPPORTED, f"version {value}", resource)


def _public_endpoint(resource: Resource) -> Judgement | None:
    config = (resource.blocks("vpc_config") or [{}])[0]
    if config.get("endpoint_public_access") is False:
        return met("no public endpoint")
    addresses = config.get("public_access_cidrs")
    is_open = addresses is None or (isinstance(addresses, list) and (
        not addresses or "0.0.0.0/0" in addresses))  # fmt: skip
    return verdict(not is_open, f"public_access_cidrs is {addresses}", resource)


def _secrets_encrypted(resource: Resource) -> Judgement:
    for block in resource.blocks("encryption_config"):
        names = block.get("resources")
        if isinstance(names, list) and "secrets" in names:
            return met("secrets are encrypted")
    return unmet("secrets are not encrypted", resource.line)


def _function_key(resource: Resource) -> Judgement | None:
    if not resource.blocks("environment"):
        return None
    key = resource.conf.get("kms_key_arn")
    return verdict(is_set(key), f"kms_key_arn is {key or 'missing'}", resource)


def _runtime(resource: Resource) -> Judgement | None:
    runtime = resource.conf.get("runtime")
    if runtime is None:
        return None
    return verdict(runtime not in DEPRECATED_RUNTIMES, f"runtime {runtime}", resource)


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    yield aws_rule(
        "153",
        ("autoscaling_group",),
        "Scaling groups tag their machines",
        "low",
        "Add tag blocks.",
        _scaling_tags,
    )
    yield aws_rule(
        "315",
        ("autoscaling_group",),
        "Scaling groups use launch templates",
        "low",
        "Use launch_template.",
        _launch_template,
    )
    yield aws_rule(
        "204",
        ("ami",),
        "Images' volumes are encrypted",
        "medium",
        "Set encrypted on each ebs_block_device.",
        _image_volumes,
    )
    yield aws_rule(
        "65",
        ("ecs_cluster",),
        "Clusters have container insights",
        "low",
        "Add setting containerInsights = enabled.",
        _insights,
    )
    yield aws_rule(
        "223",
        ("ecs_cluster",),
        "Commands in containers are logged",
        "medium",
        "Set logging to OVERRIDE.",
        _exec_logging,
    )
    yield aws_rule(
        "224",
        ("ecs_cluster",),
        "Logs of commands are encrypted",
        "low",
        "Set kms_key_id and an encryption flag.",
        _exec_logging_key,
    )
    yield aws_rule(
        "332",
        ("ecs_service",),
        "Fargate runs the latest platform",
        "low",
        "Remove platform_version.",
        _fargate,
    )
    yield aws_rule(
        "97",
        ("ecs_task_definition",),
        "Tasks' volumes are encrypted in transit",
        "medium",
        "Set transit_encryption to ENABLED.",
        _volume_transit,
    )
    yield aws_rule(
        "249",
        ("ecs_task_definition",),
        "Execution and task have roles of their own",
        "medium",
        "Use two roles.",
        _roles_differ,
    )
    yield aws_rule(
        "37",
        ("eks_cluster",),
        "Clusters log everything",
        "medium",
        "Enable all five log types.",
        _cluster_logs,
    )
    yield aws_rule(
        "100",
        ("eks_node_group",),
        "Nodes give no SSH to everybody",
        "high",
        "Set source_security_group_ids.",
        _node_access,
    )
    yield aws_rule(
        "339",
        ("eks_cluster",),
        "Clusters run a supported version",
        "high",
        "Upgrade.",
        _cluster_version,
    )
    yield aws_rule(
        "38",
        ("eks_cluster",),
        "Not everybody reaches the cluster",
        "high",
        "Set public_access_cidrs.",
        _public_endpoint,
    )
    yield aws_rule(
        "58",
        ("eks_cluster",),
        "Clusters encrypt secrets",
        "medium",
        "Add encryption_config for secrets.",
        _secrets_encrypted,
    )
    yield aws_rule(
        "173",
        ("lambda_function",),
        "Function variables use a key of one's own",
        "low",
        "Set kms_key_arn.",
        _function_key,
    )
    yield aws_rule(
        "363",
        ("lambda_function",),
        "Functions run a supported runtime",
        "medium",
        "Move to a supported runtime.",
        _runtime,
    )
    yield aws_rule(
        "78",
        ("codebuild_project",),
        "Build artifacts are encrypted",
        "medium",
        "Remove encryption_disabled.",
        _build_artifacts,
    )
    yield aws_rule(
        "314", ("codebuild_project",), "Builds write a log", "low", "Add logs_config.", _build_logs
    )
