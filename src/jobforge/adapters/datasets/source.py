"""One dataset file as a bounded stream of plain bytes, and what format it has."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Final

from typing_extensions import Buffer, override

from jobforge.core.data_source import DataFormat
from jobforge.core.errors import SourceMalformed

_SUFFIXES: Final[dict[str, DataFormat]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".sta": "mt940",
    ".mt940": "mt940",
    ".xml": "camt053",
}
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_MT940_STARTS = (b":20:", b"{1:")
_SNIFFED_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much of a dataset is taken; bytes count after decompression.

    `max_bytes` and `max_rows` hold where rows become Python values, `max_file_bytes` where a file
    is only copied for an analysis that streams.
    """

    max_bytes: int = 256 * 1024 * 1024
    max_rows: int = 1_000_000
    max_file_bytes: int = 4 * 1024 * 1024 * 1024


class _Bounded(io.RawIOBase):
    """Passes bytes on until there are more than the limit."""

    def __init__(self, source: BinaryIO | gzip.GzipFile, name: str, max_bytes: int) -> None:
        self._source = source
        self._name = name
        self._max_bytes = max_bytes
        self._left = max_bytes

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        try:
            chunk = self._source.read(len(view))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceMalformed(f"{self._name}: the gzip file is damaged: {error}") from None
        self._left -= len(chunk)
        if self._left < 0:
            raise SourceMalformed(f"{self._name}: more than {self._max_bytes:,} bytes")
        view[: len(chunk)] = chunk
        return len(chunk)


def is_gzip(raw: BinaryIO) -> bool:
    """Whether a stream at its start is gzip; it stays there."""
    head = raw.read(len(_GZIP_MAGIC))
    raw.seek(0)
    return head == _GZIP_MAGIC


@contextmanager
def plain_stream(raw: BinaryIO, name: str, max_bytes: int) -> Iterator[io.BufferedReader]:
    """The stream's bytes, unzipped where they are gzip.

    Raises:
        SourceMalformed: on reading, when there are more than `max_bytes` or the gzip is damaged.
    """
    source = gzip.GzipFile(fileobj=raw) if is_gzip(raw) else raw
    yield io.BufferedReader(_Bounded(source, name, max_bytes), buffer_size=1024 * 1024)


def detect_format(name: str, stream: io.BufferedReader) -> DataFormat:
    """The format by the name's ending, else by the first bytes; the stream stays where it is.

    Without a telling name: `PAR1` is Parquet, `[` is JSON, `{` is NDJSON where the first line is
    whole and followed by another, else JSON; `:20:` or the block `{1:` is MT940, `<` is CAMT.053;
    anything else is CSV.
    """
    suffixes = PurePath(name.lower()).suffixes
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    if suffixes and suffixes[-1] in _SUFFIXES:
        return _SUFFIXES[suffixes[-1]]
    return _sniff(stream.peek(_SNIFFED_BYTES))


def _sniff(head: bytes) -> DataFormat:
    if head.startswith(_PARQUET_MAGIC):
        return "parquet"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(_MT940_STARTS):
        return "mt940"
    if text.startswith(b"<"):
        return "camt053"
    return _sniff_json(text)


def _sniff_json(text: bytes) -> DataFormat:
    if text.startswith(b"["):
        return "json"
    if not text.startswith(b"{"):
        return "csv"
    first, _, rest = text.partition(b"\n")
    is_one_a_line = first.rstrip().endswith(b"}") and rest.lstrip().startswith(b"{")
    return "ndjson" if is_one_a_line else "json"
