"""What an X.509 certificate says, in the words of `core.context.Certificate`."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from jobforge.core.context import Certificate
from jobforge.core.errors import TargetUnavailable


def describe_certificate(der: bytes) -> Certificate:
    """Read a certificate.

    `names` are those it is valid for: its DNS names and addresses; without any, its common name.
    `key` is the algorithm and its bits, `signature` the hash and the algorithm's object identifier.

    Raises:
        TargetUnavailable: it cannot be read; nothing is known of it then.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        return Certificate(
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            names=_names(certificate),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            serial=f"{certificate.serial_number:x}",
            key=_key(certificate),
            signature=_signature(certificate),
        )
    except (ValueError, x509.DuplicateExtension) as error:
        raise TargetUnavailable(f"the server's certificate cannot be read: {error}") from None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        shown = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return tuple(str(attribute.value) for attribute in common)
    names = shown.get_values_for_type(x509.DNSName)
    addresses = shown.get_values_for_type(x509.IPAddress)
    return (*names, *(str(address) for address in addresses))


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:
        key = None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.key_size} ({key.curve.name})"
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "Ed448"
    return f"unknown ({certificate.public_key_algorithm_oid.dotted_string})"


def _signature(certificate: x509.Certificate) -> str:
    algorithm = certificate.signature_algorithm_oid.dotted_string
    try:
        used = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return f"unknown ({algorithm})"
    return f"{used.name} ({algorithm})" if used else f"no separate hash ({algorithm})"
