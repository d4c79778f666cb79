"""Tests of `autopilot.ops.scan`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from typing_extensions import override

from jobforge.autopilots.ops import SCAN
from jobforge.autopilots.ops.live import dns, host, http, postgres, tls
from jobforge.autopilots.ops.live.postgres_queries import DEEP, SURFACE
from jobforge.autopilots.ops.scan import ScanPayload, ScanResult, handle
from jobforge.core.context import (
    Certificate,
    Filesystem,
    HostFacts,
    HttpRequest,
    HttpResponse,
    ListeningSocket,
    Redirect,
    TlsFacts,
)
from jobforge.core.errors import ConnectionMissing, EgressDenied, PayloadInvalid
from jobforge.testing.context import MemoryContext, MemoryProbes

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
GOOD_HEADERS = (
    ("content-type", "text/html"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("content-security-policy", "default-src 'self'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("server", "nginx"),
    ("set-cookie", "session=abc; Secure; HttpOnly; SameSite=Lax"),
)


def certificate(**changes: object) -> Certificate:
    facts: dict[str, object] = {
        "subject": "CN=shop.example",
        "issuer": "CN=Example CA",
        "names": ("shop.example",),
        "not_before": NOW - timedelta(days=30),
        "not_after": NOW + timedelta(days=60),
        "serial": "01",
        "key": "RSA 2048",
        "signature": "sha256WithRSAEncryption",
    }
    return Certificate.model_validate(facts | changes)


def tls_facts(**changes: object) -> TlsFacts:
    facts: dict[str, object] = {
        "host": "shop.example",
        "port": 443,
        "protocol": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "chain": (certificate(),),
        "verify_error": None,
        "elapsed": timedelta(milliseconds=20),
    }
    return TlsFacts.model_validate(facts | changes)


def host_facts(**changes: object) -> HostFacts:
    facts: dict[str, object] = {
        "hostname": "worker-1",
        "system": "Linux",
        "kernel": "6.1",
        "uptime": timedelta(days=3),
        "cpu_count": 2,
        "load_average": (0.1, 0.2, 0.3),
        "memory_total_bytes": 1000,
        "memory_available_bytes": 600,
        "swap_total_bytes": 0,
        "swap_used_bytes": 0,
        "filesystems": (Filesystem(mount="/", kind="ext4", total_bytes=100, used_bytes=50),),
        "listening": (),
        "is_root": False,
    }
    return HostFacts.model_validate(facts | changes)


def answer(**changes: object) -> HttpResponse:
    facts: dict[str, object] = {
        "url": "https://shop.example/",
        "status": 200,
        "headers": GOOD_HEADERS,
        "body": b"",
        "elapsed": timedelta(milliseconds=40),
    }
    return HttpResponse.model_validate(facts | changes)


def healthy_context() -> MemoryContext:
    context = MemoryContext(time=NOW)
    context.http.answers["https://shop.example/"] = answer()
    context.probes.tls_facts["shop.example", 443] = tls_facts()
    context.probes.dns["shop.example"] = {
        "A": ["93.184.216.34"], "NS": ["a.example", "b.example"], "CAA": ['0 issue "ca.example"'],
    }  # fmt: skip
    context.probes.host_facts = host_facts()
    return context


def ids(result: ScanResult) -> list[str]:
    return [finding.check_id for finding in result.findings]


async def scan(context: MemoryContext, **payload: object) -> ScanResult:
    return await handle(SCAN.parse_payload(payload), context)


async def test_a_healthy_endpoint_and_host_give_no_finding() -> None:
    targets = ["https://shop.example/", "host:"]

    result = await scan(
        healthy_context(), scan_type="full", targets=targets, options={"depth": "deep"}
    )

    assert result.findings == ()
    assert result.summary.model_dump() == {"healthy": 2, "warning": 0, "critical": 0}
    assert result.targets_scanned == 2


async def test_no_target_means_this_host() -> None:
    context = healthy_context()
    context.probes.host_facts = host_facts(memory_available_bytes=20)

    result = await scan(context)

    assert ids(result) == ["OPS_HOST_003"]
    assert result.findings[0].evidence == "2.0% of 1,000 bytes available"
    assert result.summary.critical == 1


async def test_a_dead_target_costs_one_finding_not_the_scan() -> None:
    result = await scan(healthy_context(), targets=["https://dead.example/", "host:"])

    assert [(f.check_id, f.path) for f in result.findings] == [
        ("OPS_TARGET_001", "https://dead.example/")
    ]
    assert result.summary.model_dump() == {"healthy": 1, "warning": 0, "critical": 1}


class SlowProbes(MemoryProbes):
    @override
    async def host(self) -> HostFacts:
        await asyncio.sleep(30)
        return host_facts()


async def test_a_hanging_target_is_cut_off_at_its_time_budget() -> None:
    context = healthy_context()
    context.probes = SlowProbes(tls_facts=context.probes.tls_facts)
    targets = ["host:", "https://shop.example/"]

    result = await asyncio.wait_for(
        scan(context, targets=targets, options={"target_timeout_seconds": 0.05}), timeout=5
    )

    assert ids(result) == ["OPS_TARGET_001"]
    assert "no result within 0.05 s" in result.findings[0].evidence


def refuse(request: HttpRequest) -> HttpResponse:
    raise EgressDenied(f"{request.url} is not public")


async def test_a_refused_address_beside_others_is_a_finding() -> None:
    context = healthy_context()
    context.http.answers["http://10.0.0.1/"] = refuse

    result = await scan(context, targets=["http://10.0.0.1/", "host:"])

    assert ids(result) == ["OPS_TARGET_002"]


async def test_a_scan_whose_every_target_is_refused_fails_as_refused() -> None:
    context = healthy_context()
    context.http.answers["http://10.0.0.1/"] = refuse

    with pytest.raises(EgressDenied):
        await scan(context, targets=["http://10.0.0.1/"])
    with pytest.raises(ConnectionMissing):
        await scan(context, targets=["connection:nope"])


async def test_an_untrusted_certificate_is_named_in_every_scan_type() -> None:
    context = healthy_context()
    context.probes.tls_facts["shop.example", 443] = tls_facts(verify_error="self-signed")

    for scan_type in ("health", "security", "full"):
        result = await scan(context, scan_type=scan_type, targets=["https://shop.example/"])
        assert "OPS_TLS_001" in ids(result)


async def test_the_report_is_stored_under_the_jobs_name() -> None:
    context = healthy_context()

    result = await scan(context, targets=["https://dead.example/"])

    (name,) = context.artifacts.stored
    report = json.loads(context.artifacts.stored[name])
    assert name == f"ops-scan-{context.job.job_id}.json"
    assert report["findings"][0]["fingerprint"] == result.findings[0].fingerprint
    assert report["summary"]["critical"] == 1


async def test_a_result_survives_json() -> None:
    result = await scan(healthy_context(), targets=["https://dead.example/"])

    assert ScanResult.model_validate_json(result.model_dump_json()) == result


async def test_what_cannot_be_judged_is_said() -> None:
    result = await scan(healthy_context(), scan_type="cost", options={"include_logs": True})

    assert len(result.notices) == 2


@pytest.mark.parametrize(
    "target",
    ["ftp://a.example", "shop.example", "connection:", "https://u:p@a.example/", "https:///x"],
)
def test_a_target_of_another_kind_is_refused_with_its_pointer(target: str) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        SCAN.parse_payload({"targets": [target]})

    assert caught.value.pointer == "/targets"


def test_the_payloads_bounds_are_the_contracts() -> None:
    assert ScanPayload().options.time_range_hours == 24
    for hours in (0, 169):
        with pytest.raises(PayloadInvalid):
            SCAN.parse_payload({"options": {"time_range_hours": hours}})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": 503}, "OPS_HTTP_002"),
        ({"status": 404}, "OPS_HTTP_002"),
        ({"elapsed": timedelta(seconds=2)}, "OPS_HTTP_003"),
        (
            {
                "redirects": tuple(
                    Redirect(url=f"https://{i}", status=301, location="x") for i in range(4)
                )
            },
            "OPS_HTTP_004",
        ),
    ],
)
def test_http_health_fires_on(changes: dict[str, object], expected: str) -> None:
    found = list(http.check_health("t", answer(**changes)))

    assert [finding.check_id for finding in found] == [expected]


def headers_with(**changes: str) -> tuple[tuple[str, str], ...]:
    merged = dict(GOOD_HEADERS) | {name.replace("_", "-"): value for name, value in changes.items()}
    return tuple((name, value) for name, value in merged.items() if value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (headers_with(strict_transport_security=""), "OPS_HTTP_012"),
        (headers_with(strict_transport_security="max-age=60"), "OPS_HTTP_012"),
        (
            headers_with(
                content_security_policy="script-src 'unsafe-inline'; frame-ancestors 'none'"
            ),
            "OPS_HTTP_013",
        ),
        (headers_with(x_content_type_options=""), "OPS_HTTP_014"),
        (headers_with(content_security_policy="default-src 'self'"), "OPS_HTTP_015"),
        (headers_with(referrer_policy="unsafe-url"), "OPS_HTTP_016"),
        (headers_with(server="nginx/1.18.0"), "OPS_HTTP_017"),
        (headers_with(set_cookie="session=abc; HttpOnly"), "OPS_HTTP_018"),
        (
            headers_with(access_control_allow_origin="*", access_control_allow_credentials="true"),
            "OPS_HTTP_019",
        ),
    ],
)
def test_http_security_fires_on(headers: tuple[tuple[str, str], ...], expected: str) -> None:
    found = list(http.check_security("t", answer(headers=headers)))

    assert [finding.check_id for finding in found] == [expected]


def test_a_cookies_value_never_shows() -> None:
    found = list(http.check_security("t", answer(headers=headers_with(set_cookie="sid=hunter2"))))

    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("facts", "expected", "severity"),
    [
        (tls_facts(verify_error="self-signed"), "OPS_TLS_001", "critical"),
        (
            tls_facts(chain=(certificate(not_after=NOW - timedelta(days=1)),)),
            "OPS_TLS_002",
            "critical",
        ),
        (
            tls_facts(chain=(certificate(not_after=NOW + timedelta(days=10)),)),
            "OPS_TLS_002",
            "high",
        ),
        (
            tls_facts(chain=(certificate(not_after=NOW + timedelta(days=29)),)),
            "OPS_TLS_002",
            "medium",
        ),
        (
            tls_facts(chain=(certificate(not_before=NOW + timedelta(days=1)),)),
            "OPS_TLS_003",
            "critical",
        ),
        (tls_facts(protocol="TLSv1.1"), "OPS_TLS_004", "high"),
        (tls_facts(chain=(certificate(key="RSA 1024"),)), "OPS_TLS_005", "high"),
        (tls_facts(chain=(certificate(signature="sha1WithRSAEncryption"),)), "OPS_TLS_006", "high"),
    ],
)
def test_tls_fires_on(facts: TlsFacts, expected: str, severity: str) -> None:
    found = list(tls.check_tls("t", facts, NOW))

    assert [(finding.check_id, finding.severity) for finding in found] == [(expected, severity)]


def test_a_roots_own_sha1_signature_is_no_finding() -> None:
    root = certificate(subject="CN=R", issuer="CN=R", signature="sha1WithRSAEncryption")

    assert list(tls.check_tls("t", tls_facts(chain=(certificate(), root)), NOW)) == []


def test_dns_names_what_is_missing() -> None:
    found = [f.check_id for f in dns.check_dns("t", "a.example", {"A": ["10.0.0.1"], "NS": ["n"]})]

    assert found == ["OPS_DNS_002", "OPS_DNS_003", "OPS_DNS_004"]
    assert [f.check_id for f in dns.check_dns("t", "a.example", {})] == ["OPS_DNS_001"]
    assert list(dns.check_dns("t", "93.184.216.34", {})) == []


def test_the_host_checks_fire_at_their_limits() -> None:
    facts = host_facts(
        load_average=(9.0, 9.0, 4.0),
        swap_total_bytes=100,
        swap_used_bytes=90,
        filesystems=(
            Filesystem(mount="/", kind="ext4", total_bytes=100, used_bytes=96),
            Filesystem(mount="/snap", kind="squashfs", total_bytes=100, used_bytes=100),
        ),
        listening=(
            ListeningSocket(address="0.0.0.0", port=6379, process="redis"),  # noqa: S104 (fixture)
            ListeningSocket(address="127.0.0.1", port=5432, process="postgres"),
        ),
        is_root=True,
    )

    health = [(f.check_id, f.severity) for f in host.check_health("host:", facts)]
    security = [(f.check_id, f.resource) for f in host.check_security("host:", facts)]

    assert health == [
        ("OPS_HOST_001", "critical"), ("OPS_HOST_004", "medium"), ("OPS_HOST_005", "medium"),
    ]  # fmt: skip
    assert security == [("OPS_HOST_010", "port 6379"), ("OPS_HOST_011", "worker-1")]


SICK: postgres.Tables = {
    "connections": [{"used": 97, "allowed": 100, "idle_in_transaction": 1}],
    "long_transactions": [
        {"pid": 7, "role": "app", "state": "idle in transaction", "seconds": 9e3}
    ],
    "blocked": [{"pid": 8, "seconds": 12.0, "blockers": "7"}],
    "wraparound": [{"database": "app", "age": 1_600_000_000, "multixact_age": 0}],
    "replicas": [{"replica": "r1", "state": "catchup", "behind_bytes": 5}],
    "standby": [{"behind_seconds": 900.0}],
    "slots": [{"slot": "s", "active": False, "retained_bytes": 2**31}],
    "settings": [
        {"name": "fsync", "setting": "off", "unit": ""},
        {"name": "ssl", "setting": "off", "unit": ""},
        {"name": "password_encryption", "setting": "md5", "unit": ""},
        {"name": "idle_in_transaction_session_timeout", "setting": "0", "unit": "ms"},
    ],
    "dead_rows": [{"relation": "public.t", "live": 10, "dead": 20_000, "bytes": 1}],
    "missing_indexes": [
        {"relation": "public.t", "scans": 900, "rows_per_scan": 50_000, "index_scans": 0}
    ],
    "invalid_indexes": [{"index": "i"}],
    "unindexed_foreign_keys": [{"relation": "t", "key": "t_fk"}],
    "sequences": [{"sequence": "public.t_id_seq", "value": 2e9, "maximum": 2147483647.0}],
    "cache": [{"hits": 1_000_000, "reads": 1_000_000}],
    "unencrypted": [{"clients": 2}],
    "superusers": [{"role": "postgres"}, {"role": "app"}],
    "current_role": [{"role": "app", "is_superuser": True}],
    "public_schema": [{"may_create": True}],
    "statistics_age": [{"seconds": 30 * 86400.0}],
    "unused_indexes": [{"relation": "t", "index": "t_i", "bytes": 2_000_000}],
    "duplicate_indexes": [{"relation": "t", "indexes": "a, b", "bytes": 10}],
}


async def test_every_postgres_check_fires_on_a_sick_server() -> None:
    context = healthy_context()
    context.probes.tables["db"] = {name: [dict(r) for r in rows] for name, rows in SICK.items()}

    result = await scan(context, scan_type="full", targets=["connection:db"])

    assert sorted(set(ids(result))) == sorted(check.check_id for check in postgres.CHECKS)


async def test_a_surface_scan_reads_no_table_statistics() -> None:
    context = healthy_context()
    context.probes.tables["db"] = {name: [dict(r) for r in rows] for name, rows in SICK.items()}

    result = await scan(context, scan_type="health", targets=["connection:db"])

    assert "OPS_PG_009" not in ids(result)
    assert not set(SURFACE) & set(DEEP)


def test_an_index_is_not_called_unused_by_young_statistics() -> None:
    young = dict(SICK) | {"statistics_age": [{"seconds": 3600.0}], "duplicate_indexes": []}

    assert list(postgres.check_cost("connection:db", young)) == []


def test_fingerprints_do_not_depend_on_evidence() -> None:
    one = list(http.check_health("t", answer(elapsed=timedelta(seconds=2))))
    other = list(http.check_health("t", answer(elapsed=timedelta(seconds=1.5))))

    assert one[0].fingerprint == other[0].fingerprint
    assert one[0].evidence != other[0].evidence


CHART = {
    "shop/Chart.yaml": b"name: shop\n",
    "shop/templates/web.yaml": b"kind: Deployment\nmetadata: {{ include x . }}\n",
}
RENDERED = """\
# Source: shop/templates/web.yaml
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: web, image: web:1.2, securityContext: {privileged: true}}]}
"""


async def test_a_chart_is_judged_as_helm_renders_it() -> None:
    context = MemoryContext()
    context.workspace.files = dict(CHART)
    context.workspace.charts = {"shop": RENDERED}
    payload = ScanPayload(scan_type="security", targets=("files:.",))

    result = await handle(payload, context)

    found = {(finding.path, finding.check_id) for finding in result.findings}
    assert ("shop/templates-rendered.yaml", "OPS_K8S_16") in found
    assert "OPS_FILE_002" not in {check_id for _, check_id in found}


async def test_without_helm_a_chart_is_skipped_with_a_notice() -> None:
    context = MemoryContext()
    context.workspace.files = dict(CHART)
    payload = ScanPayload(scan_type="security", targets=("files:.",))

    result = await handle(payload, context)

    assert any("1 templates were not rendered: helm is not installed" in n for n in result.notices)
    assert result.targets_scanned == 1
