"""Checks of AWS keys, logs, environments and what else needs several attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule, verdict
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, blocks_of, is_unknown
from jobforge.autopilots.ops.iac.terraform_rules import is_set, to_number

YEAR_DAYS = 365


def _truthy(value: object) -> bool:
    return value is True or value == "true" or is_unknown(value)


def _retention_year(resource: Resource) -> Judgement:
    value = resource.conf.get("retention_in_days")
    days = to_number(value)
    good = is_unknown(value) or (days is not None and (days == 0 or days >= YEAR_DAYS))
    return verdict(good, f"retention_in_days is {value}", resource)


def _aggregator(resource: Resource) -> Judgement:
    blocks = [*resource.blocks("account_aggregation_source"),
              *resource.blocks("organization_aggregation_source")]  # fmt: skip
    found = any(_truthy(block.get("all_regions")) for block in blocks)
    return verdict(found, "all regions" if found else "not all regions", resource)


def _connect_storage(kind: str, block: str, resource: Resource) -> Judgement | None:
    config = (resource.blocks("storage_config") or [{}])[0]
    if config.get("storage_type") != kind:
        return None
    inner = (blocks_of(config, block) or [{}])[0]
    key = (blocks_of(inner, "encryption_config") or [{}])[0].get("key_id")
    return verdict(is_set(key), f"key_id is {key or 'missing'}", resource)


def _rotation(resource: Resource) -> Judgement | None:
    spec = str(resource.conf.get("customer_master_key_spec") or "SYMMETRIC_DEFAULT")
    if not spec.startswith(("SYMMETRIC", "${")) or resource.conf.get("key_usage") == "SIGN_VERIFY":
        return None
    value = resource.conf.get("enable_key_rotation")
    return verdict(_truthy(value), f"enable_key_rotation is {value}", resource)


def _beanstalk(namespace: str, name: str, good: frozenset[str], resource: Resource) -> Judgement:
    for setting in resource.blocks("setting"):
        if setting.get("namespace") == namespace and setting.get("name") == name:
            value = str(setting.get("value")).lower()
            return verdict(value in good, f"{name} is {value}", resource)
    return unmet(f"{name} is not set", resource.line)


def _own_key(block: str, kind: str, wanted: str, key: str, resource: Resource) -> Judgement:
    conf = (resource.blocks(block) or [{}])[0]
    good = conf.get(kind) == wanted and is_set(conf.get(key))
    return verdict(good, f"{kind} is {conf.get(kind)}, {key} is {conf.get(key)}", resource)


def _domain_tls(resource: Resource) -> Judgement:
    policy = resource.conf.get("security_policy")
    modern = is_unknown(policy) or bool(
        re.match(r"TLS_1_[23]|SecurityPolicy_TLS1[23]", str(policy))
    )
    return verdict(modern, f"security_policy is {policy}", resource)


def _global_encrypted(resource: Resource) -> Judgement | None:
    if resource.conf.get("source_db_cluster_identifier"):
        # Encryption comes from the source then.
        return None
    value = resource.conf.get("storage_encrypted")
    return verdict(_truthy(value), f"storage_encrypted is {value}", resource)


def _backtrack(resource: Resource) -> Judgement | None:
    if resource.conf.get("engine", "aurora") not in {"aurora", "aurora-mysql"}:
        return None
    window = resource.conf.get("backtrack_window")
    good = is_unknown(window) or bool(to_number(window))
    return verdict(good, f"backtrack_window is {window}", resource)


def _secret_key(resource: Resource) -> Judgement:
    key = resource.conf.get("kms_key_id")
    own = is_set(key) and "aws/" not in str(key)
    return verdict(own, f"kms_key_id is {key or 'missing'}", resource)


def _build_key(resource: Resource) -> Judgement | None:
    if not resource.blocks("artifacts"):
        return None
    key = resource.conf.get("encryption_key")
    return verdict(is_set(key), f"encryption_key is {key or 'missing'}", resource)


def _realm(resource: Resource) -> Judgement | None:
    if not resource.blocks("kerberos_attributes"):
        return None
    realm = resource.get("kerberos_attributes/realm")
    return verdict(is_set(realm), f"kerberos_attributes.realm is {realm or 'missing'}", resource)


def _health_reporting(resource: Resource) -> Judgement:
    for setting in resource.blocks("setting"):
        if setting.get("namespace") != "aws:elasticbeanstalk:healthreporting:system":
            continue
        pair = (setting.get("name"), str(setting.get("value")).lower())
        if pair in {("SystemType", "enhanced"), ("HealthStreamingEnabled", "true")}:
            return met(f"{pair[0]} is {pair[1]}")
    return unmet("health is reported in the basic way", resource.line)


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    yield aws_rule(
        "338",
        ("cloudwatch_log_group",),
        "Log groups keep a year",
        "low",
        "Set retention_in_days to 365 or 0.",
        _retention_year,
    )
    yield aws_rule(
        "121",
        ("config_configuration_aggregator",),
        "Configuration covers all regions",
        "medium",
        "Set all_regions.",
        _aggregator,
    )
    yield aws_rule(
        "269",
        ("connect_instance_storage_config",),
        "Connect's video streams use a key of one's own",
        "low",
        "Set key_id.",
        partial(_connect_storage, "KINESIS_VIDEO_STREAM", "kinesis_video_stream_config"),
    )
    yield aws_rule(
        "270",
        ("connect_instance_storage_config",),
        "Connect's buckets use a key of one's own",
        "low",
        "Set key_id.",
        partial(_connect_storage, "S3", "s3_config"),
    )
    yield aws_rule(
        "7", ("kms_key",), "Keys are rotated", "medium", "Set enable_key_rotation.", _rotation
    )
    yield aws_rule(
        "312",
        ("elastic_beanstalk_environment",),
        "Environments report health",
        "low",
        "Set SystemType to enhanced.",
        _health_reporting,
    )
    yield aws_rule(
        "241",
        ("kinesis_firehose_delivery_stream",),
        "Delivery streams use a key of one's own",
        "low",
        "Set key_type and key_arn.",
        partial(_own_key, "server_side_encryption", "key_type", "CUSTOMER_MANAGED_CMK", "key_arn"),
    )
    yield aws_rule(
        "265",
        ("keyspaces_table",),
        "Keyspaces uses a key of one's own",
        "low",
        "Set type and kms_key_identifier.",
        partial(
            _own_key,
            "encryption_specification",
            "type",
            "CUSTOMER_MANAGED_KMS_KEY",
            "kms_key_identifier",
        ),
    )
    yield aws_rule(
        "206",
        ("api_gateway_domain_name",),
        "API domains speak TLS 1.2",
        "medium",
        "Set security_policy to TLS_1_2.",
        _domain_tls,
    )
    yield aws_rule(
        "140",
        ("rds_global_cluster",),
        "Global clusters are encrypted",
        "high",
        "Set storage_encrypted.",
        _global_encrypted,
    )
    yield aws_rule(
        "326",
        ("rds_cluster",),
        "Aurora MySQL can be wound back",
        "low",
        "Set backtrack_window.",
        _backtrack,
    )
    yield aws_rule(
        "149",
        ("secretsmanager_secret",),
        "Secrets use a key of one's own",
        "low",
        "Set kms_key_id.",
        _secret_key,
    )
    yield aws_rule(
        "147",
        ("codebuild_project",),
        "Builds use a key of one's own",
        "low",
        "Set encryption_key.",
        _build_key,
    )
    yield aws_rule(
        "114",
        ("emr_cluster",),
        "EMR clusters with Kerberos name a realm",
        "low",
        "Set kerberos_attributes.realm.",
        _realm,
    )
    yield aws_rule(
        "340",
        ("elastic_beanstalk_environment",),
        "Environments are updated",
        "low",
        "Set ManagedActionsEnabled.",
        partial(
            _beanstalk,
            "aws:elasticbeanstalk:managedactions",
            "ManagedActionsEnabled",
            frozenset({"true"}),
        ),
    )
