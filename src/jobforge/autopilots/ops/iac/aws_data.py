"""Checks of AWS databases, search domains, caches and copies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule, verdict
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, blocks_of, is_unknown
from jobforge.autopilots.ops.iac.terraform_rules import is_set, to_number
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

TLS_POLICIES = re.compile(r"Policy-Min-TLS-1-[23]")


def _truthy(value: object) -> bool:
    return value is True or value == "true" or is_unknown(value)


def _backups(resource: Resource) -> Judgement:
    value = resource.conf.get("backup_retention_period")
    days = to_number(value)
    good = value is None or is_unknown(value) or (days is not None and 0 < days <= 35)  # noqa: PLR2004 (RDS keeps at most 35 days)
    return verdict(good, f"backup_retention_period is {value}", resource)


def _snapshot_private(resource: Resource) -> Judgement:
    shared = resource.conf.get("shared_accounts")
    is_public = isinstance(shared, list) and "all" in shared
    return verdict(not is_public, f"shared_accounts is {shared}", resource)


def _life_policy(
    path: tuple[str, ...], leaf: str, wants_key: bool, resource: Resource
) -> Judgement | None:
    found: list[Mapping[str, Any]] = [resource.conf]
    for name in path[:-1]:
        found = [inner for block in found for inner in blocks_of(block, name)]
    outer = len(found)
    found = [inner for block in found for inner in blocks_of(block, path[-1])]
    if path[-1] == "encryption_configuration" and len(found) < outer:
        return unmet("no encryption_configuration", resource.line)
    if not found:
        return None
    for block in found:
        value = block.get(leaf)
        if not (is_set(value) if wants_key else _truthy(value)):
            return unmet(f"{leaf} is {value}", line_of(block))
    return met(f"{leaf} is set")


def _endpoint_key(resource: Resource) -> Judgement:
    key = resource.conf.get("kms_key_arn")
    if resource.conf.get("engine_name") == "s3":
        key = resource.get("s3_settings/server_side_encryption_kms_key_id") or key
    return verdict(is_set(key), f"key is {key or 'missing'}", resource)


def _parameter(name: str, good: frozenset[str], default: bool, resource: Resource) -> Judgement:
    for parameter in resource.blocks("parameter"):
        if parameter.get("name") == name:
            value = str(parameter.get("value")).lower()
            return verdict(value in good, f"{name} is {value}", resource)
    return verdict(default, f"{name} is not set", resource)


def _table_key(resource: Resource) -> Judgement:
    encryption = (resource.blocks("server_side_encryption") or [{}])[0]
    good = _truthy(encryption.get("enabled")) and is_set(encryption.get("kms_key_arn"))
    return verdict(good, "own key" if good else "no key of one's own", resource)


def _cache_backup(resource: Resource) -> Judgement | None:
    if resource.conf.get("engine") == "memcached":
        return None
    value = resource.conf.get("snapshot_retention_limit")
    good = is_unknown(value) or bool(to_number(value))
    return verdict(good, f"snapshot_retention_limit is {value}", resource)


def _transit_and_token(resource: Resource) -> Judgement:
    encrypted = _truthy(resource.conf.get("transit_encryption_enabled"))
    known = resource.conf.get("auth_token") or resource.conf.get("user_group_ids")
    return verdict(bool(encrypted and known), "encrypted with a token", resource)


def _own_group(resource: Resource) -> Judgement:
    groups = resource.get("vpc_options/security_group_ids")
    return verdict(is_set(groups), f"security_group_ids is {groups}", resource)


def _audit_log(resource: Resource) -> Judgement:
    for block in resource.blocks("log_publishing_options"):
        if block.get("log_type") == "AUDIT_LOGS" and block.get("enabled", True) is not False:
            return met("audit logs are published")
    return unmet("audit logs are not published", resource.line)


def _any_log(resource: Resource) -> Judgement:
    blocks = resource.blocks("log_publishing_options")
    good = any(
        b.get("cloudwatch_log_group_arn") and b.get("enabled", True) is not False for b in blocks
    )
    return verdict(good, f"{len(blocks)} logs", resource)


def _dedicated_masters(resource: Resource) -> Judgement:
    config = (resource.blocks("cluster_config") or [{}])[0]
    count = to_number(config.get("dedicated_master_count"))
    zones = _truthy(config.get("zone_awareness_enabled"))
    good = (count or 0) >= 3 and zones  # noqa: PLR2004 (a quorum)
    return verdict(good, f"{count} dedicated masters", resource)


def _node_to_node(resource: Resource) -> Judgement | None:
    config = (resource.blocks("cluster_config") or [{}])[0]
    value = config.get("instance_count", 1)
    count = to_number(value)
    if count is None:
        return None
    if count <= 1:
        return met("a single node")
    enabled = resource.get("node_to_node_encryption/enabled")
    return verdict(_truthy(enabled), f"node_to_node_encryption.enabled is {enabled}", resource)


def _search_tls(resource: Resource) -> Judgement:
    policy = resource.get("domain_endpoint_options/tls_security_policy")
    good = is_unknown(policy) or bool(TLS_POLICIES.match(str(policy)))
    return verdict(good, f"tls_security_policy is {policy}", resource)


def _search_https(resource: Resource) -> Judgement:
    if not resource.blocks("domain_endpoint_options"):
        return met("HTTPS is the default")
    value = resource.get("domain_endpoint_options/enforce_https")
    return verdict(value is not False, f"enforce_https is {value}", resource)


_ES = ("elasticsearch_domain", "opensearch_domain")


_EVENT = ("policy_details", "action", "cross_region_copy", "encryption_configuration")


_SCHEDULE = ("policy_details", "schedule", "cross_region_copy_rule")


_LIFE_CYCLE = (
    ("253", _EVENT, "encrypted", False), ("254", _EVENT, "cmk_arn", True),
    ("255", _SCHEDULE, "encrypted", False), ("256", _SCHEDULE, "cmk_arn", True),
)  # fmt: skip


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    yield aws_rule(
        "133",
        ("rds_cluster", "db_instance"),
        "Databases keep backups",
        "high",
        "Set backup_retention_period between 1 and 35.",
        _backups,
    )
    yield aws_rule(
        "302",
        ("db_snapshot",),
        "Snapshots are private",
        "critical",
        "Take `all` out of shared_accounts.",
        _snapshot_private,
    )
    yield aws_rule(
        "119",
        ("dynamodb_table",),
        "Tables use a key of one's own",
        "low",
        "Set server_side_encryption with kms_key_arn.",
        _table_key,
    )
    yield aws_rule(
        "134",
        ("elasticache_cluster",),
        "Redis is backed up",
        "medium",
        "Set snapshot_retention_limit.",
        _cache_backup,
    )
    yield aws_rule(
        "31",
        ("elasticache_replication_group",),
        "Replication groups are encrypted in transit, with a token",
        "medium",
        "Set transit_encryption_enabled and auth_token.",
        _transit_and_token,
    )
    yield aws_rule(
        "248",
        _ES,
        "Search domains have a security group of their own",
        "medium",
        "Set vpc_options.security_group_ids.",
        _own_group,
    )
    yield aws_rule(
        "317", _ES, "Search domains write audit logs", "low", "Publish AUDIT_LOGS.", _audit_log
    )
    yield aws_rule(
        "84", _ES, "Search domains write logs", "low", "Add log_publishing_options.", _any_log
    )
    yield aws_rule(
        "318",
        _ES,
        "Search domains have three dedicated masters",
        "low",
        "Set dedicated_master_count to 3 and zone awareness.",
        _dedicated_masters,
    )
    yield aws_rule(
        "6",
        _ES,
        "Search nodes encrypt their traffic",
        "medium",
        "Set node_to_node_encryption.enabled.",
        _node_to_node,
    )
    yield aws_rule(
        "228",
        _ES,
        "Search domains speak TLS 1.2",
        "medium",
        "Set tls_security_policy.",
        _search_tls,
    )
    yield aws_rule(
        "83",
        _ES,
        "Search domains speak TLS only",
        "high",
        "Set domain_endpoint_options.enforce_https.",
        _search_https,
    )
    on, secure = (
        frozenset({"enabled", "true", "1", "all", "ddl", "dml_read"}),
        frozenset({"enabled", "fips-140-3", "tls1.2+", "tls1.3+"}),
    )
    yield aws_rule(
        "104",
        ("docdb_cluster_parameter_group",),
        "DocumentDB writes audit logs",
        "medium",
        "Set audit_logs to enabled.",
        partial(_parameter, "audit_logs", on, False),
    )
    yield aws_rule(
        "90",
        ("docdb_cluster_parameter_group",),
        "DocumentDB speaks TLS",
        "high",
        "Set tls to enabled.",
        partial(_parameter, "tls", secure, True),
    )
    yield aws_rule(
        "105",
        ("redshift_parameter_group",),
        "Warehouses require TLS",
        "high",
        "Set require_ssl to true.",
        partial(_parameter, "require_ssl", on, False),
    )
    yield aws_rule(
        "296",
        ("dms_endpoint",),
        "DMS endpoints use a key of one's own",
        "low",
        "Set kms_key_arn.",
        _endpoint_key,
    )
    for number, path, leaf, key in _LIFE_CYCLE:
        what = "use a key of one's own" if key else "are encrypted"
        yield aws_rule(
            number,
            ("dlm_lifecycle_policy",),
            f"Copies to other regions {what}",
            "medium",
            f"Set {leaf}.",
            partial(_life_policy, path, leaf, key),
        )
