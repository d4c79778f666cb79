"""Turns a parsed document into a model, or says where it does not fit."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from jobforge.contract.codes import BundleCode
from jobforge.contract.errors import ContractViolation
from jobforge.contract.pointer import to_pointer

M = TypeVar("M", bound=BaseModel)

_UNKNOWN_KEY = "extra_forbidden"
_TOO_SHORT = "too_short"


def validate(model: type[M], document: object, *, at: str = "") -> M:
    """Check a parsed document against its model; `at` is the document's own place.

    Raises:
        ContractViolation: `BUNDLE_INVALID`, with the pointer of the first fault and how many more
            there are.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        # A list whose items do not fit is called too short besides: that says nothing new.
        faults = [fault for fault in faults if fault["type"] != _TOO_SHORT] or faults
        # An unknown key matters less than the missing one it may be a misspelling of.
        first = min(faults, key=lambda fault: fault["type"] == _UNKNOWN_KEY)
        is_unknown = first["type"] == _UNKNOWN_KEY
        message = "unknown key" if is_unknown else _plain(first["msg"])
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ContractViolation(
            BundleCode.BUNDLE_INVALID, message + more, pointer=at + to_pointer(first["loc"])
        ) from None


def _plain(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
