"""Checks of AWS tasks, images and firewalls: resources with lists of rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule, verdict
from jobforge.autopilots.ops.iac.policy import parse_policy
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, blocks_of
from jobforge.autopilots.ops.iac.yaml_nodes import line_of


def _true(value: object) -> bool:
    return value is True or str(value).lower() == "true"


def _containers(resource: Resource) -> list[Mapping[str, Any]] | None:
    value = resource.conf.get("container_definitions")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, list):
        return None
    return [item for item in value if isinstance(item, Mapping)]


def _task(
    test: Callable[[Mapping[str, Any]], bool], what: str, resource: Resource
) -> Judgement | None:
    containers = _containers(resource)
    if containers is None:
        return None
    wrong = next((container for container in containers if test(container)), None)
    if wrong is None:
        return met(f"{len(containers)} containers")
    return unmet(
        f"container {wrong.get('name')} {what}", line_of(resource.conf, "container_definitions")
    )


def _is_privileged(container: Mapping[str, Any]) -> bool:
    # `privilege` is no key of ECS, but whoever writes it means the other.
    return _true(container.get("privileged")) or _true(container.get("privilege"))


def _is_writable(container: Mapping[str, Any]) -> bool:
    return not _true(container.get("readonlyRootFilesystem"))


def _host_processes(resource: Resource) -> Judgement | None:
    if resource.conf.get("pid_mode") == "host":
        return unmet("pid_mode is host", line_of(resource.conf, "pid_mode"))
    inner = _task(
        lambda container: container.get("pidMode") == "host", "shares processes", resource
    )
    return inner or met("pid_mode is not host")


def _batch(resource: Resource) -> Judgement | None:
    document = parse_policy(resource.conf.get("container_properties"))
    if document is None:
        return None
    value = document.get("privileged")
    return verdict(not _true(value), f"privileged is {value}", resource)


_RULE_BLOCKS = {
    "aws_waf_web_acl": ("rules",),
    "aws_wafregional_web_acl": ("rule",),
    "aws_wafv2_web_acl": ("rule",),
    "aws_wafv2_rule_group": ("rule",),
    "aws_wafregional_rule_group": ("activated_rule",),
    "aws_waf_rule_group": ("activated_rule",),
}


def _waf_rules(resource: Resource) -> list[Mapping[str, Any]]:
    return [block for name in _RULE_BLOCKS[resource.type] for block in resource.blocks(name)]


def _has_rules(resource: Resource) -> Judgement:
    rules = [rule for rule in _waf_rules(resource) if rule]
    return verdict(bool(rules), f"{len(rules)} rules", resource)


def _rules_act(resource: Resource) -> Judgement | None:
    for rule in _waf_rules(resource):
        actions = [*blocks_of(rule, "action"), *blocks_of(rule, "override_action")]
        managed = [group for statement in blocks_of(rule, "statement")
                   for group in blocks_of(statement, "managed_rule_group_statement")]  # fmt: skip
        if not any(actions) and not managed:
            return unmet("a rule without action", line_of(rule))
    return met("every rule acts")


def _log4j(resource: Resource) -> Judgement:
    for rule in resource.blocks("rule"):
        counts = any("count" in action for action in blocks_of(rule, "override_action"))
        for statement in blocks_of(rule, "statement"):
            for group in blocks_of(statement, "managed_rule_group_statement"):
                if group.get("name") == "AWSManagedRulesKnownBadInputsRuleSet" and not counts:
                    return _group_acts(group)
    return unmet("no rule set for known bad inputs", resource.line)


def _group_acts(group: Mapping[str, Any]) -> Judgement:
    for block, key in (("excluded_rule", None), ("rule_action_override", "action_to_use")):
        for rule in blocks_of(group, block):
            only_counts = key is None or any("count" in item for item in blocks_of(rule, key))
            if rule.get("name") == "Log4JRCE" and only_counts:
                return unmet("Log4JRCE is only counted", line_of(rule))
    return met("known bad inputs are blocked")


def _waf_logs(resource: Resource) -> Judgement:
    has = resource.blocks("logging_configuration")
    return verdict(bool(has), "logs" if has else "no logging_configuration", resource)


def _image_copies(resource: Resource) -> Judgement:
    for distribution in resource.blocks("distribution"):
        for ami in blocks_of(distribution, "ami_distribution_configuration"):
            if not ami.get("kms_key_id"):
                return unmet("kms_key_id is missing", line_of(ami))
    return met("copies use a key of one's own")


def _image_recipe(resource: Resource) -> Judgement:
    for mapping in resource.blocks("block_device_mapping"):
        ebs = (blocks_of(mapping, "ebs") or [{}])[0]
        if not (_true(ebs.get("encrypted")) and ebs.get("kms_key_id")):
            return unmet("a volume without a key of one's own", line_of(mapping))
    return verdict(bool(resource.blocks("block_device_mapping")), "volumes", resource)


def _transfer_protocols(resource: Resource) -> Judgement:
    value = resource.conf.get("protocols")
    plain = isinstance(value, list) and "FTP" in value
    return verdict(not plain, f"protocols {value}", resource)


def _balancer_policy(resource: Resource) -> Judgement | None:
    names = [(str(item.get("name")), str(item.get("value")).lower())
             for item in resource.blocks("policy_attribute")]  # fmt: skip
    old = {"Protocol-SSLv2", "Protocol-SSLv3", "Protocol-TLSv1", "Protocol-TLSv1.1"}
    found = next((name for name, value in names if name in old and value == "true"), None)
    return unmet(f"{found} is on", resource.line) if found else met("no old protocol is on")


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    tasks = ("ecs_task_definition",)
    yield aws_rule(
        "334",
        tasks,
        "Containers are not privileged",
        "high",
        "Remove privileged.",
        partial(_task, _is_privileged, "is privileged"),
    )
    yield aws_rule(
        "336",
        tasks,
        "Containers' root file systems are read-only",
        "low",
        "Set readonlyRootFilesystem.",
        partial(_task, _is_writable, "can be written to"),
    )
    yield aws_rule(
        "335",
        tasks,
        "Tasks do not share the host's processes",
        "high",
        "Remove pid_mode.",
        _host_processes,
    )
    yield aws_rule(
        "210",
        ("batch_job_definition",),
        "Batch jobs are not privileged",
        "high",
        "Remove privileged.",
        _batch,
    )
    yield aws_rule(
        "199",
        ("imagebuilder_distribution_configuration",),
        "Distributed images use a key of one's own",
        "low",
        "Set kms_key_id.",
        _image_copies,
    )
    yield aws_rule(
        "200",
        ("imagebuilder_image_recipe",),
        "Recipes' volumes use a key of one's own",
        "low",
        "Set encrypted and kms_key_id.",
        _image_recipe,
    )
    lists = ("waf_web_acl", "wafregional_web_acl", "wafv2_web_acl")
    groups = ("wafv2_rule_group", "wafregional_rule_group", "waf_rule_group")
    yield aws_rule("175", lists, "Firewalls have rules", "medium", "Add rules.", _has_rules)
    yield aws_rule(
        "342",
        (*lists, *groups),
        "Firewall rules act",
        "medium",
        "Give each rule an action.",
        _rules_act,
    )
    yield aws_rule(
        "192",
        ("wafv2_web_acl",),
        "Firewalls stop Log4j lookups",
        "high",
        "Add AWSManagedRulesKnownBadInputsRuleSet.",
        _log4j,
    )
    yield aws_rule(
        "176",
        ("waf_web_acl", "wafregional_web_acl"),
        "Firewalls log",
        "low",
        "Add logging_configuration.",
        _waf_logs,
    )
    yield aws_rule(
        "213",
        ("load_balancer_policy",),
        "Balancers speak no old protocol",
        "high",
        "Switch SSL and old TLS off.",
        _balancer_policy,
    )
    yield aws_rule(
        "357",
        ("transfer_server",),
        "Transfer servers speak no plain FTP",
        "high",
        "Take FTP out of protocols.",
        _transfer_protocols,
    )
