"""Signed checkpoints: what remembers a chain's length and hash outside the database."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import Field, ValidationError

from jobforge.core.audit.entry import format_time
from jobforge.core.errors import SettingInvalid
from jobforge.core.model import Model
from jobforge.core.signing import Keyring, open_signed, parse_claims, sign

CHECKPOINT_TYPE = "jobforge-checkpoint+jws"
_PURPOSE = "jobforge audit checkpoint v1"

CheckpointKind: TypeAlias = Literal["head", "verified", "pruned"]


class Checkpoint(Model):
    """A place in a tenant's chain.

    `verified` means that the entries were verified from the signed place before up to this one,
    `pruned` that they were removed after that.

    `hash` is the hex of the entry's hash at `seq`; an empty chain has seq 0 and 64 zeros.
    """

    tenant_id: UUID
    seq: int = Field(ge=0)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: datetime
    kind: CheckpointKind = "head"


def sign_checkpoint(checkpoint: Checkpoint, *, keyring: Keyring) -> str:
    """Sign the checkpoint with a key of its own, derived from the ring's current one.

    Raises:
        SettingInvalid: the ring is empty.
    """
    if not keyring.keys:
        raise SettingInvalid("there is no master key to sign checkpoints with")
    claims = checkpoint.model_dump(mode="json") | {"at": format_time(checkpoint.at)}
    return sign(claims, typ=CHECKPOINT_TYPE, key=keyring.keys[0].derive(_PURPOSE))


def verify_checkpoint(signed: str, *, keyring: Keyring) -> Checkpoint | None:
    """The checkpoint that one of our keys signed; None for everything else. Never raises."""
    payload = open_signed(signed, typ=CHECKPOINT_TYPE, keyring=keyring.derive(_PURPOSE))
    if payload is None or parse_claims(payload) is None:
        return None
    try:
        return Checkpoint.model_validate_json(payload)
    except ValidationError:
        return None
