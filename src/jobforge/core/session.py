"""A console session: a signed statement that somebody came with a valid API key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import Field, ValidationError

from jobforge.core.errors import SettingInvalid
from jobforge.core.model import Model
from jobforge.core.signing import Keyring, SigningKey, open_signed, parse_claims, sign

SESSION_TYPE: Final = "jobforge-session+jws"
SESSION_LIFETIME: Final = timedelta(hours=12)
_PURPOSE: Final = "jobforge console session v1"
_FORMS_PURPOSE: Final = "jobforge console forms v1"


class SessionClaims(Model):
    """Whose session it is: the key by its public id, never the key itself."""

    tenant_id: UUID
    tenant_slug: str = Field(min_length=1)
    key_id: str = Field(pattern=r"^[0-9a-f]{12}$")
    expires_at: datetime


def sign_session(claims: SessionClaims, *, keyring: Keyring) -> str:
    """Sign it with a key of its own, derived from the ring's current one.

    Raises:
        SettingInvalid: the ring is empty.
    """
    if not keyring.keys:
        raise SettingInvalid("there is no master key to sign sessions with")
    document = claims.model_dump(mode="json")
    return sign(document, typ=SESSION_TYPE, key=keyring.keys[0].derive(_PURPOSE))


def open_session(token: str, now: datetime, *, keyring: Keyring) -> SessionClaims | None:
    """The session that one of our keys signed, unless it is over; None for everything else."""
    payload = open_signed(token, typ=SESSION_TYPE, keyring=keyring.derive(_PURPOSE))
    if payload is None or parse_claims(payload) is None:
        return None
    try:
        claims = SessionClaims.model_validate_json(payload)
    except ValidationError:
        return None
    is_aware = claims.expires_at.utcoffset() is not None
    return claims if is_aware and now < claims.expires_at else None


def forms_key(keyring: Keyring) -> SigningKey:
    """What signs the tokens in the console's forms.

    Raises:
        SettingInvalid: the ring is empty.
    """
    if not keyring.keys:
        raise SettingInvalid("there is no master key to sign forms with")
    return keyring.keys[0].derive(_FORMS_PURPOSE)
