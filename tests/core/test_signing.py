"""Signed statements: what opens, and that nothing else does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe, jws
from joserfc.jwk import OctKey, OKPKey

from jobforge.core.errors import SettingInvalid
from jobforge.core.signing import (
    MAX_SIGNED_BYTES,
    Keyring,
    SigningKey,
    open_signed,
    parse_claims,
    sign,
)

TYP = "test+jws"
SECRET = b"0123456789abcdef0123456789abcdef"
RING = Keyring.of(SECRET)
KEY = RING.keys[0]
CLAIMS = {"name": "ada", "number": 7}
TOKEN = sign(CLAIMS, typ=TYP, key=KEY)


def encode(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: dict[str, Any] | bytes, payload: bytes = b"{}", secret: bytes = SECRET) -> str:
    """Sign any header over any payload, as someone who has the secret could."""
    head = f"{encode(header)}.{encode(payload)}"
    return f"{head}.{encode(hmac.new(secret, head.encode(), hashlib.sha256).digest())}"


def header(**changes: object) -> dict[str, object]:
    return {"alg": "HS256", "typ": TYP, "kid": KEY.kid} | changes


def opened(token: str, ring: Keyring = RING) -> bytes | None:
    return open_signed(token, typ=TYP, keyring=ring)


def test_what_we_signed_opens_and_says_the_same() -> None:
    payload = opened(TOKEN)

    assert payload is not None
    assert parse_claims(payload) == CLAIMS


def test_the_hand_made_signature_of_these_tests_is_the_real_one() -> None:
    assert opened(signed(header())) == b"{}"


def test_a_statement_of_an_earlier_secret_opens_while_the_ring_holds_it() -> None:
    rotated = Keyring.of(b"n" * 32, [SECRET])

    assert opened(TOKEN, rotated) is not None
    assert opened(TOKEN, Keyring.of(b"n" * 32)) is None
    assert opened(TOKEN, Keyring.of(None)) is None
    assert rotated.keys[0].secret == b"n" * 32


def test_the_key_id_depends_on_the_secret_and_does_not_show_it() -> None:
    assert re.fullmatch("[0-9a-f]{16}", KEY.kid)
    assert KEY.kid != SigningKey(b"n" * 32).kid
    assert SECRET.hex()[:16] != KEY.kid
    assert "0123456789abcdef" not in repr(RING)


def test_a_derived_key_is_another_key_and_the_same_every_time() -> None:
    assert KEY.derive("a") == KEY.derive("a")
    assert len({KEY.kid, KEY.derive("a").kid, KEY.derive("b").kid}) == 3
    assert opened(TOKEN, RING.derive("a")) is None


def test_the_derivation_is_the_documented_one() -> None:
    derived = SigningKey(b"m" * 32).derive("jobforge audit checkpoint v1")

    assert derived.secret.hex() == (
        "0f10f1173c44f16642165c02674507aac26ce8bd1256d31697d84396e8bab51c"
    )
    assert derived.kid == "330ca0f89688a080"


def test_a_statement_may_be_exactly_as_large_as_the_limit() -> None:
    sizes = {
        len(token): opened(token) is not None
        for token in (signed(header(), b" " * length) for length in range(12_130, 12_200))
    }

    assert sizes[MAX_SIGNED_BYTES]
    assert all(is_open == (size <= MAX_SIGNED_BYTES) for size, is_open in sizes.items())


@pytest.mark.parametrize("length", [0, 1, 31])
def test_a_short_secret_is_refused_wherever_it_stands(length: int) -> None:
    with pytest.raises(SettingInvalid, match="32 bytes"):
        Keyring.of(b"x" * length)
    with pytest.raises(SettingInvalid, match="32 bytes"):
        Keyring.of(SECRET, [b"x" * length])


OKP = OKPKey.generate_key("Ed25519")
OTHER = b"another secret of thirty-two byte"


def with_algorithm(name: str, key: OctKey | OKPKey) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jws.serialize_compact(header(alg=name), b"{}", key, [name])


def encrypted() -> str:
    key = OctKey.import_key(SECRET)
    head = {"alg": "dir", "enc": "A128CBC-HS256", "kid": KEY.kid, "typ": TYP}
    return jwe.encrypt_compact(head, b"{}", key)


HOSTILE: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "dots": lambda: "..",
    "one part": lambda: "abc",
    "five parts": lambda: TOKEN + ".a.b",
    "1 MB": lambda: "a" * 1_000_000,
    "1 MB payload, well signed": lambda: signed(header(), b"[" * 1_000_000),
    "just too large, well signed": lambda: signed(header(), b" " * MAX_SIGNED_BYTES),
    "alg none": lambda: f"{encode(header(alg='none'))}.{encode(CLAIMS)}.",
    "alg none with a signature": lambda: signed(header(alg="none")),
    "alg in other case": lambda: signed(header(alg="hs256")),
    "alg HS512": lambda: with_algorithm("HS512", OctKey.import_key(SECRET * 2)),
    "alg EdDSA by another key": lambda: with_algorithm("Ed25519", OKP),
    "alg EdDSA over our signature": lambda: signed(header(alg="EdDSA")),
    "HS256 with a public key as secret": lambda: signed(
        header(), secret=json.dumps(OKP.as_dict(private=False)).encode()
    ),
    "another secret": lambda: signed(header(), secret=OTHER),
    "another secret with its own key id": lambda: signed(
        header(kid=SigningKey(OTHER).kid), secret=OTHER
    ),
    "another type": lambda: signed(header(typ="JWT")),
    "type in other case": lambda: signed(header(typ=TYP.upper())),
    "no type": lambda: signed({"alg": "HS256", "kid": KEY.kid}),
    "no key id": lambda: signed({"alg": "HS256", "typ": TYP}),
    "key id is a path": lambda: signed(header(kid="../../etc/passwd")),
    "key id is a list": lambda: signed(header(kid=[KEY.kid])),
    "key id is a number": lambda: signed(header(kid=7)),
    "key id is empty": lambda: signed(header(kid=""), secret=b""),
    "crit": lambda: signed(header(crit=["exp"], exp=1)),
    "b64": lambda: signed(header(b64=False, crit=["b64"])),
    "jwk in the header": lambda: signed(header(jwk={"kty": "oct", "k": encode(SECRET)})),
    "jku in the header": lambda: signed(header(jku="https://example.org/keys")),
    "header not an object": lambda: signed(b'["HS256"]'),
    "header not JSON": lambda: signed(b"\xff\xfe"),
    "header very deep": lambda: signed(b"[" * 9_000),
    "header key twice": lambda: signed(
        f'{{"alg":"none","alg":"HS256","typ":"{TYP}","kid":"{KEY.kid}"}}'.encode()
    ),
    "encrypted": encrypted,
    "padding": lambda: TOKEN + "=",
    "a line break": lambda: TOKEN + "\n",
    "a blank": lambda: " " + TOKEN,
    "not ASCII": lambda: TOKEN[:-1] + "é",
    "a digit of another script": lambda: TOKEN[:-1] + "٣",
    "a lone surrogate": lambda: TOKEN + "\ud800",
    "NUL": lambda: TOKEN + "\x00",
    "ordinary base64": lambda: TOKEN.replace("-", "+").replace("_", "/") + "+",
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_statement_does_not_open_and_raises_nothing(make: Callable[[], str]) -> None:
    assert opened(make()) is None


def test_no_bit_of_a_statement_can_be_flipped() -> None:
    raw = TOKEN.encode()
    for position in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[position // 8] ^= 1 << (position % 8)

        assert opened(flipped.decode("latin-1")) is None, position


def test_the_unused_bits_of_the_last_character_are_not_a_second_spelling() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(TOKEN[-1])
    twin = TOKEN[:-1] + alphabet[last ^ 1]
    padded = twin.split(".")[2] + "="
    assert base64.urlsafe_b64decode(padded) == base64.urlsafe_b64decode(TOKEN.split(".")[2] + "=")

    assert opened(twin) is None


@given(token=st.text(max_size=200) | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+", fullmatch=True))
def test_no_text_whatever_opens_or_raises(token: str) -> None:
    assert opened(token) is None


@settings(max_examples=50)
@given(payload=st.binary(max_size=100))
def test_claims_are_one_object_or_nothing(payload: bytes) -> None:
    claims = parse_claims(payload)

    assert claims is None or isinstance(claims, dict)


@pytest.mark.parametrize(
    "payload",
    [b'{"a":1,"a":1}', b'{"b":{"a":1,"a":2}}', b"[]", b"", b"\xff", b"[" * 10_000, b"9" * 5_000],
)
def test_claims_with_a_key_twice_or_of_another_kind_are_none(payload: bytes) -> None:
    assert parse_claims(payload) is None
