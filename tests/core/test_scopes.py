"""Which scopes there are and what holding some of them means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobforge.core.scopes import (
    KNOWN_SCOPES,
    READ_SCOPES,
    WRITE_SCOPES,
    missing_scopes,
    unknown_scopes,
    write_scopes,
)

SCOPES = st.frozensets(st.sampled_from([*sorted(KNOWN_SCOPES), "ops:admin", "", "ops:*"]))


def test_every_domain_has_a_read_and_a_write_scope_and_nothing_is_both() -> None:
    assert len(READ_SCOPES) == len(WRITE_SCOPES) == 5
    assert not READ_SCOPES & WRITE_SCOPES
    assert "ops:write" in WRITE_SCOPES
    assert "finops:read" in READ_SCOPES


def test_what_is_unknown_cannot_be_held() -> None:
    assert missing_scopes(["ops:admin"], frozenset({"ops:admin"})) == ("ops:admin",)
    assert unknown_scopes(["ops:read", "ops:*", "Ops:read"]) == ("Ops:read", "ops:*")


def test_a_scope_does_not_imply_another() -> None:
    assert missing_scopes(["ops:read"], frozenset({"ops:write"})) == ("ops:read",)


@given(required=SCOPES, held=SCOPES)
def test_nothing_is_missing_exactly_where_all_are_known_and_held(
    required: frozenset[str], held: frozenset[str]
) -> None:
    is_covered = not missing_scopes(required, held)

    assert is_covered == (required <= held and not unknown_scopes(required))
    assert write_scopes(required) == {s for s in required if s in WRITE_SCOPES}
