"""Checks of AWS networks and machines: security groups, network lists, addresses, metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, is_unknown
from jobforge.autopilots.ops.iac.terraform_rules import to_number
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

ANYWHERE = frozenset({"0.0.0.0/0", "::/0", "0000:0000:0000:0000:0000:0000:0000:0000/0"})
ALL_PROTOCOLS = frozenset({"-1", "all"})
_AWS_KEY = re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])")
_AWS_SECRET = re.compile(
    r"(?i)(?:secret_?(?:access_?)?key|aws_secret)\s*[=:]\s*[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"
)
_FORTY = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")

Block = Mapping[str, Any]


def _sources(rule: Block) -> list[str]:
    found: list[str] = []
    for key in ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6"):
        value = rule.get(key)
        found += [str(item) for item in value] if isinstance(value, list) else []
        found += [value] if isinstance(value, str) else []
    return found


_PEERS = ("referenced_security_group_id", "source_security_group_id", "prefix_list_id",
          "prefix_list_ids", "security_groups", "self")  # fmt: skip


def _is_open(rule: Block) -> bool:
    return any(source in ANYWHERE for source in _sources(rule))


def _names_nobody(resource: Resource) -> bool:
    """Whether a rule of its own says neither addresses nor peers: nothing limits it."""
    if resource.type != "aws_vpc_security_group_ingress_rule":
        return False
    return not _sources(resource.conf) and not any(resource.conf.get(key) for key in _PEERS)


def _ports(rule: Block) -> tuple[float, float] | None:
    low, high = to_number(rule.get("from_port")), to_number(rule.get("to_port"))
    return None if low is None or high is None else (low, high)


def _is_all(rule: Block) -> bool:
    return str(rule.get("protocol", rule.get("ip_protocol", ""))).lower() in ALL_PROTOCOLS


def _admits(port: int, rule: Block) -> bool:
    ports = _ports(rule)
    if ports is None:
        return _is_all(rule)
    low, high = ports
    # -1 stands for every port, or for every message of a protocol without ports.
    is_every = low == high == -1 and "icmp" not in str(
        rule.get("protocol", rule.get("ip_protocol"))
    )
    return low <= port <= high or low == high == 0 or is_every


def _ingress(resource: Resource) -> list[Block] | None:
    """The rules that let traffic in; None where the resource has to do with other things."""
    if resource.type == "aws_security_group":
        return resource.blocks("ingress")
    if resource.type == "aws_security_group_rule":
        return [resource.conf] if resource.conf.get("type") == "ingress" else None
    return [resource.conf]


def _open_port(port: int, resource: Resource) -> Judgement | None:
    rules = _ingress(resource)
    if rules is None:
        return None
    for rule in rules:
        if (_is_open(rule) or _names_nobody(resource)) and _admits(port, rule):
            return unmet(f"ingress from {', '.join(_sources(rule))}", line_of(rule))
    return met(f"port {port} is not open to everybody")


def _open_to_all(resource: Resource) -> Judgement | None:
    rules = _ingress(resource)
    if rules is None:
        return None
    for rule in rules:
        if _is_open(rule) and _has_all_ports(rule):
            return unmet("every port is open to everybody", line_of(rule))
    return met("not every port is open to everybody")


def _open_egress(resource: Resource) -> Judgement | None:
    rules: list[Block] = [resource.conf]
    if resource.type == "aws_security_group":
        rules = resource.blocks("egress")
    elif resource.type == "aws_security_group_rule" and resource.conf.get("type") != "egress":
        return None
    for rule in rules:
        if _is_open(rule) and _has_all_ports(rule):
            return unmet("everything may go everywhere", line_of(rule))
    return met("egress is limited")


def _has_all_ports(rule: Block) -> bool:
    every = {None, (0.0, 0.0), (0.0, 65535.0)}
    return _ports(rule) == (-1, -1) or (_is_all(rule) and _ports(rule) in every)


def _described(resource: Resource) -> Judgement | None:
    parts: list[Block] = [resource.conf]
    if resource.type == "aws_security_group":
        parts += [*resource.blocks("ingress"), *resource.blocks("egress")]
    bare = next((part for part in parts if not part.get("description")), None)
    return met("described") if bare is None else unmet("no description", line_of(bare))


def _acl_port(port: int, resource: Resource) -> Judgement | None:
    rules = _acl_rules(resource)
    if rules is None:
        return None
    # The rule with the lowest number that covers the port decides.
    ordered = sorted(
        rules, key=lambda rule: to_number(rule.get("rule_no", rule.get("rule_number"))) or 0
    )
    for rule in ordered:
        if _acl_covers(port, rule):
            allows = rule.get("action", rule.get("rule_action")) == "allow"
            return (unmet if allows else met)(f"rule for {rule.get('cidr_block')}", line_of(rule))
    return met(f"no rule lets everybody reach port {port}")


def _acl_rules(resource: Resource) -> list[Block] | None:
    if resource.type == "aws_network_acl":
        return resource.blocks("ingress")
    return None if resource.conf.get("egress") is True else [resource.conf]


def _acl_covers(port: int, rule: Block) -> bool:
    sources = {rule.get("cidr_block"), rule.get("ipv6_cidr_block")}
    return bool(sources & ANYWHERE) and (
        _admits(port, rule) or (_is_all(rule) and _ports(rule) in {None, (0, 0)})
    )


def _acl_all(resource: Resource) -> Judgement | None:
    conf = resource.conf
    if conf.get("egress") is True:
        return None
    is_open = {conf.get("cidr_block"), conf.get("ipv6_cidr_block")} & ANYWHERE
    every = _ports(conf) in {None, (0.0, 65535.0)} or _has_all_ports(conf)
    if conf.get("rule_action") == "allow" and is_open and every:
        return unmet("every port is allowed from everywhere", resource.line)
    return met("ports are named")


def _public_address(resource: Resource) -> Judgement:
    parts: list[Block] = [resource.conf, *resource.blocks("network_interfaces")]
    for part in parts:
        if part.get("associate_public_ip_address") is True:
            return unmet("associate_public_ip_address is true", line_of(part))
    return met("no public address is asked for")


def _metadata(resource: Resource) -> Judgement:
    for options in resource.blocks("metadata_options"):
        tokens, endpoint = options.get("http_tokens"), options.get("http_endpoint")
        if tokens == "required" or endpoint == "disabled" or is_unknown(tokens):
            return met(f"http_tokens is {tokens}, http_endpoint is {endpoint}")
        return unmet(f"http_tokens is {tokens}", line_of(options))
    return unmet("no metadata_options", resource.line)


def _hop_limit(resource: Resource) -> Judgement:
    limit = to_number(resource.get("metadata_options/http_put_response_hop_limit"))
    wrong = limit is not None and limit > 1
    return (
        unmet(f"hop limit {limit:g}", resource.line) if wrong and limit else met("at most one hop")
    )


def _block_devices(resource: Resource) -> Judgement:
    devices = [*resource.blocks("root_block_device"), *resource.blocks("ebs_block_device")]
    for device in devices:
        is_encrypted = device.get("encrypted")
        if (
            is_encrypted is not True
            and not is_unknown(is_encrypted)
            and not device.get("snapshot_id")
        ):
            return unmet(f"encrypted is {is_encrypted}", line_of(device))
    if not resource.blocks("root_block_device"):
        return unmet("the root volume is not encrypted", resource.line)
    return met(f"{len(devices)} volumes are encrypted")


def has_credentials(text: str) -> bool:
    """Whether the text holds an AWS key, its secret, or a private key."""
    if _AWS_KEY.search(text) or _AWS_SECRET.search(text) or _PRIVATE_KEY.search(text):
        return True
    return any(_looks_random(word) for word in _FORTY.findall(text))


def _looks_random(word: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit)
    return all(any(kind(character) for character in word) for kind in kinds) and (
        "/" in word or "+" in word
    )


def _user_data(resource: Resource) -> Judgement | None:
    text = resource.conf.get("user_data")
    if not isinstance(text, str):
        return met("no user data") if text is None else None
    if has_credentials(text):
        # The evidence never shows what was found: a report is read by more people than the file.
        return unmet("user_data holds credentials", line_of(resource.conf, "user_data"))
    return met("user_data holds no credentials")


def _environment(resource: Resource) -> Judgement | None:
    for environment in resource.blocks("environment"):
        variables = environment.get("variables")
        pairs = variables.items() if isinstance(variables, Mapping) else ()
        for name, value in pairs:
            if isinstance(value, str) and has_credentials(f"{name}={value}"):
                return unmet(f"variable {name} holds credentials", line_of(environment))
        return met("variables hold no credentials")
    return None


def _ebs_optimized(resource: Resource) -> Judgement:
    value = resource.conf.get("ebs_optimized")
    if value is True or is_unknown(value):
        return met(f"ebs_optimized is {value}")
    return unmet(f"ebs_optimized is {value}", resource.line)


_GROUPS = ("security_group", "security_group_rule", "vpc_security_group_ingress_rule")
_EGRESS = ("security_group", "security_group_rule", "vpc_security_group_egress_rule")
_ACLS = ("network_acl", "network_acl_rule")
_CLOSE = "Name the addresses that need it."


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    for number, port, what in (
        ("24", 22, "SSH"),
        ("25", 3389, "Remote Desktop"),
        ("260", 80, "HTTP"),
    ):
        yield aws_rule(
            number,
            _GROUPS,
            f"{what} is not open to everybody",
            "high",
            _CLOSE,
            partial(_open_port, port),
        )
    yield aws_rule(
        "277", _GROUPS, "Not every port is open to everybody", "critical", _CLOSE, _open_to_all
    )
    yield aws_rule("382", _EGRESS, "Not everything may go everywhere", "low", _CLOSE, _open_egress)
    yield aws_rule(
        "23",
        (
            *_GROUPS,
            "vpc_security_group_egress_rule",
            "elasticache_security_group",
            "db_security_group",
            "redshift_security_group",
        ),
        "Groups and rules say what they are for",
        "low",
        "Add a description.",
        _described,
    )
    for number, port, what in (
        ("229", 21, "FTP"),
        ("230", 20, "FTP data"),
        ("231", 3389, "RDP"),
        ("232", 22, "SSH"),
    ):
        yield aws_rule(
            number,
            _ACLS,
            f"Network lists do not open {what} to everybody",
            "medium",
            _CLOSE,
            partial(_acl_port, port),
        )
    yield aws_rule(
        "352",
        ("network_acl_rule",),
        "Network lists do not open every port",
        "high",
        _CLOSE,
        _acl_all,
    )
    yield aws_rule(
        "88",
        ("instance", "launch_template"),
        "Machines get no public address",
        "medium",
        "Set associate_public_ip_address to false.",
        _public_address,
    )
    machines = ("instance", "launch_template", "launch_configuration")
    yield aws_rule(
        "79",
        machines,
        "Metadata needs a token (IMDSv2)",
        "high",
        "Set metadata_options.http_tokens to required.",
        _metadata,
    )
    yield aws_rule(
        "341",
        ("launch_configuration", "launch_template"),
        "Metadata stays on the machine",
        "low",
        "Set http_put_response_hop_limit to 1.",
        _hop_limit,
    )
    yield aws_rule(
        "8",
        ("launch_configuration", "instance"),
        "Machines' volumes are encrypted",
        "medium",
        "Set encrypted on every block device.",
        _block_devices,
    )
    yield aws_rule(
        "46",
        machines,
        "User data holds no credentials",
        "critical",
        "Use an instance profile.",
        _user_data,
    )
    yield aws_rule(
        "45",
        ("lambda_function",),
        "Function variables hold no credentials",
        "critical",
        "Use a role, or a secret store.",
        _environment,
    )
    yield aws_rule(
        "135",
        ("instance",),
        "Machines are optimised for volumes",
        "low",
        "Set ebs_optimized.",
        _ebs_optimized,
    )
