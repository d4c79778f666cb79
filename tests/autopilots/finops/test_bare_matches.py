"""Records of which only amount and day are known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.autopilots.finops.records import record

from jobforge.autopilots.finops import Reconciliation, reconcile


def bare(name: str, amount: str, day: int = 10, **fields: object) -> dict[str, Any]:
    made = record(name, amount, date=f"2026-01-{day:02d}", customer=None, reference=None)
    return {**made, **fields}


def pairs(found: Reconciliation) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    return {(match.expected_ids, match.actual_ids) for match in found.matches}


def test_an_amount_that_nothing_else_has_is_enough_within_the_days() -> None:
    found = reconcile([bare("e1", "81.17"), bare("e2", "12.00")], [bare("a1", "81.17", 12)])

    assert pairs(found) == {(("e1",), ("a1",))}
    assert [d.kind for d in found.differences] == ["missing"]


def test_the_same_amount_too_many_days_apart_is_another_payment() -> None:
    found = reconcile([bare("e1", "81.17", 1)], [bare("a1", "81.17", 20)])

    assert pairs(found) == set()


def test_of_equal_amounts_the_days_decide() -> None:
    left = [bare("e1", "9.99", 3), bare("e2", "9.99", 9)]
    right = [bare("a1", "9.99", 10), bare("a2", "9.99", 4)]

    found = reconcile(left, right)

    assert pairs(found) == {(("e1",), ("a2",)), (("e2",), ("a1",))}


def test_ambiguous_pairs_are_said_to_be_so() -> None:
    left = [bare(f"e{n}", "9.99") for n in range(4)]
    right = [bare(f"a{n}", "9.99") for n in range(3)]

    found = reconcile(left, right)

    assert len(found.matches) == 3
    assert [d.kind for d in found.differences] == ["missing"]
    assert max(match.confidence for match in found.matches) < 0.5
    assert found.notes == (
        "3 matches rest on amount and day alone, where other records would do as well.",
    )


def test_another_customer_of_the_same_names_speaks_against_a_pair() -> None:
    left = [bare("e1", "81.17", customer="acme"), bare("e2", "5.00", customer="globex")]
    right = [bare("a1", "81.17", customer="globex"), bare("a2", "7.00", customer="acme")]

    assert pairs(reconcile(left, right)) == set()


def test_names_of_different_kinds_speak_neither_for_nor_against() -> None:
    left = [bare("e1", "81.17", customer="cus_1", reference="INV-1")]
    right = [bare("a1", "81.17", customer="ACME GmbH", reference="E2E-77")]

    assert pairs(reconcile(left, right)) == {(("e1",), ("a1",))}


def test_another_reference_of_the_same_scheme_speaks_against_a_pair() -> None:
    left = [bare(f"e{n}", f"{n}.00", reference=f"INV-{n}000") for n in (1, 2, 3, 7)]
    right = [bare(f"a{n}", f"{n}.00", reference=f"INV-{n}000") for n in (1, 2, 3)]
    right.append(bare("a9", "7.00", reference="INV-9931"))

    assert (("e7",), ("a9",)) not in pairs(reconcile(left, right))


def test_a_thousand_equal_amounts_are_paired_in_the_order_of_their_days() -> None:
    left = [bare(f"e{n:04d}", "9.99", 1 + n % 28) for n in range(1000)]
    right = [bare(f"a{n:04d}", "9.99", 1 + n % 28) for n in range(1000)]

    found = reconcile(left, right)

    assert len(found.matches) == 1000
    assert found.differences == ()


@given(
    st.lists(st.tuples(st.sampled_from(["5.00", "9.99"]), st.integers(1, 28)), min_size=1),
    st.lists(st.tuples(st.sampled_from(["5.00", "9.99"]), st.integers(1, 28)), min_size=1),
)
def test_each_record_is_matched_once_and_only_with_its_amount_and_near_days(
    left: list[tuple[str, int]], right: list[tuple[str, int]]
) -> None:
    expected = {f"e{n}": bare(f"e{n}", *row) for n, row in enumerate(left)}
    actual = {f"a{n}": bare(f"a{n}", *row) for n, row in enumerate(right)}

    found = reconcile(list(expected.values()), list(actual.values()))

    ones = [m for m in found.matches if len(m.expected_ids) == len(m.actual_ids) == 1]
    for match in ones:
        e, a = expected[match.expected_ids[0]], actual[match.actual_ids[0]]
        assert e["amount"] == a["amount"]
        assert abs(int(e["date"][-2:]) - int(a["date"][-2:])) <= 5
    named = [name for m in found.matches for name in (*m.expected_ids, *m.actual_ids)]
    assert len(named) == len(set(named))
    for total in found.control_totals:
        assert total.matched + total.unmatched == total.input
        rows = expected if total.side == "expected" else actual
        assert total.input == sum((Decimal(r["amount"]) for r in rows.values()), Decimal(0))
