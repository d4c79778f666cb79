"""Signed checkpoints: what is one, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from jobforge.core.audit import sign_checkpoint, verify_checkpoint
from jobforge.core.errors import SettingInvalid
from jobforge.core.policy_token import TOKEN_TYPE
from jobforge.core.signing import Keyring, sign
from jobforge.testing.audit import checkpoint_at, make_chain

RING = Keyring.of(b"m" * 32)
ROWS = make_chain()
CHECKPOINT = checkpoint_at(ROWS[3])
SIGNED = sign_checkpoint(CHECKPOINT, keyring=RING)


def test_a_signed_checkpoint_says_what_was_signed() -> None:
    assert verify_checkpoint(SIGNED, keyring=RING) == CHECKPOINT
    pruned = checkpoint_at(ROWS[3], is_pruning=True)
    assert verify_checkpoint(sign_checkpoint(pruned, keyring=RING), keyring=RING) == pruned


def test_a_checkpoint_written_by_an_earlier_version_still_verifies() -> None:
    header = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImpvYmZvcmdlLWNoZWNrcG9pbnQrandzIiwia2lkIjoiMzMwY2EwZjg5Njg4YTA4MCJ9"  # noqa: E501 (as it was written)
    signature = "ZXWwb4pwXjkVMVrzw6IWgMdYzGMYcDPTYT55HfXjP5U"

    assert SIGNED.split(".")[0] == header
    assert SIGNED.split(".")[2] == signature


def test_an_empty_chain_can_be_signed_too() -> None:
    empty = CHECKPOINT.model_copy(update={"seq": 0, "hash": "0" * 64})

    assert verify_checkpoint(sign_checkpoint(empty, keyring=RING), keyring=RING) == empty


def test_a_member_that_stands_twice_is_refused_even_if_signed() -> None:
    key = RING.derive("jobforge audit checkpoint v1").keys[0]
    twice = CHECKPOINT.model_dump_json()[:-1] + ', "seq": 4}'
    header = {"alg": "HS256", "typ": "jobforge-checkpoint+jws", "kid": key.kid}
    signed = jws.serialize_compact(header, twice, OctKey.import_key(key.secret), ["HS256"])

    assert verify_checkpoint(signed, keyring=RING) is None


def test_a_checkpoint_of_an_earlier_master_key_holds_while_the_ring_has_it() -> None:
    assert verify_checkpoint(SIGNED, keyring=Keyring.of(b"n" * 32, [b"m" * 32])) == CHECKPOINT
    assert verify_checkpoint(SIGNED, keyring=Keyring.of(b"n" * 32)) is None
    assert verify_checkpoint(SIGNED, keyring=Keyring.of(None)) is None


def test_without_a_master_key_no_checkpoint_is_signed() -> None:
    with pytest.raises(SettingInvalid, match="master key"):
        sign_checkpoint(CHECKPOINT, keyring=Keyring.of(None))


def test_what_the_master_key_itself_or_another_type_signed_is_no_checkpoint() -> None:
    claims = CHECKPOINT.model_dump(mode="json")
    derived = RING.derive("jobforge audit checkpoint v1").keys[0]

    assert verify_checkpoint(sign(claims, typ=TOKEN_TYPE, key=derived), keyring=RING) is None
    for key in RING.keys:
        by_master = sign(claims, typ="jobforge-checkpoint+jws", key=key)
        assert verify_checkpoint(by_master, keyring=RING) is None


@pytest.mark.parametrize(
    "changes",
    [{"seq": -1}, {"seq": True}, {"hash": "xyz"}, {"kind": "other"}, {"more": 1}],
    ids=str,
)
def test_a_signed_statement_of_another_form_is_no_checkpoint(changes: dict[str, object]) -> None:
    key = RING.derive("jobforge audit checkpoint v1").keys[0]
    claims = CHECKPOINT.model_dump(mode="json") | changes

    signed = sign(claims, typ="jobforge-checkpoint+jws", key=key)

    assert verify_checkpoint(signed, keyring=RING) is None


@given(position=st.integers(0, len(SIGNED) - 1), bit=st.integers(0, 7))
def test_no_bit_of_a_checkpoint_can_be_flipped(position: int, bit: int) -> None:
    raw = bytearray(SIGNED.encode())
    raw[position] ^= 1 << bit

    assert verify_checkpoint(raw.decode("latin-1"), keyring=RING) is None
