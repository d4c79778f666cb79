"""Which sentence vectors there are, and which of them this installation has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.minilm import load_minilm
from jobforge.autopilots.support.static_vectors import StaticVectors, load_static_vectors
from jobforge.core.errors import Unavailable

Matrix = NDArray[np.float32]


class Encoder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """The vectors' name, kept in saved models."""
        ...

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one row per text; empty text gives zeros."""
        ...


VectorChoice = Literal["auto", "static"] | Sequence[Encoder]
"""By name, or encoders of the caller's own."""


def load_encoders(choice: VectorChoice = "auto") -> tuple[Encoder, ...]:
    """Return the encoders to use: MiniLM's before the static ones, where it is installed."""
    if not isinstance(choice, str):
        return tuple(choice)
    minilm = load_minilm() if choice == "auto" else None
    static = load_static_vectors()
    return (static,) if minilm is None else (minilm, static)


def weigh_encoders(encoders: Sequence[Encoder]) -> tuple[float, ...]:
    """Return what each encoder counts beside the words (1): alone 4, together 6 and 2."""
    return (4.0,) if len(encoders) == 1 else (6.0, 2.0)


def load_encoders_by_name(names: Sequence[str]) -> tuple[Encoder, ...]:
    """Return the encoders that a saved model was made with.

    Raises:
        Unavailable: one of them is not installed.
    """
    choice: VectorChoice = "static" if list(names) == [StaticVectors.name] else "auto"
    by_name = {encoder.name: encoder for encoder in load_encoders(choice)}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise Unavailable(f"the model needs the vectors {', '.join(missing)}: not installed")
    return tuple(by_name[name] for name in names)
