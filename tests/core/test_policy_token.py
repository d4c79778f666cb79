"""What a policy token permits, and everything it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from jobforge.contract.codes import ChildCode
from jobforge.core.errors import SettingInvalid
from jobforge.core.policy_token import (
    NO_TOKEN,
    TOKEN_TYPE,
    TokenBinding,
    TokenClaims,
    claims_for,
    read_token,
    sign_token,
    token_hash,
    verify_token,
    with_history,
)
from jobforge.core.signing import Keyring, sign

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LIFETIME = timedelta(minutes=15)
KEYRING = Keyring.of(b"0123456789abcdef0123456789abcdef")
BINDING = TokenBinding(
    tenant_id=UUID(int=1),
    project_id=UUID(int=2),
    plan_digest="sha256:" + "a" * 64,
    effects_digest="sha256:" + "b" * 64,
    job_types=frozenset({"autopilot.ops.apply"}),
    scopes=frozenset({"ops:write"}),
)
CLAIMS = claims_for(BINDING, actor="ada", jti=UUID(int=3), now=NOW, lifetime=LIFETIME)
TOKEN = sign_token(CLAIMS, keyring=KEYRING)
RAW: dict[str, Any] = CLAIMS.model_dump(mode="json")


def code_of(token: str, *, now: datetime = NOW, binding: TokenBinding = BINDING) -> str | None:
    verdict = verify_token(token, keyring=KEYRING, now=now, binding=binding)
    assert verdict.is_accepted == (verdict.code is None)
    assert token not in repr(verdict)
    return verdict.code


def with_claims(**changes: object) -> str:
    """A token with any claims at all, soundly signed; `...` leaves one out."""
    claims = {key: value for key, value in (RAW | changes).items() if value is not ...}
    return sign(claims, typ=TOKEN_TYPE, key=KEYRING.keys[0])


def test_a_token_permits_what_it_was_signed_for() -> None:
    verdict = verify_token(TOKEN, keyring=KEYRING, now=NOW, binding=BINDING)

    assert verdict.is_accepted
    assert verdict.claims == CLAIMS
    assert CLAIMS.expires_at == NOW + LIFETIME


def test_its_claims_are_the_documented_ones() -> None:
    expected = {
        "iss": "jobforge",
        "aud": "jobforge",
        "tid": str(UUID(int=1)),
        "pid": str(UUID(int=2)),
        "sub": "ada",
        "scopes": ["ops:write"],
        "job_types": ["autopilot.ops.apply"],
        "plan": BINDING.plan_digest,
        "effects": BINDING.effects_digest,
        "jti": str(UUID(int=3)),
        "iat": 1_768_478_400,
        "nbf": 1_768_478_400,
        "exp": 1_768_479_300,
    }

    assert expected == RAW


OTHERS = {
    "tenant": replace(BINDING, tenant_id=UUID(int=9)),
    "project": replace(BINDING, project_id=UUID(int=9)),
    "no project": replace(BINDING, project_id=None),
    "plan": replace(BINDING, plan_digest="sha256:" + "c" * 64),
    "effects": replace(BINDING, effects_digest="sha256:" + "c" * 64),
    "job type": replace(BINDING, job_types=BINDING.job_types | {"autopilot.ops.other"}),
    "scope": replace(BINDING, scopes=BINDING.scopes | {"growth:write"}),
}


@pytest.mark.parametrize("binding", OTHERS.values(), ids=OTHERS.keys())
def test_a_token_is_worth_nothing_for_anything_else(binding: TokenBinding) -> None:
    assert code_of(TOKEN, binding=binding) == ChildCode.POLICY_TOKEN_INVALID


def test_a_token_without_a_project_is_not_one_for_every_project() -> None:
    claims = claims_for(
        OTHERS["no project"], actor="ada", jti=UUID(int=3), now=NOW, lifetime=LIFETIME
    )

    assert code_of(sign_token(claims, keyring=KEYRING)) == ChildCode.POLICY_TOKEN_INVALID


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (-6, ChildCode.POLICY_TOKEN_INVALID),
        (-5, None),
        (0, None),
        (899.999, None),
        (900, ChildCode.POLICY_TOKEN_EXPIRED),
        (901, ChildCode.POLICY_TOKEN_EXPIRED),
    ],
)
def test_expiry_has_no_leeway_and_the_start_has_five_seconds(
    seconds: float, code: ChildCode | None
) -> None:
    assert code_of(TOKEN, now=NOW + timedelta(seconds=seconds)) == code


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_each_of_iat_and_nbf_is_held_against_the_clock(claim: str) -> None:
    assert code_of(with_claims(**{claim: CLAIMS.iat + 5})) is None
    assert code_of(with_claims(**{claim: CLAIMS.iat + 6})) == ChildCode.POLICY_TOKEN_INVALID


WITHOUT_ONE: list[dict[str, object]] = [{name: ...} for name in RAW]
WITH_NULL: list[dict[str, object]] = [{name: None} for name in RAW if name != "pid"]
BAD_CLAIMS: list[dict[str, object]] = [
    *WITHOUT_ONE,
    *WITH_NULL,
    {"iss": "someone"},
    {"aud": "someone"},
    {"aud": ["jobforge"]},
    {"exp": 1_768_479_300.5},
    {"exp": True},
    {"exp": "1768479300"},
    {"exp": -1},
    {"exp": 2**53 - 1},
    {"iat": False},
    {"nbf": 1.5},
    {"tid": "acme"},
    {"tid": 1},
    {"job_types": []},
    {"job_types": "autopilot.ops.apply"},
    {"scopes": "ops:write"},
    {"scopes": [1]},
    {"plan": "sha256:xyz"},
    {"sub": ""},
    {"more": 1},
]


@pytest.mark.parametrize("changes", BAD_CLAIMS, ids=str)
def test_claims_of_another_form_are_refused_even_if_signed(changes: dict[str, object]) -> None:
    assert code_of(with_claims(**changes)) == ChildCode.POLICY_TOKEN_INVALID


def test_a_claim_that_stands_twice_is_refused_even_if_signed() -> None:
    key = KEYRING.keys[0]
    twice = json.dumps(RAW)[:-1] + f', "tid": "{UUID(int=1)}"}}'
    header = {"alg": "HS256", "typ": TOKEN_TYPE, "kid": key.kid}
    sign_raw = jws.serialize_compact(header, twice, OctKey.import_key(key.secret), ["HS256"])

    assert code_of(sign_raw) == ChildCode.POLICY_TOKEN_INVALID


@pytest.mark.parametrize("typ", ["JWT", "jobforge-checkpoint+jws", ""])
def test_a_statement_of_another_type_is_no_policy_token(typ: str) -> None:
    token = sign(RAW, typ=typ, key=KEYRING.keys[0])

    assert code_of(token) == ChildCode.POLICY_TOKEN_INVALID


@given(token=st.text(max_size=300))
def test_no_text_is_accepted_or_raises(token: str) -> None:
    verdict = verify_token(token, keyring=KEYRING, now=NOW, binding=BINDING)

    assert verdict.code is ChildCode.POLICY_TOKEN_INVALID


@given(position=st.integers(0, len(TOKEN) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_spoils_it(position: int, bit: int) -> None:
    raw = bytearray(TOKEN.encode())
    raw[position] ^= 1 << bit

    assert code_of(raw.decode("latin-1")) == ChildCode.POLICY_TOKEN_INVALID


def test_after_a_rotation_both_secrets_are_good_until_the_old_one_is_dropped() -> None:
    new = b"n" * 32
    both = Keyring.of(new, [KEYRING.keys[0].secret])

    old_token = verify_token(TOKEN, keyring=both, now=NOW, binding=BINDING)
    new_token = verify_token(
        sign_token(CLAIMS, keyring=both), keyring=Keyring.of(new), now=NOW, binding=BINDING
    )
    dropped = verify_token(TOKEN, keyring=Keyring.of(new), now=NOW, binding=BINDING)

    assert old_token.is_accepted
    assert new_token.is_accepted
    assert dropped.code is ChildCode.POLICY_TOKEN_INVALID


def test_without_a_secret_nothing_is_signed_and_nothing_accepted() -> None:
    nothing = Keyring.of(None)

    with pytest.raises(SettingInvalid, match="no policy token secret"):
        sign_token(CLAIMS, keyring=nothing)
    assert not verify_token(TOKEN, keyring=nothing, now=NOW, binding=BINDING).is_accepted


def test_a_token_can_be_inspected_after_it_expired() -> None:
    assert read_token(TOKEN, keyring=KEYRING) == CLAIMS
    assert read_token(TOKEN[:-2], keyring=KEYRING) is None


def test_history_comes_before_everything_but_a_bad_signature() -> None:
    accepted = verify_token(TOKEN, keyring=KEYRING, now=NOW, binding=BINDING)

    assert with_history(accepted, is_used=False, is_revoked=False) is accepted
    assert with_history(accepted, is_used=True, is_revoked=False).code == "POLICY_TOKEN_USED"
    assert with_history(accepted, is_used=False, is_revoked=True).code == "POLICY_TOKEN_REVOKED"
    assert not with_history(accepted, is_used=True, is_revoked=True).is_accepted
    for binding in OTHERS.values():
        other = verify_token(TOKEN, keyring=KEYRING, now=NOW, binding=binding)
        assert other.jti == CLAIMS.jti
        assert with_history(other, is_used=True, is_revoked=False).code == "POLICY_TOKEN_USED"
        assert with_history(other, is_used=False, is_revoked=False) is other


def test_what_we_did_not_sign_has_no_history() -> None:
    forged = verify_token(TOKEN[:-2], keyring=KEYRING, now=NOW, binding=BINDING)

    assert forged.jti is None
    assert with_history(forged, is_used=True, is_revoked=True) is forged
    assert with_history(NO_TOKEN, is_used=True, is_revoked=True) is NO_TOKEN


def test_the_hash_is_what_may_be_stored_of_a_token() -> None:
    assert token_hash("abc") == (
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_lifetime_is_cut_to_the_second_and_never_longer() -> None:
    claims = claims_for(
        BINDING,
        actor="ada",
        jti=UUID(int=3),
        now=NOW + timedelta(milliseconds=900),
        lifetime=timedelta(seconds=10, milliseconds=900),
    )

    assert claims.expires_at == NOW + timedelta(seconds=10)


def test_claims_cover_a_type_only_with_all_its_scopes() -> None:
    assert CLAIMS.covers("autopilot.ops.apply", ["ops:write"])
    assert not CLAIMS.covers("autopilot.ops.apply", ["ops:write", "growth:write"])
    assert not CLAIMS.covers("autopilot.ops.other", [])


def test_claims_survive_being_written_and_read() -> None:
    assert TokenClaims.model_validate_json(json.dumps(RAW)) == CLAIMS
