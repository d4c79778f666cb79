"""Checks of AWS resources that carry a document, and of storage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule, verdict
from jobforge.autopilots.ops.iac.policy import parse_policy
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, blocks_of, is_unknown
from jobforge.autopilots.ops.iac.terraform_rules import is_set, to_number
from jobforge.autopilots.ops.iac.yaml_nodes import MalformedText, line_of, read_documents

ROTATION_DAYS = 90


_RATE = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)")


_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0}


def _true(value: object) -> bool:
    return value is True or str(value).lower() == "true"


def _emr(path: tuple[str, ...], wanted: frozenset[str], resource: Resource) -> Judgement | None:
    value: object = parse_policy(resource.conf.get("configuration"))
    if value is None:
        return None
    for name in ("EncryptionConfiguration", *path):
        value = value.get(name) if isinstance(value, Mapping) else None
    return verdict(str(value).lower() in wanted, f"{'.'.join(path)} is {value}", resource)


def _emr_volumes(resource: Resource) -> Judgement | None:
    path = ("AtRestEncryptionConfiguration", "LocalDiskEncryptionConfiguration")
    on = _emr(("EnableAtRestEncryption",), frozenset({"true"}), resource)
    volumes = _emr((*path, "EnableEbsEncryption"), frozenset({"true"}), resource)
    return volumes if on is None or on.is_met else on


def _document(resource: Resource) -> Mapping[str, Any] | None:
    content = resource.conf.get("content")
    if isinstance(content, str) and resource.conf.get("document_format") == "YAML":
        try:
            documents = read_documents(content)
        except MalformedText:
            return None
        return documents[0] if documents and isinstance(documents[0], Mapping) else None
    return parse_policy(content)


def _session(resource: Resource) -> Mapping[str, Any] | None:
    document = _document(resource)
    inputs = document.get("inputs") if document else None
    if resource.conf.get("document_type") != "Session" or not isinstance(inputs, Mapping):
        return None
    return inputs


def _session_key(resource: Resource) -> Judgement | None:
    inputs = _session(resource)
    if inputs is None:
        return None
    return verdict(bool(inputs.get("kmsKeyId")), f"kmsKeyId is {inputs.get('kmsKeyId')}", resource)


def _session_logs(resource: Resource) -> Judgement | None:
    inputs = _session(resource)
    if inputs is None:
        return None
    targets = (("s3BucketName", "s3EncryptionEnabled"),
               ("cloudWatchLogGroupName", "cloudWatchEncryptionEnabled"))  # fmt: skip
    used = [(name, flag) for name, flag in targets if inputs.get(name)]
    good = bool(used) and all(_true(inputs.get(flag)) for _, flag in used)
    return verdict(good, f"{len(used)} log targets", resource)


def _document_shared(resource: Resource) -> Judgement:
    for permission in resource.blocks("permissions"):
        if str(permission.get("account_ids")).lower() in {"all", "['all']"}:
            return unmet("shared with everybody", line_of(permission))
    return met("not shared with everybody")


def _approvals(resource: Resource) -> Judgement | None:
    document = parse_policy(resource.conf.get("content"))
    if document is None:
        return None
    needed = [item.get("NumberOfApprovalsNeeded") for item in blocks_of(document, "Statements")]
    counts = [to_number(value) or 0 for value in needed]
    good = bool(counts) and min(counts) >= 2  # noqa: PLR2004 (four eyes)
    return verdict(good, f"approvals needed {counts}", resource)


def _aborts_uploads(resource: Resource) -> Judgement:
    for rule in resource.blocks("rule"):
        abort = (blocks_of(rule, "abort_incomplete_multipart_upload") or [{}])[0]
        filters = [part for part in blocks_of(rule, "filter") if part]
        if abort.get("days_after_initiation") and rule.get("status") == "Enabled" and not filters:
            return met("incomplete uploads are removed")
    aborting = [rule for rule in resource.blocks("rule")
                if blocks_of(rule, "abort_incomplete_multipart_upload")]  # fmt: skip
    return unmet(
        f"{len(aborting)} of the rules abort uploads, none for the whole bucket", resource.line
    )


def _rotation(resource: Resource) -> Judgement:
    rules = (resource.blocks("rotation_rules") or [{}])[0]
    days = to_number(rules.get("automatically_after_days"))
    schedule = str(rules.get("schedule_expression") or "")
    rate = _RATE.match(schedule)
    if rate:
        days = int(rate[1]) * _DAYS[rate[2]]
    if schedule.startswith("cron(") and days is None:
        return met(schedule)
    good = days is not None and 0 < days <= ROTATION_DAYS
    return verdict(good, f"rotated after {days} days", resource)


def _object_lock(resource: Resource) -> Judgement | None:
    if not resource.blocks("object_lock_configuration"):
        return None
    value = resource.get("object_lock_configuration/object_lock_enabled")
    return verdict(value == "Enabled", f"object_lock_enabled is {value}", resource)


def _parameter_key(resource: Resource) -> Judgement:
    if resource.conf.get("type") != "SecureString":
        return met("not a secret")
    return verdict(is_set(resource.conf.get("key_id")), "SecureString", resource)


def _queue_encrypted(resource: Resource) -> Judgement:
    managed = resource.conf.get("sqs_managed_sse_enabled")
    good = is_set(resource.conf.get("kms_master_key_id")) or _true(managed) or is_unknown(managed)
    return verdict(good, f"sqs_managed_sse_enabled is {managed}", resource)


def _public_grant(resource: Resource) -> Judgement:
    acl = resource.conf.get("acl")
    for policy in resource.blocks("access_control_policy"):
        for grant in blocks_of(policy, "grant"):
            grantee = (blocks_of(grant, "grantee") or [{}])[0]
            everybody = str(grantee.get("uri") or "").endswith("/AllUsers")
            if everybody and grant.get("permission") in {"FULL_CONTROL", "READ_ACP"}:
                return unmet(f"everybody has {grant.get('permission')}", line_of(grant))
    return met(f"acl is {acl}")


def _glue_catalog(resource: Resource) -> Judgement:
    settings = (resource.blocks("data_catalog_encryption_settings") or [{}])[0]
    rest = (blocks_of(settings, "encryption_at_rest") or [{}])[0]
    passwords = (blocks_of(settings, "connection_password_encryption") or [{}])[0]
    good = rest.get("catalog_encryption_mode") == "SSE-KMS" and is_set(
        rest.get("sse_aws_kms_key_id")
    )
    good = good and _true(passwords.get("return_connection_password_encrypted"))
    return verdict(good and is_set(passwords.get("aws_kms_key_id")), "catalog encryption", resource)


def _glue_security(resource: Resource) -> Judgement:
    config = (resource.blocks("encryption_configuration") or [{}])[0]
    wanted = (("cloudwatch_encryption", "cloudwatch_encryption_mode", {"SSE-KMS"}),
              ("job_bookmarks_encryption", "job_bookmarks_encryption_mode", {"CSE-KMS"}),
              ("s3_encryption", "s3_encryption_mode", {"SSE-KMS", "SSE-S3"}))  # fmt: skip
    for block, mode, good in wanted:
        inner = (blocks_of(config, block) or [{}])[0]
        if inner.get(mode) not in good:
            return unmet(f"{mode} is {inner.get(mode)}", resource.line)
    return met("all three are encrypted")


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    yield aws_rule(
        "143",
        ("s3_bucket",),
        "Object lock is on where configured",
        "low",
        "Set object_lock_enabled to Enabled.",
        _object_lock,
    )
    yield aws_rule(
        "300",
        ("s3_bucket_lifecycle_configuration",),
        "Incomplete uploads are removed",
        "low",
        "Add abort_incomplete_multipart_upload for the whole bucket.",
        _aborts_uploads,
    )
    yield aws_rule(
        "375",
        ("s3_bucket_acl",),
        "Not everybody reads a bucket's access list",
        "high",
        "Remove the grant.",
        _public_grant,
    )
    yield aws_rule(
        "27",
        ("sqs_queue",),
        "Queues are encrypted",
        "medium",
        "Set sqs_managed_sse_enabled or kms_master_key_id.",
        _queue_encrypted,
    )
    yield aws_rule(
        "337",
        ("ssm_parameter",),
        "Secret parameters use a key of one's own",
        "low",
        "Set key_id.",
        _parameter_key,
    )
    yield aws_rule(
        "304",
        ("secretsmanager_secret_rotation",),
        "Secrets are rotated within 90 days",
        "medium",
        "Set automatically_after_days to 90 or less.",
        _rotation,
    )
    yield aws_rule(
        "94",
        ("glue_data_catalog_encryption_settings",),
        "Glue's catalogue is encrypted",
        "medium",
        "Encrypt catalogue and passwords.",
        _glue_catalog,
    )
    yield aws_rule(
        "99",
        ("glue_security_configuration",),
        "Glue encrypts everything",
        "medium",
        "Set all three encryption modes.",
        _glue_security,
    )
    emr = ("emr_security_configuration",)
    yes = frozenset({"true"})
    rest = "AtRestEncryptionConfiguration"
    yield aws_rule(
        "351",
        emr,
        "EMR encrypts in transit",
        "medium",
        "Set EnableInTransitEncryption.",
        partial(_emr, ("EnableInTransitEncryption",), yes),
    )
    yield aws_rule(
        "350", emr, "EMR encrypts volumes", "medium", "Set EnableEbsEncryption.", _emr_volumes
    )
    yield aws_rule(
        "349",
        emr,
        "EMR encrypts local disks",
        "medium",
        "Add LocalDiskEncryptionConfiguration.",
        partial(
            _emr,
            (rest, "LocalDiskEncryptionConfiguration", "EncryptionKeyProviderType"),
            frozenset({"awskms", "custom"}),
        ),
    )
    yield aws_rule(
        "171",
        emr,
        "EMR uses a key of one's own",
        "low",
        "Set EncryptionMode to SSE-KMS.",
        partial(
            _emr, (rest, "S3EncryptionConfiguration", "EncryptionMode"), frozenset({"sse-kms"})
        ),
    )
    yield aws_rule(
        "112", ("ssm_document",), "Sessions are encrypted", "medium", "Set kmsKeyId.", _session_key
    )
    yield aws_rule(
        "113",
        ("ssm_document",),
        "Sessions are logged, and the logs encrypted",
        "medium",
        "Name an encrypted bucket or log group.",
        _session_logs,
    )
    yield aws_rule(
        "303",
        ("ssm_document",),
        "Documents are private",
        "high",
        "Name the accounts.",
        _document_shared,
    )
    yield aws_rule(
        "257",
        ("codecommit_approval_rule_template",),
        "Changes need two approvals",
        "medium",
        "Set NumberOfApprovalsNeeded to 2.",
        _approvals,
    )
