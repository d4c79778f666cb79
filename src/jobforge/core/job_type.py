"""What a job type declares; one job type is one file under `autopilots/`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import ValidationError

from jobforge.contract.pointer import to_pointer
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import PayloadInvalid
from jobforge.core.model import Model

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

P = TypeVar("P", bound=Model)
R = TypeVar("R", bound=Model)

Domain = Literal["ops", "support", "growth", "finops", "jobforge"]
Isolation = Literal["inline", "process"]
Translate = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ActionSteps(Generic[P, R]):
    """What makes a job type an action: it says beforehand what it will do, and can take it back.

    `plan` reads and never writes. `apply` gets exactly the effects that were planned and approved.
    `verify` raises HandlerFailed where the world is not as planned. `undo` restores the pre-image;
    where that is impossible it is None and `irreversible_because` says why.
    """

    plan: Callable[[P, JobContext], Awaitable[tuple[PlannedEffect, ...]]]
    apply: Callable[[P, tuple[PlannedEffect, ...], JobContext], Awaitable[R]]
    verify: Callable[[P, tuple[PlannedEffect, ...], JobContext], Awaitable[None]]
    undo: Callable[[P, tuple[PlannedEffect, ...], JobContext], Awaitable[None]] | None
    irreversible_because: str | None = None

    def __post_init__(self) -> None:
        if (self.undo is None) == (self.irreversible_because is None):
            raise TypeError("an action declares undo, or says why it is irreversible")


@dataclass(frozen=True, slots=True)
class JobType(Generic[P, R]):
    """One entry of the catalogue. It decides what a request of this type may do; a bundle does not.

    Exactly one of `handle` (reads and reports) and `action` (changes the world) is given.
    `translate` turns a module's own payload into ours; it leaves ours untouched.
    `sources` names the payload's data sources, so that a plan can warn about missing ones.
    """

    name: str
    title: str
    domain: Domain
    payload: type[P]
    result: type[R]
    scopes: frozenset[str]
    timeout: timedelta
    handle: Callable[[P, JobContext], Awaitable[R]] | None = None
    action: ActionSteps[P, R] | None = None
    isolation: Isolation = "process"
    max_attempts: int = 3
    examples: tuple[Mapping[str, Any], ...] = ()
    result_examples: tuple[Mapping[str, Any], ...] = ()
    translate: Translate | None = None
    sources: Callable[[P], tuple[DataSource, ...]] = field(default=lambda _: ())

    def __post_init__(self) -> None:
        if (self.handle is None) == (self.action is None):
            raise TypeError(f"{self.name}: declare either handle or action")

    @property
    def is_action(self) -> bool:
        """Whether a run of it changes the world."""
        return self.action is not None

    def parse_payload(self, payload: Mapping[str, Any]) -> P:
        """Validate a payload in this type's own form.

        Raises:
            PayloadInvalid: with the JSON pointer of the first fault, below the payload.
        """
        return self.parse_payload_text(json.dumps(payload))

    def parse_payload_text(self, text: str) -> P:
        """The same from JSON text.

        Raises:
            PayloadInvalid: with the JSON pointer of the first fault, below the payload.
        """
        try:
            return self.payload.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            message = first["msg"].removeprefix("Value error, ")
            raise PayloadInvalid(message, pointer=_to_pointer(first, text)) from None


def _to_pointer(fault: ErrorDetails, text: str) -> str:
    """Where the fault is in the document: a union puts the names of its members into the path."""
    if fault["type"] == "json_invalid":
        return ""
    place: Any = json.loads(text)
    parts: list[str | int] = []
    for part in fault["loc"]:
        is_there = _has(place, part)
        is_missing = part == fault["loc"][-1] and fault["type"] == "missing"
        if is_there or is_missing:
            parts.append(part)
        if is_there:
            place = place[part]
    return to_pointer(parts)


def _has(place: Any, part: str | int) -> bool:  # noqa: ANN401 (any JSON value)
    if isinstance(place, Mapping):
        return part in place
    return isinstance(place, list) and isinstance(part, int) and 0 <= part < len(place)
