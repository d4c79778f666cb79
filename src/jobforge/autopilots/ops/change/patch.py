"""JSON patches (RFC 6902) on a document in memory."""

from __future__ import annotations

from typing import Any, Literal

import jsonpatch
from jsonpointer import JsonPointerException
from pydantic import ConfigDict, Field, model_validator

from jobforge.core.errors import PayloadInvalid
from jobforge.core.model import Model

MAX_OPERATIONS = 1000


class PatchOperation(Model):
    """One operation of RFC 6902."""

    model_config = ConfigDict(populate_by_name=True)

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str = Field(pattern=r"^(/.*)?$", max_length=4096)
    from_path: str | None = Field(default=None, alias="from", pattern=r"^(/.*)?$", max_length=4096)
    value: Any = Field(default=None, description="Needed by add, replace and test; may be null.")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> PatchOperation:
        if self.op in {"add", "replace", "test"} and "value" not in self.model_fields_set:
            raise ValueError(f"{self.op} needs a value")
        if self.op in {"move", "copy"} and self.from_path is None:
            raise ValueError(f"{self.op} needs from")
        return self

    def to_wire(self) -> dict[str, Any]:
        """The operation as RFC 6902 writes it."""
        wire: dict[str, Any] = {"op": self.op, "path": self.path}
        if self.op in {"add", "replace", "test"}:
            wire["value"] = self.value
        if self.op in {"move", "copy"}:
            wire["from"] = self.from_path
        return wire


def apply_patch(
    document: Any,  # noqa: ANN401 (any JSON value)
    patch: tuple[PatchOperation, ...],
) -> Any:  # noqa: ANN401 (any JSON value)
    """Apply all operations to `document`, which may change in place.

    Raises:
        PayloadInvalid: an operation's path does not exist, or its test fails; the pointer names
            the operation.
    """
    for position, operation in enumerate(patch):
        try:
            document = jsonpatch.JsonPatch([operation.to_wire()]).apply(document, in_place=True)
        except (jsonpatch.JsonPatchException, JsonPointerException, TypeError, KeyError) as error:
            # The library's own words quote the document, which only its owner may read.
            is_test = isinstance(error, jsonpatch.JsonPatchTestFailed)
            why = "the test fails" if is_test else "the document has no such place"
            raise PayloadInvalid(
                f"{operation.op} {operation.path or '(whole document)'}: {why}",
                pointer=f"/change/patch/{position}",
            ) from None
    return document
