"""Signed statements (JWS, HS256): keys with ids, signing, and opening what may be hostile."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from jobforge.contract.canonical import canonical_bytes
from jobforge.core.errors import SettingInvalid

MIN_SECRET_BYTES = 32
"""Source: RFC 7518 section 3.2, a key of at least the size of the hash output for HS256."""

MAX_SIGNED_BYTES = 16_384
_ALGORITHM = "HS256"
_HEADER_KEYS = {"alg", "typ", "kid"}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One secret and the id that finds it again. The secret is in no `repr`.

    Raises:
        SettingInvalid: the secret has fewer than 32 bytes.
    """

    secret: bytes = field(repr=False)
    kid: str = field(init=False)

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_SECRET_BYTES:
            raise SettingInvalid(f"a signing secret needs at least {MIN_SECRET_BYTES} bytes")
        name = hmac.new(self.secret, b"jobforge key id", hashlib.sha256).hexdigest()
        object.__setattr__(self, "kid", name[:16])

    def derive(self, purpose: str) -> SigningKey:
        """A key of its own for `purpose`, which tells nothing about this one.

        Source: RFC 5869 (HKDF with SHA-256, no salt, the purpose as info).
        """
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode())
        return SigningKey(hkdf.derive(self.secret))


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys whose signatures are accepted; the first one signs. It may be empty."""

    keys: tuple[SigningKey, ...] = ()

    @classmethod
    def of(cls, current: bytes | None, previous: Iterable[bytes] = ()) -> Keyring:
        """A ring of the current secret and those before it; no current one means an empty ring.

        Raises:
            SettingInvalid: one of the secrets has fewer than 32 bytes.
        """
        if current is None:
            return cls()
        return cls(tuple(SigningKey(secret) for secret in (current, *previous)))

    def find(self, kid: str) -> SigningKey | None:
        """The key of this id."""
        return next((key for key in self.keys if key.kid == kid), None)

    def derive(self, purpose: str) -> Keyring:
        """A ring of the keys derived for `purpose`, in the same order."""
        return Keyring(tuple(key.derive(purpose) for key in self.keys))


def sign(claims: dict[str, Any], *, typ: str, key: SigningKey) -> str:
    """Sign the claims as a compact JWS whose header names type and key."""
    header = {"alg": _ALGORITHM, "typ": typ, "kid": key.kid}
    return jws.serialize_compact(header, canonical_bytes(claims), _oct(key), [_ALGORITHM])


def open_signed(token: str, *, typ: str, keyring: Keyring) -> bytes | None:
    """The payload of a statement that one of our keys signed; None for everything else.

    Exactly one spelling of a statement is accepted: three parts of canonical base64url and a
    header of `alg`, `typ` and `kid` alone. Never raises, whatever the input.
    """
    if not 0 < len(token) <= MAX_SIGNED_BYTES or not token.isascii():
        return None
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 (a compact JWS has three parts, a JWE five)
        return None
    decoded = [_decode(part) for part in parts]
    if any(part is None for part in decoded):
        return None
    key = _key_for(decoded[0] or b"", typ=typ, keyring=keyring)
    return None if key is None else _verified_payload(token, key)


def parse_claims(payload: bytes) -> dict[str, Any] | None:
    """The JSON object of a statement; None where it is none or a key occurs twice."""
    try:
        claims = json.loads(payload.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _key_for(header: bytes, *, typ: str, keyring: Keyring) -> SigningKey | None:
    fields = parse_claims(header)
    if fields is None or fields.keys() != _HEADER_KEYS:
        return None
    if fields["alg"] != _ALGORITHM or fields["typ"] != typ:
        return None
    kid = fields["kid"]
    return keyring.find(kid) if isinstance(kid, str) else None


def _verified_payload(token: str, key: SigningKey) -> bytes | None:
    try:
        return jws.deserialize_compact(token, _oct(key), [_ALGORITHM]).payload
    except (JoseError, ValueError, TypeError):
        return None


def _decode(part: str) -> bytes | None:
    """Base64url without padding, in its one canonical spelling (RFC 7515 section 2)."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    is_canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == part
    return raw if is_canonical else None


def _oct(key: SigningKey) -> OctKey:
    return OctKey.import_key(key.secret)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a key occurs twice")
    return unique
