"""A response body that never grows beyond its limit, compressed or not."""

from __future__ import annotations

import zlib

from jobforge.core.errors import TargetUnavailable

ACCEPT_ENCODING = "gzip, deflate"

_PLAIN = frozenset({"", "identity"})
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP = 31
_ZLIB = 15
_RAW_DEFLATE = -15


class BoundedBody:
    """Collects at most `max_bytes`, counted after decompression.

    The limit is given to the decompressor, because a chunk of 64 KiB can unfold to 64 MiB.
    """

    def __init__(self, content_encoding: str, max_bytes: int) -> None:
        self._encoding = content_encoding.strip().lower()
        self._max_bytes = max_bytes
        self._body = bytearray()
        self._inflate: zlib._Decompress | None = None

    @property
    def is_truncated(self) -> bool:
        """Whether there was more than the limit; then nothing further need be read."""
        return len(self._body) > self._max_bytes

    def feed(self, chunk: bytes) -> None:
        """Take one chunk as it came.

        Raises:
            TargetUnavailable: it is damaged, or encoded in another way than was asked for.
        """
        room = self._max_bytes + 1 - len(self._body)
        if room <= 0 or not chunk:
            return
        if self._encoding in _PLAIN:
            self._body += chunk[:room]
        elif self._encoding in _COMPRESSED:
            self._body += self._decompress(chunk, room)
        else:
            raise TargetUnavailable(
                f"the answer is encoded as {self._encoding!r}, which was not asked for"
            )

    def finish(self) -> bytes:
        """The whole body, or as much of it as the limit allows.

        Raises:
            TargetUnavailable: the compressed form breaks off.
        """
        if self._inflate is not None and not self._inflate.eof and not self.is_truncated:
            raise TargetUnavailable("the answer's compressed body breaks off")
        return bytes(self._body[: self._max_bytes])

    def _decompress(self, chunk: bytes, room: int) -> bytes:
        if self._inflate is None:
            self._inflate = zlib.decompressobj(self._window(chunk))
        try:
            return self._inflate.decompress(self._inflate.unconsumed_tail + chunk, room)
        except zlib.error as error:
            raise TargetUnavailable(f"the answer's compressed body is damaged: {error}") from None

    def _window(self, chunk: bytes) -> int:
        if self._encoding != "deflate":
            return _GZIP
        # Deflate means zlib's form (RFC 9110 8.4.1.2), but some servers send it bare; the low
        # four bits of zlib's first byte are 8 (RFC 1950 2.2).
        return _ZLIB if chunk[0] & 0x0F == 8 else _RAW_DEFLATE  # noqa: PLR2004 (RFC 1950)
