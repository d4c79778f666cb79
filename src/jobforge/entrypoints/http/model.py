"""The base of what this way in takes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A request's body: frozen, and without members that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)
