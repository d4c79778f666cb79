"""What admission has to know before it decides: gathered by the use case, judged here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from jobforge.contract.codes import ChildCode
from jobforge.contract.results import Mode
from jobforge.core.policy_token import NO_TOKEN, TokenVerdict

OnPolicyFailure = Literal["deny_all", "deny_actions"]


@dataclass(frozen=True, slots=True)
class CallerTenant:
    """The tenant the caller acts for, and every name it goes by."""

    id: UUID
    slug: str
    aliases: frozenset[str] = frozenset()

    def is_called(self, name: str) -> bool:
        """Whether the name is this tenant's: its id in either case of letters, slug or alias."""
        return name == self.slug or name in self.aliases or name.lower() == str(self.id)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the tenant, its projects, the actor's own scopes and the project he chose.

    `projects` maps every name of a project of this tenant (slug, alias, UUID in lower case) to
    its id. `scopes` are the actor's own; write scopes come from a policy token alone.
    """

    tenant: CallerTenant
    projects: Mapping[str, UUID]
    scopes: frozenset[str]
    chosen_project: UUID | None = None

    def find_project(self, name: str) -> UUID | None:
        """The tenant's project of this name."""
        found = self.projects.get(name)
        return self.projects.get(name.lower()) if found is None and _is_uuid(name) else found


@dataclass(frozen=True, slots=True)
class Switches:
    """The two switches as they are now; both off unless someone turned them on."""

    autopilot_jobs: bool = False
    action_jobs: bool = False


@dataclass(frozen=True, slots=True)
class EarlierJob:
    """The job that used an idempotency key first."""

    job_id: UUID
    payload_digest: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a look at the world showed about one request.

    PATH_DENIED denies the request; any other code (DATASET_MISSING, …) is a warning on it.
    """

    code: ChildCode
    message: str
    hint: str | None = None
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """Everything the decision depends on besides the prepared bundle.

    `earlier_jobs` maps (job type, idempotency key) to the job that used it. `findings` are by
    request index. `unknown_tenants` are names in the bundle that no tenant goes by; filled for a
    local operator only, since it would tell a remote caller which tenants exist. `kill_switches`
    maps job types (`*` is every one) to the reasons of those that are on. `target_counts` says by
    request index how many targets an action would change; `targets_per_action` are allowed.
    """

    switches: Switches
    mode: Mode
    on_policy_failure: OnPolicyFailure = "deny_all"
    token: TokenVerdict = NO_TOKEN
    earlier_jobs: Mapping[tuple[str, str], EarlierJob] = field(default_factory=dict)
    findings: Mapping[int, tuple[Finding, ...]] = field(default_factory=dict)
    unknown_tenants: frozenset[str] = frozenset()
    kill_switches: Mapping[str, str] = field(default_factory=dict)
    target_counts: Mapping[int, int] = field(default_factory=dict)
    targets_per_action: int | None = None


def _is_uuid(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True
