"""What the worker and a handler's process say to each other: length, then JSON.

Never pickle: the handler's process is the one that could lie. JSON carries the plain values; a
tagged object carries the others, and models only of the classes listed here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from jobforge.contract.errors import JobForgeError
from jobforge.contract.manifest import ArtifactOutput
from jobforge.core import context, data_source, errors, targets

MAX_MESSAGE_BYTES = 256 * 1024 * 1024
_LENGTH = struct.Struct("!I")
_TAG = "$"

_MODELS = {
    model.__name__: model
    for model in (
        ArtifactOutput,
        context.Certificate,
        context.DatasetFile,
        context.Filesystem,
        context.HostFacts,
        context.HttpRequest,
        context.HttpResponse,
        context.JobIdentity,
        context.ListeningSocket,
        context.PastJob,
        context.Redirect,
        context.TlsFacts,
        data_source.FileSource,
        data_source.InlineRows,
        data_source.NamedDataset,
        targets.CommitDraft,
        targets.EndpointAnswer,
        targets.EndpointCall,
        targets.GitCommit,
        targets.JournalEntry,
    )
}
_SCALARS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "decimal": (Decimal, str, Decimal),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "seconds": (timedelta, timedelta.total_seconds, lambda v: timedelta(seconds=v)),
    "uuid": (UUID, str, UUID),
    "path": (Path, str, Path),
    "bytes": (bytes, lambda v: base64.b64encode(v).decode(), base64.b64decode),
}
_ERRORS = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, JobForgeError)
}


def encode(value: Any) -> Any:  # noqa: ANN401 (any value of the context's methods)
    """The value as JSON can carry it.

    Raises:
        TypeError: it is of a kind that does not travel.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        items = [encode(item) for item in value]
        return items if isinstance(value, list) else {_TAG: "tuple", "v": items}
    if isinstance(value, dict):
        pairs = {key: encode(item) for key, item in value.items()}
        return {_TAG: "dict", "v": list(pairs.items())} if _TAG in pairs else pairs
    return _encode_tagged(value)


def _encode_tagged(value: Any) -> Any:  # noqa: ANN401 (any value of the context's methods)
    for tag, (kind, to_json, _) in _SCALARS.items():
        if isinstance(value, kind):
            return {_TAG: tag, "v": to_json(value)}
    name = type(value).__name__
    if _MODELS.get(name) is type(value):
        fields = {field: encode(getattr(value, field)) for field in type(value).model_fields}
        return {_TAG: "model", "c": name, "v": fields}
    raise TypeError(f"a {name} does not travel between processes")


def decode(value: Any) -> Any:  # noqa: ANN401 (any value of the context's methods)
    """The value that `encode` wrote.

    Raises:
        ValueError: it is not of that form.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _TAG not in value:
        return {key: decode(item) for key, item in value.items()}
    return _decode_tagged(str(value[_TAG]), value)


def _decode_tagged(tag: str, value: dict[str, Any]) -> Any:  # noqa: ANN401 (any value of the context's methods)
    carried: Any = value["v"]
    if tag in _SCALARS:
        return _SCALARS[tag][2](carried)
    if tag == "tuple":
        return tuple(decode(item) for item in carried)
    if tag == "dict":
        return {key: decode(item) for key, item in carried}
    if tag == "model" and value["c"] in _MODELS:
        return _MODELS[value["c"]](**{key: decode(item) for key, item in carried.items()})
    raise ValueError(f"nothing travels as {tag!r}")


def encode_error(error: Exception) -> dict[str, Any]:
    """An exception by its class, if it is ours; any other by its name."""
    if not isinstance(error, JobForgeError):
        return {"class": "HandlerFailed", "message": f"{type(error).__name__}: {error}"}
    described = {
        "class": type(error).__name__,
        "message": error.message,
        "pointer": error.pointer,
        "hint": error.hint,
    }
    if isinstance(error, errors.Postponed):
        described["until"] = error.until.isoformat()
    return described


def decode_error(document: dict[str, Any]) -> JobForgeError:
    """The exception that `encode_error` described; an unknown class is a failed handler."""
    kind = _ERRORS.get(str(document.get("class")), errors.HandlerFailed)
    message = str(document.get("message"))
    if kind is errors.PolicyTokenRefused:
        return errors.Denied(message)
    if kind is errors.Postponed:
        return errors.Postponed(datetime.fromisoformat(str(document["until"])))
    return kind(message, pointer=document.get("pointer"), hint=document.get("hint"))


class Channel:
    """One end of the line. Sending never interleaves, because a frame is one write."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: dict[str, Any]) -> None:
        """Send one message.

        Raises:
            ValueError: it is larger than 256 MiB.
            ConnectionError: the other end is gone.
        """
        frame = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        if len(frame) > MAX_MESSAGE_BYTES:
            raise ValueError(f"a message of {len(frame):,} bytes is too large")
        self._writer.write(_LENGTH.pack(len(frame)) + frame)
        await self._writer.drain()

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None where the other end is gone or does not keep to the form."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > MAX_MESSAGE_BYTES:
                return None
            message = json.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            return None
        return message if isinstance(message, dict) else None

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
