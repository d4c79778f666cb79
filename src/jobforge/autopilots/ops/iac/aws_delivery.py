"""Checks of AWS balancers, distributions and API gateways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from jobforge.autopilots.ops.iac.aws_rule import TypedRule, aws_rule, verdict
from jobforge.autopilots.ops.iac.rule import Judgement, met, unmet
from jobforge.autopilots.ops.iac.terraform_model import Resource, blocks_of, is_unknown
from jobforge.autopilots.ops.iac.terraform_rules import is_set, to_number
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

YEAR_DAYS = 365


SECURE_PROTOCOLS = frozenset({"HTTPS", "TLS", "TCP", "UDP", "TCP_UDP"})


def _truthy(value: object) -> bool:
    return value is True or value == "true" or is_unknown(value)


def _balancer_type(resource: Resource) -> str:
    return str(resource.conf.get("load_balancer_type") or "application")


def _desync(resource: Resource) -> Judgement | None:
    if resource.type != "aws_elb" and _balancer_type(resource) != "application":
        return None
    mode = resource.conf.get("desync_mitigation_mode", "defensive")
    return verdict(mode in {"defensive", "strictest"} or is_unknown(mode), f"mode {mode}", resource)


def _drops_headers(resource: Resource) -> Judgement | None:
    if _balancer_type(resource) != "application":
        return None
    value = resource.conf.get("drop_invalid_header_fields")
    return verdict(_truthy(value), f"drop_invalid_header_fields is {value}", resource)


def _cross_zone(resource: Resource) -> Judgement | None:
    if _balancer_type(resource) == "application":
        return None
    value = resource.conf.get("enable_cross_zone_load_balancing")
    return verdict(_truthy(value), f"enable_cross_zone_load_balancing is {value}", resource)


def _listener(resource: Resource) -> Judgement | None:
    protocol = resource.conf.get("protocol")
    if protocol in SECURE_PROTOCOLS or is_unknown(protocol):
        return met(f"protocol {protocol}")
    for action in resource.blocks("default_action"):
        target = (blocks_of(action, "redirect") or [{}])[0].get("protocol")
        if action.get("type") == "redirect" and (target == "HTTPS" or is_unknown(target)):
            return met("redirects to HTTPS")
    return unmet(f"protocol {protocol}", resource.line)


def _classic_listener(resource: Resource) -> Judgement:
    for listener in resource.blocks("listener"):
        secure = str(listener.get("lb_protocol")).lower() in {"https", "ssl"}
        secure |= str(listener.get("instance_protocol")).lower() in {"https", "ssl"}
        if not secure or not listener.get("ssl_certificate_id"):
            return unmet(f"listener {listener.get('lb_protocol')}", line_of(listener))
    return met("every listener speaks TLS")


def _certificate(resource: Resource) -> Judgement:
    bare = [item for item in resource.blocks("listener") if not item.get("ssl_certificate_id")]
    return verdict(not bare, f"{len(bare)} listeners without certificate", resource)


def _access_logs(default: bool, resource: Resource) -> Judgement:
    logs = resource.blocks("access_logs")
    value = logs[0].get("enabled", default) if logs else False
    return verdict(_truthy(value), f"access_logs.enabled is {value}", resource)


def _method(resource: Resource) -> Judgement:
    kind, needed = resource.conf.get("authorization"), resource.conf.get("api_key_required")
    is_open = kind is None or kind == "NONE"
    if resource.conf.get("http_method") == "OPTIONS" or not is_open or needed is True:
        return met(f"authorization {kind}")
    return unmet("authorization NONE and no API key", resource.line)


def _cached_encrypted(resource: Resource) -> Judgement:
    if not _truthy(resource.get("settings/caching_enabled")):
        return met("nothing is cached")
    value = resource.get("settings/cache_data_encrypted")
    return verdict(_truthy(value), f"cache_data_encrypted is {value}", resource)


def _viewer_tls(resource: Resource) -> Judgement:
    version = resource.get("viewer_certificate/minimum_protocol_version")
    modern = is_unknown(version) or bool(re.match(r"TLSv1\.[23]", str(version)))
    return verdict(modern, f"minimum_protocol_version is {version}", resource)


def _viewer_protocol(resource: Resource) -> Judgement:
    behaviors = [*resource.blocks("default_cache_behavior"),
                 *resource.blocks("ordered_cache_behavior")]  # fmt: skip
    for behavior in behaviors:
        if behavior.get("viewer_protocol_policy") == "allow-all":
            return unmet("viewer_protocol_policy is allow-all", line_of(behavior))
    return met("viewers use HTTPS")


def _failover(resource: Resource) -> Judgement:
    groups = resource.blocks("origin_group")
    for group in groups:
        members = len(blocks_of(group, "member"))
        if not blocks_of(group, "failover_criteria") or members < 2:  # noqa: PLR2004 (a pair)
            return unmet(f"{members} members, or no failover_criteria", line_of(group))
    return verdict(bool(groups), f"{len(groups)} origin groups", resource)


def _transport_security(resource: Resource) -> Judgement:
    path = "security_headers_config/strict_transport_security"
    age = to_number(resource.get(f"{path}/access_control_max_age_sec"))
    flags = [
        resource.get(f"{path}/{name}") for name in ("include_subdomains", "preload", "override")
    ]
    good = age is not None and age >= YEAR_DAYS * 86_400 and all(map(_truthy, flags))
    return verdict(good, f"max age {age}, flags {flags}", resource)


def _health_check(resource: Resource) -> Judgement | None:
    if resource.conf.get("protocol") not in {"HTTP", "HTTPS"}:
        return None
    path = resource.get("health_check/path")
    return verdict(is_set(path), f"health_check.path is {path}", resource)


_LB = ("lb", "alb")


def rules() -> Iterator[TypedRule]:
    """Rules with the resource types they apply to."""
    yield aws_rule(
        "328",
        (*_LB, "elb"),
        "Balancers guard against request smuggling",
        "medium",
        "Set desync_mitigation_mode to defensive or strictest.",
        _desync,
    )
    yield aws_rule(
        "131",
        _LB,
        "Balancers drop invalid headers",
        "medium",
        "Set drop_invalid_header_fields.",
        _drops_headers,
    )
    yield aws_rule(
        "152",
        _LB,
        "Balancers spread over zones",
        "low",
        "Set enable_cross_zone_load_balancing.",
        _cross_zone,
    )
    yield aws_rule(
        "2",
        ("lb_listener", "alb_listener"),
        "Listeners speak TLS",
        "high",
        "Use HTTPS, or redirect to it.",
        _listener,
    )
    yield aws_rule(
        "376",
        ("elb",),
        "Classic listeners speak TLS",
        "high",
        "Use HTTPS or SSL and a certificate.",
        _classic_listener,
    )
    yield aws_rule(
        "127",
        ("elb",),
        "Classic listeners have a certificate",
        "medium",
        "Set ssl_certificate_id.",
        _certificate,
    )
    yield aws_rule(
        "92",
        ("elb",),
        "Classic balancers log accesses",
        "low",
        "Add access_logs.",
        partial(_access_logs, True),
    )
    yield aws_rule(
        "91",
        _LB,
        "Balancers log accesses",
        "low",
        "Add access_logs with enabled = true.",
        partial(_access_logs, False),
    )
    yield aws_rule(
        "261",
        ("lb_target_group", "alb_target_group"),
        "Targets are health-checked",
        "low",
        "Set health_check.path.",
        _health_check,
    )
    yield aws_rule(
        "310",
        ("cloudfront_distribution",),
        "Distributions fail over",
        "low",
        "Add an origin_group of two members.",
        _failover,
    )
    yield aws_rule(
        "174",
        ("cloudfront_distribution",),
        "Distributions speak TLS 1.2",
        "medium",
        "Set viewer_certificate.minimum_protocol_version.",
        _viewer_tls,
    )
    yield aws_rule(
        "34",
        ("cloudfront_distribution",),
        "Distributions speak HTTPS only",
        "high",
        "Set viewer_protocol_policy to redirect-to-https.",
        _viewer_protocol,
    )
    yield aws_rule(
        "259",
        ("cloudfront_response_headers_policy",),
        "Distributions enforce strict transport security",
        "medium",
        "Set strict_transport_security for a year.",
        _transport_security,
    )
    yield aws_rule(
        "59",
        ("api_gateway_method",),
        "API methods require authorisation",
        "high",
        "Set authorization or api_key_required.",
        _method,
    )
    yield aws_rule(
        "308",
        ("api_gateway_method_settings",),
        "Cached API answers are encrypted",
        "medium",
        "Set settings.cache_data_encrypted.",
        _cached_encrypted,
    )
