"""The root of every error JobForge raises, and the refusal of what doesn't fit the contract."""

from __future__ import annotations

import inspect
from typing import ClassVar


class JobForgeError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "INTERNAL"
    is_retryable: ClassVar[bool] = False

    def __init__(
        self, message: str | None = None, *, pointer: str | None = None, hint: str | None = None
    ) -> None:
        self.message = message or inspect.getdoc(type(self)) or type(self).__name__
        self.pointer = pointer
        self.hint = hint
        super().__init__(self.message)


class ContractViolation(JobForgeError):
    """What came in does not fit the contract."""

    code: ClassVar[str] = "BUNDLE_INVALID"

    def __init__(
        self, code: str, message: str, *, pointer: str = "", hint: str | None = None
    ) -> None:
        super().__init__(message, pointer=pointer, hint=hint)
        self.refusal_code = code
