"""Seals stored credentials, each for one tenant and one connection name."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from jobforge.core.errors import SettingInvalid

KEY_FILE = "master.key"
MIN_KEY_BYTES = 32

_FORMAT: Final[bytes] = b"\x01"
_KEY_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_ID_END: Final = len(_FORMAT) + _KEY_ID_BYTES
_NONCE_END: Final = _ID_END + _NONCE_BYTES
_SEALING = b"jobforge/connections/aes-256-gcm"
_NAMING = b"jobforge/connections/key-id"


class AesSecretsBox:
    """Implements `ports.data.SecretsBox` with AES-256-GCM.

    The key comes from the master key by HKDF; tenant and name are authenticated with the content,
    so a row that was moved or renamed does not open. A sealed value is a format byte, the key's id,
    the nonce and the ciphertext with its tag. What an earlier master key sealed opens as long as
    that key is among `previous`; new values are sealed with `master_key` only.

    Source: NIST SP 800-38D (GCM, 96-bit random nonces), RFC 5869 (HKDF).
    """

    def __init__(self, master_key: bytes, *, previous: Sequence[bytes] = ()) -> None:
        self._key_id, self._cipher = _derive(master_key)
        self._ciphers = dict(_derive(key) for key in (*previous, master_key))

    def seal(self, settings: dict[str, Any], *, tenant_id: UUID, name: str) -> bytes:
        """Encrypt; the same settings give another value each time."""
        head = _FORMAT + self._key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        content = json.dumps(settings, ensure_ascii=False).encode()
        return head + nonce + self._cipher.encrypt(nonce, content, _bound_to(head, tenant_id, name))

    def open(self, sealed: bytes, *, tenant_id: UUID, name: str) -> dict[str, Any]:
        """Decrypt.

        Raises:
            SettingInvalid: it was sealed with another master key, for another tenant or name, or
                was changed.
        """
        head, nonce = sealed[:_ID_END], sealed[_ID_END:_NONCE_END]
        cipher = self._ciphers.get(head.removeprefix(_FORMAT))
        if cipher is None:
            raise SettingInvalid(
                f"the connection {name} was sealed with another master key",
                hint="set JOBFORGE_MASTER_KEY to the key it was added with, or add it again",
            )
        try:
            content = cipher.decrypt(nonce, sealed[_NONCE_END:], _bound_to(head, tenant_id, name))
        except (InvalidTag, ValueError):
            raise SettingInvalid(
                f"the connection {name} does not open: it was changed, or is not of this tenant",
                hint="remove it and add it again",
            ) from None
        opened: dict[str, Any] = json.loads(content)
        return opened


def _derive(master_key: bytes) -> tuple[bytes, AESGCM]:
    if len(master_key) < MIN_KEY_BYTES:
        raise SettingInvalid(f"the master key needs at least {MIN_KEY_BYTES} bytes")
    key = HKDF(SHA256(), 32, salt=None, info=_SEALING).derive(master_key)
    key_id = HKDF(SHA256(), _KEY_ID_BYTES, salt=None, info=_NAMING).derive(master_key)
    return key_id, AESGCM(key)


def _bound_to(head: bytes, tenant_id: UUID, name: str) -> bytes:
    # Lengths are fixed but for the last part, so no two contexts have one spelling.
    return head + tenant_id.bytes + hashlib.sha256(name.encode()).digest()


def load_master_key(secret: str | None, home: Path) -> bytes:
    """The setting's key, else the one in `home/master.key`, which is made where there is none.

    Of several processes that start at once, all get the same key.

    Raises:
        SettingInvalid: the key is too short, or the file not a regular one or open to others.
    """
    if secret is not None:
        return secret.encode()
    path = home / KEY_FILE
    if not path.exists():
        _create(path)
    return _read(path)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(MIN_KEY_BYTES) + "\n")
            stream.flush()
            os.fsync(descriptor)
        # A link, not a rename: whoever comes second must not replace the first one's key.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SettingInvalid(f"cannot read the master key {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as stream:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_mode & 0o077:
            raise SettingInvalid(f"{path} may be read by its owner only", hint=f"chmod 600 {path}")
        key = stream.read().strip()
    if len(key) < MIN_KEY_BYTES:
        raise SettingInvalid(f"{path} is shorter than {MIN_KEY_BYTES} bytes")
    return key
