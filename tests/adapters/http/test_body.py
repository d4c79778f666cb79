from __future__ import annotations

import gzip
import hashlib
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from jobforge.adapters.http.body import BoundedBody
from jobforge.core.errors import TargetUnavailable

CONTENT = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256)) * 8 + b"x" * 50_000


def bare_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


def unchanged(content: bytes) -> bytes:
    return content


FORMS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("", unchanged),
    ("identity", unchanged),
    ("gzip", gzip.compress),
    ("X-GZIP", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
]


def collect(encoding: str, raw: bytes, max_bytes: int, chunk: int = 1000) -> BoundedBody:
    body = BoundedBody(encoding, max_bytes)
    for start in range(0, len(raw), chunk):
        body.feed(raw[start : start + chunk])
    return body


@pytest.mark.parametrize(("encoding", "encode"), FORMS)
def test_a_body_is_unpacked_whatever_its_chunks(
    encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    for chunk in (1, 999, 1_000_000):
        body = collect(encoding, encode(CONTENT), len(CONTENT), chunk)

        assert body.finish() == CONTENT
        assert not body.is_truncated


@pytest.mark.parametrize(("encoding", "encode"), FORMS)
def test_a_body_is_cut_at_the_limit_and_says_so(
    encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    body = collect(encoding, encode(CONTENT), len(CONTENT) - 1)

    assert body.finish() == CONTENT[:-1]
    assert body.is_truncated


def test_a_compressed_bomb_never_unfolds_in_memory() -> None:
    bomb = gzip.compress(b"\0" * 60_000_000)
    body = BoundedBody("gzip", 1_000)

    tracemalloc.start()
    body.feed(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert body.is_truncated
    assert body.finish() == b"\0" * 1_000
    assert peak < 1_000_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_damaged_compression_is_an_error(encoding: str) -> None:
    with pytest.raises(TargetUnavailable, match="damaged"):
        collect(encoding, b"\x78\x9cnot compressed at all", 1_000)


def test_compression_that_breaks_off_is_an_error_not_a_shorter_body() -> None:
    body = collect("gzip", gzip.compress(CONTENT)[:-100], len(CONTENT))

    with pytest.raises(TargetUnavailable, match="breaks off"):
        body.finish()


def test_an_encoding_that_was_not_asked_for_is_an_error_if_there_is_a_body() -> None:
    assert BoundedBody("br", 1_000).finish() == b""
    with pytest.raises(TargetUnavailable, match="'br'"):
        BoundedBody("br", 1_000).feed(b"x")
