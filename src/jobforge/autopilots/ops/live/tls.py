"""Security of one TLS handshake and the certificates it showed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from jobforge.autopilots.ops.finding import Check, Finding, Severity
from jobforge.core.context import Certificate, TlsFacts

EXPIRY_STEPS: tuple[tuple[timedelta, Severity], ...] = (
    (timedelta(days=7), "critical"),
    (timedelta(days=14), "high"),
    (timedelta(days=30), "medium"),
)
MODERN_PROTOCOLS = frozenset({"TLSv1.2", "TLSv1.3"})
MIN_RSA_BITS = 2048
MIN_EC_BITS = 224

UNTRUSTED = Check(
    "OPS_TLS_001", (), "The certificate is trusted for this name", "critical",
    "Install a certificate for this name with its full chain.", "security", ("NIST SC-17",),
)  # fmt: skip
EXPIRY = Check(
    "OPS_TLS_002", (), "The certificate stays valid for 30 days", "medium",
    "Renew the certificate; automate it with ACME.", "health", ("NIST SC-17",),
)  # fmt: skip
NOT_YET_VALID = Check(
    "OPS_TLS_003", (), "The certificate is valid already", "critical",
    "Check the server's and this machine's clock, then the certificate's start.", "health",
)  # fmt: skip
OLD_PROTOCOL = Check(
    "OPS_TLS_004", (), "TLS 1.2 or 1.3 is spoken", "high",
    "Switch off TLS 1.1 and older.", "security", ("NIST SP 800-52r2 3.1", "NIST SC-8"),
)  # fmt: skip
WEAK_KEY = Check(
    "OPS_TLS_005", (), "Certificate keys are strong", "high",
    "Issue a new certificate with RSA 2048 or an elliptic curve of 256 bits.", "security",
    ("NIST SP 800-131Ar2", "NIST SC-12"),
)  # fmt: skip
WEAK_SIGNATURE = Check(
    "OPS_TLS_006", (), "Certificates are not signed with MD5 or SHA-1", "high",
    "Have the certificate issued anew with SHA-256.", "security", ("NIST SP 800-131Ar2",),
)  # fmt: skip
NO_TLS = Check(
    "OPS_TLS_007", (), "The TLS handshake succeeds", "critical",
    "Check that the port speaks TLS and that server and client share a protocol.", "health",
)  # fmt: skip

CHECKS = (UNTRUSTED, EXPIRY, NOT_YET_VALID, OLD_PROTOCOL, WEAK_KEY, WEAK_SIGNATURE, NO_TLS)


def check_tls(target: str, facts: TlsFacts, now: datetime) -> Iterator[Finding]:
    """Trust, validity at `now`, protocol and strength of what the server showed.

    Source: NIST SP 800-52 rev. 2 (protocols), SP 800-131A rev. 2 (keys and signatures).
    """
    if facts.verify_error is not None:
        yield UNTRUSTED.fail(target, facts.host, facts.verify_error)
    if facts.protocol not in MODERN_PROTOCOLS:
        yield OLD_PROTOCOL.fail(target, facts.host, f"{facts.protocol} with {facts.cipher}")
    for position, certificate in enumerate(facts.chain):
        yield from _check_validity(target, certificate, now)
        # A root signs itself: its own signature is never checked, so its hash does not matter.
        if certificate.subject != certificate.issuer or position == 0:
            yield from _check_signature(target, certificate)
        yield from _check_key(target, certificate)


def _check_validity(target: str, certificate: Certificate, now: datetime) -> Iterator[Finding]:
    if now < certificate.not_before:
        start = certificate.not_before.isoformat()
        yield NOT_YET_VALID.fail(target, certificate.subject, f"valid from {start}")
    left = certificate.not_after - now
    end = certificate.not_after.isoformat()
    if left <= timedelta():
        yield EXPIRY.fail(target, certificate.subject, f"expired {end}", severity="critical")
        return
    for limit, severity in EXPIRY_STEPS:
        if left < limit:
            evidence = f"expires {end}, in {left.days} days"
            yield EXPIRY.fail(target, certificate.subject, evidence, severity=severity)
            return


def _check_signature(target: str, certificate: Certificate) -> Iterator[Finding]:
    signature = certificate.signature.lower().replace("-", "")
    if "md5" in signature or "sha1" in re.sub(r"sha1\d+", "", signature):
        yield WEAK_SIGNATURE.fail(target, certificate.subject, certificate.signature)


def _check_key(target: str, certificate: Certificate) -> Iterator[Finding]:
    bits = re.search(r"\d{3,}", certificate.key)
    if bits is None or "25519" in certificate.key or "448" in certificate.key:
        return
    is_rsa_like = bool(re.match(r"(?i)rsa|dsa", certificate.key.strip()))
    minimum = MIN_RSA_BITS if is_rsa_like else MIN_EC_BITS
    if int(bits.group()) < minimum:
        yield WEAK_KEY.fail(target, certificate.subject, certificate.key)
