"""Asks a server whether it takes connections, in the first words of PostgreSQL's own protocol."""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path

_PROTOCOL_3_0 = 3 << 16
_AUTHENTICATION = b"R"
_IS_FULL = b"C53300\0"
"""The field of an error that holds the SQLSTATE too_many_connections."""

_ANSWER_BYTES = 4096
_TIMEOUT_SECONDS = 2.0
_SOL_LOCAL, _LOCAL_PEERPID = 0, 2
"""macOS's names for a peer's process id. Source: its <sys/un.h>."""


def postmaster_of(path: Path) -> int | None:
    """The process id of the server behind a socket, if it takes connections now.

    A server that is starting or stopping answers with an error before it asks for a password. One
    that asks for it counts, and one that has all its connections in use. The kernel says which
    process listens, so that no file has to be believed.

    Source: PostgreSQL's "Message Flow", start-up; SO_PEERCRED in unix(7).
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(_startup_message())
            answer = connection.recv(_ANSWER_BYTES)
        except OSError:
            return None
        is_ready = answer[:1] == _AUTHENTICATION or _IS_FULL in answer
        return _peer_of(connection) if is_ready else None


def _startup_message() -> bytes:
    parameters = b"user\0jobforge_app\0database\0jobforge\0\0"
    body = struct.pack("!I", _PROTOCOL_3_0) + parameters
    return struct.pack("!I", len(body) + 4) + body


def _peer_of(connection: socket.socket) -> int:
    if sys.platform == "darwin":
        answer = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4)
        return int(struct.unpack("i", answer)[0])
    answer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", answer)[0])
