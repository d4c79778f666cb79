"""Checks of AWS database engines: versions, logs, encryption."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule, verdict
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, blocks_of, is_unknown
from jobforge.autopilots.ops.iac.terraform_rules import is_set

COMMON_NAMES = frozenset({"awsuser", "administrator", "admin", "root", "user", "master"})


_FDW_FIXED: dict[str, tuple[tuple[int, int], ...]] = {
    "postgres": ((13, 3), (12, 7), (11, 12), (10, 17), (9, 6)),
    "aurora-postgresql": ((13, 3), (12, 4), (11, 9), (10, 14)),
}
"""First fixed minor of each major. Source: AWS security bulletin AWS-2022-004."""


def _true(value: object) -> bool:
    return value is True or str(value).lower() == "true"


def _fdw(resource: Resource) -> Judgement | None:
    fixed = _FDW_FIXED.get(str(resource.conf.get("engine")))
    version = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", str(resource.conf.get("engine_version") or ""))
    if fixed is None or version is None:
        return None
    major, minor = int(version[1]), int(version[2])
    if major < 10:  # noqa: PLR2004 (until 9.6 a major had two numbers)
        third = version[3]
        if third is None:
            return None
        return verdict(int(third) >= 22, f"version {version[0]}", resource)  # noqa: PLR2004 (9.6.22)
    first = dict(fixed).get(major)
    return verdict(first is None or minor >= first, f"version {version[0]}", resource)


def _local_read(resource: Resource) -> Judgement | None:
    if resource.conf.get("engine") != "aurora-postgresql":
        return None
    version = re.match(r"(\d+)\.(\d+)", str(resource.conf.get("engine_version") or ""))
    if version is None:
        return None
    number = (int(version[1]), int(version[2]))
    vulnerable = number <= (10, 13) or ((11, 0) <= number <= (11, 8))
    return verdict(not vulnerable, f"version {version[0]}", resource)


def _common_name(resource: Resource) -> Judgement:
    name = str(resource.conf.get("master_username") or "")
    is_open = (
        resource.conf.get("publicly_accessible", True) is True and name.lower() in COMMON_NAMES
    )
    return verdict(not is_open, f"master_username {name}", resource)


def _iam_login(resource: Resource) -> Judgement | None:
    if resource.conf.get("engine") not in {"mysql", "postgres"}:
        return None
    value = resource.conf.get("iam_database_authentication_enabled")
    good = _true(value) or is_unknown(value)
    return verdict(good, f"iam_database_authentication_enabled is {value}", resource)


def _exports(wanted: frozenset[str], attribute: str, resource: Resource) -> Judgement:
    value = resource.conf.get(attribute)
    found = set(value) if isinstance(value, list) else set()
    return verdict(bool(found & wanted) or is_unknown(value), f"{attribute} is {value}", resource)


def _cluster_audit(resource: Resource) -> Judgement | None:
    if "mysql" not in str(resource.conf.get("engine") or "aurora-mysql"):
        return None
    return _exports(frozenset({"audit"}), "enabled_cloudwatch_logs_exports", resource)


def _cluster_encrypted(resource: Resource) -> Judgement:
    value = resource.conf.get("storage_encrypted")
    good = _true(value) or is_unknown(value) or resource.conf.get("engine_mode") == "serverless"
    return verdict(good, f"storage_encrypted is {value}", resource)


def _insights_key(resource: Resource) -> Judgement | None:
    if not _true(resource.conf.get("performance_insights_enabled")):
        return None
    key = resource.conf.get("performance_insights_kms_key_id")
    return verdict(is_set(key), f"performance_insights_kms_key_id is {key}", resource)


def _authority(resource: Resource) -> Judgement | None:
    name = resource.conf.get("ca_cert_identifier")
    if name is None:
        return None
    modern = is_unknown(name) or str(name).startswith(
        ("rds-ca-rsa2048", "rds-ca-rsa4096", "rds-ca-ecc384")
    )
    return verdict(modern, f"ca_cert_identifier is {name}", resource)


def _warehouse_logs(resource: Resource) -> Judgement:
    value = resource.get("logging/enable")
    return verdict(_true(value), f"logging.enable is {value}", resource)


def _kafka_encrypted(resource: Resource) -> Judgement:
    info = (resource.blocks("encryption_info") or [{}])[0]
    transit = (blocks_of(info, "encryption_in_transit") or [{}])[0]
    plain = transit.get("client_broker", "TLS") != "TLS" or transit.get("in_cluster") is False
    has = bool(resource.blocks("encryption_info"))
    return verdict(
        has and not plain, f"encryption_info {'is set' if has else 'is missing'}", resource
    )


def _kafka_logs(resource: Resource) -> Judgement:
    for info in resource.blocks("logging_info"):
        for broker in blocks_of(info, "broker_logs"):
            for kind in ("cloudwatch_logs", "firehose", "s3"):
                if any(_true(part.get("enabled")) for part in blocks_of(broker, kind)):
                    return met(f"{kind} is enabled")
    return unmet("no broker log is enabled", resource.line)


def _broker_audit(resource: Resource) -> Judgement | None:
    if resource.conf.get("engine_type") == "RabbitMQ":
        # RabbitMQ has no audit log.
        return None
    value = resource.get("logs/audit")
    return verdict(_true(value) or is_unknown(value), f"logs.audit is {value}", resource)


def _broker_version(resource: Resource) -> Judgement | None:
    minimum = {"ActiveMQ": (5, 17), "RabbitMQ": (3, 11)}.get(str(resource.conf.get("engine_type")))
    version = re.match(r"(\d+)\.(\d+)", str(resource.conf.get("engine_version") or ""))
    if minimum is None or version is None:
        return None
    return verdict((int(version[1]), int(version[2])) >= minimum, f"version {version[0]}", resource)


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    yield aws_rule(
        "250",
        ("rds_cluster", "db_instance"),
        "PostgreSQL is not open to log_fdw",
        "high",
        "Upgrade.",
        _fdw,
    )
    yield aws_rule(
        "388",
        ("db_instance",),
        "Aurora is not open to local file reads",
        "high",
        "Upgrade.",
        _local_read,
    )
    yield aws_rule(
        "391",
        ("redshift_cluster",),
        "Public warehouses have no common user name",
        "high",
        "Choose another master_username.",
        _common_name,
    )
    yield aws_rule(
        "161",
        ("db_instance",),
        "Databases authenticate by IAM",
        "low",
        "Set iam_database_authentication_enabled.",
        _iam_login,
    )
    exports = "enabled_cloudwatch_logs_exports"
    yield aws_rule(
        "85",
        ("docdb_cluster",),
        "DocumentDB writes logs",
        "low",
        f"Set {exports}.",
        partial(_exports, frozenset({"audit", "profiler"}), exports),
    )
    yield aws_rule(
        "101",
        ("neptune_cluster",),
        "Neptune writes audit logs",
        "low",
        "Set enable_cloudwatch_logs_exports.",
        partial(_exports, frozenset({"audit"}), "enable_cloudwatch_logs_exports"),
    )
    yield aws_rule(
        "325",
        ("rds_cluster",),
        "MySQL clusters write audit logs",
        "low",
        f"Add audit to {exports}.",
        _cluster_audit,
    )
    yield aws_rule(
        "96",
        ("rds_cluster",),
        "Aurora is encrypted",
        "high",
        "Set storage_encrypted.",
        _cluster_encrypted,
    )
    yield aws_rule(
        "354",
        ("rds_cluster_instance", "db_instance"),
        "Performance insights use a key of one's own",
        "low",
        "Set performance_insights_kms_key_id.",
        _insights_key,
    )
    yield aws_rule(
        "211",
        ("db_instance",),
        "Databases use a modern certificate",
        "medium",
        "Set ca_cert_identifier to rds-ca-rsa2048-g1.",
        _authority,
    )
    yield aws_rule(
        "81",
        ("msk_cluster",),
        "Kafka is encrypted",
        "high",
        "Set encryption_info.",
        _kafka_encrypted,
    )
    yield aws_rule("80", ("msk_cluster",), "Kafka writes logs", "low", "Enable a log.", _kafka_logs)
    yield aws_rule(
        "197",
        ("mq_broker",),
        "ActiveMQ brokers write audit logs",
        "low",
        "Set logs.audit.",
        _broker_audit,
    )
    yield aws_rule(
        "208",
        ("mq_broker", "mq_configuration"),
        "Brokers run a current version",
        "medium",
        "Upgrade.",
        _broker_version,
    )
    yield aws_rule(
        "71", ("redshift_cluster",), "Warehouses log", "low", "Set logging.enable.", _warehouse_logs
    )
