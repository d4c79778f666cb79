"""Which trace a run belongs to."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.core.trace import traceparent_of

RUN = UUID("11111111-1111-4111-8111-111111111111")
GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OWN = "00-11111111111141118111111111111111-"


def test_the_first_that_is_one_is_taken_as_it_is() -> None:
    assert traceparent_of([None, "trace-1", GIVEN], RUN) == GIVEN


def test_a_trace_id_alone_is_gone_on_with() -> None:
    assert traceparent_of([GIVEN[3:35]], RUN).startswith(GIVEN[:36])


@pytest.mark.parametrize(
    "given_one",
    [GIVEN.upper(), "01" + GIVEN[2:], "00-" + "0" * 32 + GIVEN[35:], GIVEN + "-x", "0" * 32, ""],
)
def test_what_is_none_begins_a_trace_of_the_runs_own(given_one: str) -> None:
    assert traceparent_of([given_one], RUN).startswith(OWN)


@given(st.text())
def test_it_is_always_one(text: str) -> None:
    made = traceparent_of([text], RUN)

    assert traceparent_of([made], UUID(int=7)) == made
