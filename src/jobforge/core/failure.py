"""A failure as it is stored and shown: a code, plain words, no secret, no stack trace."""

from __future__ import annotations

from typing import Any

from jobforge.contract.codes import ChildCode
from jobforge.contract.errors import JobForgeError
from jobforge.core.redaction import mask_text

_MAX_MESSAGE = 2_000


def to_failure(error: Exception) -> dict[str, Any]:
    """Describe any exception. One that is not ours counts as HANDLER_FAILED, named by its type."""
    if not isinstance(error, JobForgeError):
        text = f"{type(error).__name__}: {error}"
        return {"code": str(ChildCode.HANDLER_FAILED), "message": _clean(text)}
    failure = {"code": code_of(error), "message": _clean(error.message)}
    if error.pointer is not None:
        failure["pointer"] = _clean(error.pointer)
    if error.hint is not None:
        failure["hint"] = _clean(error.hint)
    return failure


def code_of(error: JobForgeError) -> str:
    """The stable code; some classes carry one per instance."""
    return str(getattr(error, "refusal_code", error.code))


def is_retryable(error: Exception) -> bool:
    """Whether another attempt may help. A handler's own bug counts as one that may."""
    return error.is_retryable if isinstance(error, JobForgeError) else True


def has_another_try(error: Exception, *, attempt: int, max_attempts: int) -> bool:
    """Whether the job is tried again after attempt `attempt` (from 1) ended so."""
    return is_retryable(error) and attempt < max_attempts


def _clean(text: str) -> str:
    # Masked first: half a secret at the cut would not be known for one any more.
    return mask_text(_storable(text))[:_MAX_MESSAGE]


def _storable(text: str) -> str:
    """The text without what neither the database nor the audit log can hold."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
