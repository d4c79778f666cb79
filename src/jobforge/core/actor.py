"""Who asks for something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from jobforge.core.scopes import READ_SCOPES


class Role(StrEnum):
    """What somebody may do within a tenant; `docs/reference/roles.md` has the whole matrix."""

    viewer = "viewer"
    operator = "operator"
    approver = "approver"
    admin = "admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or program, by name, with the roles and scopes it holds itself.

    The local operator sits at the machine that holds the keys: he may do everything, and his
    scans may look at this host. Write scopes come from policy tokens alone, for him, too.

    Everybody else acts within `tenant_id`, and within `project_id` where that is set.
    `vouched_by` is the person who made his key, if that was not the local operator.
    """

    name: str
    scopes: frozenset[str]
    is_local: bool
    roles: frozenset[Role] = frozenset()
    tenant_id: UUID | None = None
    project_id: UUID | None = None
    vouched_by: str | None = None

    @classmethod
    def local(cls, user: str) -> Actor:
        """The operator at the command line."""
        return cls(name=f"local:{user}", scopes=READ_SCOPES, is_local=True)

    @property
    def person(self) -> str:
        """Who it is, whichever key he used."""
        return person_of(self.name)


def key_actor_name(key_id: str, owner: str) -> str:
    """The name of whoever uses an API key."""
    return f"key:{key_id}/{owner}"


def oidc_actor_name(subject: str) -> str:
    """The name of whoever comes with a token of an identity provider."""
    return f"oidc:{subject}"


def person_of(name: str) -> str:
    """The person behind an actor's name: two keys of one owner are one person.

    A key's owner and the subject of an identity provider's token are the same person where they
    are the same text.
    """
    kind, _, rest = name.partition(":")
    match kind:
        case "key":
            return rest.partition("/")[2]
        case "oidc":
            return rest
        case _:
            return name
