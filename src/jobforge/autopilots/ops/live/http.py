"""Health and security of one HTTP answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.core.context import HttpResponse

SLOW = timedelta(seconds=1)
VERY_SLOW = timedelta(seconds=3)
MAX_HOPS = 3
HSTS_MIN_SECONDS = 15_768_000
"""Half a year. Source: Mozilla Observatory, scoring of HTTP Strict Transport Security."""

UNREACHABLE = Check(
    "OPS_HTTP_001", (), "The endpoint answers", "critical",
    "Bring the service up, or correct name, port and firewall.", "health", ("NIST SC-5",),
)  # fmt: skip
SERVER_ERROR = Check(
    "OPS_HTTP_002", (), "The endpoint answers without an error", "critical",
    "Read the service's log for this request; roll back the last change if it began there.",
    "health", ("NIST SI-11",),
)  # fmt: skip
SLOW_ANSWER = Check(
    "OPS_HTTP_003", (), "The endpoint answers within a second", "medium",
    "Profile the request; look at its upstream calls and at saturation of the host.", "health",
)  # fmt: skip
LONG_REDIRECTS = Check(
    "OPS_HTTP_004", (), "At most three redirects lead to the answer", "low",
    "Link and redirect straight to the final address.", "health",
)  # fmt: skip
PLAIN_HTTP = Check(
    "OPS_HTTP_010", (), "The answer comes over TLS", "high",
    "Serve over https and redirect http to it.", "security", ("NIST SC-8", "CIS 3.10"),
)  # fmt: skip
DOWNGRADE = Check(
    "OPS_HTTP_011", (), "No redirect leads from https to http", "high",
    "Redirect to the https address.", "security", ("NIST SC-8",),
)  # fmt: skip
HSTS = Check(
    "OPS_HTTP_012", (), "Strict-Transport-Security is set for at least half a year", "medium",
    "Send `Strict-Transport-Security: max-age=31536000; includeSubDomains`.",
    "security", ("NIST SC-8",),
)  # fmt: skip
CSP = Check(
    "OPS_HTTP_013", (), "A Content-Security-Policy restricts scripts", "medium",
    "Send a Content-Security-Policy with script-src or default-src, without 'unsafe-inline'.",
    "security", ("NIST SI-10",),
)  # fmt: skip
NOSNIFF = Check(
    "OPS_HTTP_014", (), "X-Content-Type-Options is nosniff", "low",
    "Send `X-Content-Type-Options: nosniff`.", "security", ("NIST SI-10",),
)  # fmt: skip
FRAMING = Check(
    "OPS_HTTP_015", (), "Other sites cannot frame the page", "medium",
    "Send `frame-ancestors 'none'` in the Content-Security-Policy, or X-Frame-Options: DENY.",
    "security", ("NIST SC-18",),
)  # fmt: skip
REFERRER = Check(
    "OPS_HTTP_016", (), "A Referrer-Policy keeps addresses private", "low",
    "Send `Referrer-Policy: strict-origin-when-cross-origin`.", "security", ("NIST SC-4",),
)  # fmt: skip
BANNER = Check(
    "OPS_HTTP_017", (), "Headers name no software version", "low",
    "Take the version out of Server and X-Powered-By.", "security", ("NIST SI-11",),
)  # fmt: skip
COOKIE = Check(
    "OPS_HTTP_018", (), "Cookies are Secure, HttpOnly and SameSite", "medium",
    "Add the missing attributes to Set-Cookie.", "security", ("NIST SC-23",),
)  # fmt: skip
CORS = Check(
    "OPS_HTTP_019", (), "Not every site may read answers with credentials", "high",
    "List the allowed origins instead of reflecting or using *.", "security", ("NIST AC-4",),
)  # fmt: skip

CHECKS = (
    UNREACHABLE, SERVER_ERROR, SLOW_ANSWER, LONG_REDIRECTS, PLAIN_HTTP, DOWNGRADE, HSTS, CSP,
    NOSNIFF, FRAMING, REFERRER, BANNER, COOKIE, CORS,
)  # fmt: skip


def check_health(target: str, answer: HttpResponse) -> Iterator[Finding]:
    """Status, latency and redirects of the answer."""
    if answer.status >= HTTPStatus.BAD_REQUEST:
        yield SERVER_ERROR.fail(
            target,
            answer.url,
            f"status {answer.status}",
            severity="critical" if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "high",
        )
    if answer.elapsed > SLOW:
        yield SLOW_ANSWER.fail(
            target,
            answer.url,
            f"answered after {answer.elapsed.total_seconds():.2f} s",
            severity="high" if answer.elapsed > VERY_SLOW else "medium",
        )
    if len(answer.redirects) > MAX_HOPS:
        hops = " -> ".join(hop.url for hop in answer.redirects)
        yield LONG_REDIRECTS.fail(target, answer.url, f"{len(answer.redirects)} redirects: {hops}")


def check_security(target: str, answer: HttpResponse) -> Iterator[Finding]:
    """Transport, headers and cookies of the answer.

    Source: OWASP HTTP Headers Cheat Sheet; RFC 6797 (HSTS); RFC 6265bis (cookies).
    """
    yield from _check_transport(target, answer)
    yield from _check_headers(target, answer)
    yield from _check_cookies(target, answer)


def _check_transport(target: str, answer: HttpResponse) -> Iterator[Finding]:
    is_tls = answer.url.startswith("https:")
    if not is_tls:
        yield PLAIN_HTTP.fail(target, answer.url, f"final address {answer.url}")
    for hop in answer.redirects:
        if hop.url.startswith("https:") and hop.location.startswith("http:"):
            yield DOWNGRADE.fail(target, hop.url, f"{hop.status} to {hop.location}")
    seconds = _hsts_seconds(answer.header("strict-transport-security"))
    if is_tls and (seconds is None or seconds < HSTS_MIN_SECONDS):
        shown = "header is missing" if seconds is None else f"max-age={seconds}"
        yield HSTS.fail(target, "strict-transport-security", shown)


def _hsts_seconds(header: str | None) -> int | None:
    for part in (header or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() == "max-age" and value.strip('"').isdigit():
            return int(value.strip('"'))
    return None


def _check_headers(target: str, answer: HttpResponse) -> Iterator[Finding]:
    if _is_page(answer):
        yield from _check_page_headers(target, answer)
    if (answer.header("x-content-type-options") or "").lower() != "nosniff":
        yield NOSNIFF.fail(
            target, "x-content-type-options", _shown(answer, "x-content-type-options")
        )
    for name in ("server", "x-powered-by", "x-aspnet-version"):
        value = answer.header(name) or ""
        if any(character.isdigit() for character in value):
            yield BANNER.fail(target, name, f"{name}: {value}")
    origin = answer.header("access-control-allow-origin")
    credentials = (answer.header("access-control-allow-credentials") or "").lower() == "true"
    if credentials and origin in {"*", "null"}:
        yield CORS.fail(target, "access-control-allow-origin", f"{origin} with credentials")


def _check_page_headers(target: str, answer: HttpResponse) -> Iterator[Finding]:
    policy = _directives(answer.header("content-security-policy"))
    scripts = policy.get("script-src", policy.get("default-src"))
    if scripts is None or _allows_inline(scripts):
        yield CSP.fail(target, "content-security-policy", _shown(answer, "content-security-policy"))
    frame_options = (answer.header("x-frame-options") or "").lower()
    if "frame-ancestors" not in policy and frame_options not in {"deny", "sameorigin"}:
        yield FRAMING.fail(target, "x-frame-options", _shown(answer, "x-frame-options"))
    referrer = (answer.header("referrer-policy") or "").lower()
    if referrer in {"", "unsafe-url", "no-referrer-when-downgrade"}:
        yield REFERRER.fail(target, "referrer-policy", _shown(answer, "referrer-policy"))


def _allows_inline(sources: tuple[str, ...]) -> bool:
    # A nonce or hash makes browsers ignore 'unsafe-inline' (CSP Level 3, 6.7.3.2).
    has_nonce = any(source.startswith(("'nonce-", "'sha")) for source in sources)
    return "'unsafe-inline'" in sources and not has_nonce


def _directives(header: str | None) -> dict[str, tuple[str, ...]]:
    words = (part.split() for part in (header or "").split(";"))
    return {first.lower(): tuple(rest) for first, *rest in (word for word in words if word)}


def _is_page(answer: HttpResponse) -> bool:
    return "html" in (answer.header("content-type") or "").lower()


def _shown(answer: HttpResponse, name: str) -> str:
    value = answer.header(name)
    return "header is missing" if value is None else f"{name}: {value[:200]}"


def _check_cookies(target: str, answer: HttpResponse) -> Iterator[Finding]:
    for header, value in answer.headers:
        if header.lower() != "set-cookie":
            continue
        pair, *attributes = value.split(";")
        present = {attribute.strip().partition("=")[0].lower() for attribute in attributes}
        missing = [
            name for name in ("Secure", "HttpOnly", "SameSite") if name.lower() not in present
        ]
        if missing:
            # The value may be a session: only the name is shown.
            name = pair.partition("=")[0].strip()
            yield COOKIE.fail(target, f"cookie {name}", f"without {', '.join(missing)}")


def host_and_port(url: str) -> tuple[str, int]:
    """Host and port of an http or https address.

    Raises:
        ValueError: the address has no host, or a port that is none.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"{url} has no host")
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
