"""Who asks for something."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.core.scopes import READ_SCOPES


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or program, by name, with the scopes it holds itself.

    The local operator sits at the machine that holds the keys: he reads everything, and his
    scans may look at this host. Write scopes come from policy tokens alone, for him, too.
    """

    name: str
    scopes: frozenset[str]
    is_local: bool

    @classmethod
    def local(cls, user: str) -> Actor:
        """The operator at the command line."""
        return cls(name=f"local:{user}", scopes=READ_SCOPES, is_local=True)
