"""The choke point: who may do what, and that nothing is allowed that no row allows."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.contract.errors import JobForgeError
from jobforge.core.actor import Actor, Role, key_actor_name, oidc_actor_name, person_of
from jobforge.core.authorization import (
    ROLES_OF,
    WHOLE_TENANT,
    Command,
    Target,
    authorize,
    require_four_eyes,
)
from jobforge.core.errors import FourEyes, Missing, NotPermitted
from jobforge.core.scopes import READ_SCOPES

TENANT, OTHER = UUID(int=1), UUID(int=2)
SHOP, OFFICE = UUID(int=3), UUID(int=4)


def somebody(
    *roles: Role, owner: str = "ada", key: str = "0" * 12, project: UUID | None = None,
    vouched_by: str | None = None,
) -> Actor:  # fmt: skip
    return Actor(
        name=key_actor_name(key, owner),
        scopes=READ_SCOPES,
        is_local=False,
        roles=frozenset(roles),
        tenant_id=TENANT,
        project_id=project,
        vouched_by=vouched_by,
    )


def refusal(actor: Actor, command: Command, target: Target) -> type[JobForgeError] | None:
    try:
        authorize(actor, command, target)
    except JobForgeError as error:
        return type(error)
    return None


def test_every_command_stands_in_the_matrix() -> None:
    assert set(ROLES_OF) == set(Command)
    assert set(Command) >= WHOLE_TENANT


@pytest.mark.parametrize("command", list(Command))
def test_a_role_may_exactly_what_its_row_says(command: Command) -> None:
    for role in Role:
        is_allowed = refusal(somebody(role), command, Target(TENANT)) is None
        assert is_allowed == (role in ROLES_OF[command])


@pytest.mark.parametrize("command", list(Command))
def test_who_has_no_role_may_nothing_and_the_local_operator_everything(command: Command) -> None:
    assert refusal(somebody(), command, Target(TENANT)) is NotPermitted
    assert refusal(Actor.local("root"), command, Target(OTHER)) is None


def test_a_command_that_stands_nowhere_is_nobodys() -> None:
    with pytest.raises(NotPermitted):
        authorize(Actor.local("root"), "job.explode", Target(TENANT))  # type: ignore[arg-type]


@given(
    roles=st.sets(st.sampled_from(Role)),
    command=st.sampled_from(Command),
    project=st.sampled_from([None, SHOP, OFFICE]),
    target_project=st.sampled_from([None, SHOP, OFFICE]),
    is_one_object=st.booleans(),
)
def test_another_tenants_things_are_missing_for_everybody(
    roles: set[Role],
    command: Command,
    project: UUID | None,
    target_project: UUID | None,
    is_one_object: bool,
) -> None:
    actor = somebody(*roles, project=project)

    assert refusal(actor, command, Target(OTHER, target_project, is_one_object)) is Missing


@pytest.mark.parametrize("role", list(Role))
def test_whoever_is_confined_to_a_project_finds_nothing_else(role: Role) -> None:
    actor = somebody(role, project=SHOP)

    assert refusal(actor, Command.JOB_READ, Target(TENANT, SHOP, is_one_object=True)) is None
    for elsewhere in (OFFICE, None):
        target = Target(TENANT, elsewhere, is_one_object=True)
        assert refusal(actor, Command.JOB_READ, target) is Missing
    for command in WHOLE_TENANT:
        assert refusal(actor, command, Target(TENANT)) is NotPermitted


@pytest.mark.parametrize(
    ("name", "person"),
    [
        (key_actor_name("0" * 12, "ada"), "ada"),
        (key_actor_name("1" * 12, "key:x/ada"), "key:x/ada"),
        (oidc_actor_name("ada@example.org"), "ada@example.org"),
        ("local:root", "local:root"),
        ("schedule:nightly", "schedule:nightly"),
    ],
)
def test_a_person_is_the_same_with_every_key(name: str, person: str) -> None:
    assert person_of(name) == person


def test_two_keys_of_one_person_are_not_four_eyes() -> None:
    submitter = key_actor_name("1" * 12, "ada")
    same, other = somebody(Role.approver, key="2" * 12), somebody(Role.approver, owner="bob")

    with pytest.raises(FourEyes):
        require_four_eyes(same, "submitted it", frozenset({submitter}), is_required=True)
    assert require_four_eyes(other, "x", frozenset({submitter}), is_required=True) == "held"


def test_a_key_that_the_submitter_made_for_somebody_is_not_four_eyes() -> None:
    puppet = somebody(Role.approver, owner="bob", vouched_by="ada")

    with pytest.raises(FourEyes):
        require_four_eyes(puppet, "x", frozenset({"oidc:ada"}), is_required=True)


def test_an_admin_is_not_exempt_the_local_operator_is_and_a_tenant_can_be() -> None:
    admin, local = somebody(Role.admin), Actor.local("root")
    own = frozenset({admin.name, local.name})

    with pytest.raises(FourEyes):
        require_four_eyes(admin, "x", own, is_required=True)
    assert require_four_eyes(local, "x", own, is_required=True) == "exempt: local operator"
    assert require_four_eyes(admin, "x", own, is_required=False) == "off for this tenant"
