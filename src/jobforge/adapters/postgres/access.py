"""How a database is reached: as its owner, to migrate it, and as the application, to work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

APP_ROLE = "jobforge_app"


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """The two ways in; both hold passwords, and `repr` shows neither.

    With `app_role`, a session over `app_dsn` becomes that role as it starts.
    """

    owner_dsn: str = field(repr=False)
    app_dsn: str = field(repr=False)
    app_role: str | None = None

    @classmethod
    def over(cls, url: str, app_url: str | None = None) -> Self:
        """To a server of the user's: he owns the database, the application takes its role.

        `app_url` has a login of the application's own, that is no more than a member of its role:
        from such a session nobody gets back to the owner's rights.
        """
        return cls(owner_dsn=url, app_dsn=app_url or url, app_role=APP_ROLE)
