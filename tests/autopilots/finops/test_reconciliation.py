"""The public `reconcile`: passes, classes, control totals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.autopilots.finops.records import record

from jobforge.autopilots.finops import Difference, Reconciliation, reconcile
from jobforge.core.errors import InvalidInput


def only(found: Reconciliation) -> Difference:
    assert len(found.differences) == 1, found.differences
    return found.differences[0]


def test_records_that_agree_match_without_a_difference() -> None:
    found = reconcile([record("INV-1", "12.30")], [record("p1", "12.30", reference="INV-1")])

    assert [(m.expected_ids, m.actual_ids) for m in found.matches] == [(("INV-1",), ("p1",))]
    assert found.differences == ()


def test_records_that_name_nothing_but_their_id_match_by_it() -> None:
    bare = {"customer": None, "reference": None}
    left = [record("INV-1", "12.30", **bare), record("INV-2", "7.00", **bare)]
    right = [record("INV-2", "8.00", **bare), record("INV-1", "12.30", **bare)]

    found = reconcile(left, right)

    assert [(m.expected_ids, m.actual_ids) for m in found.matches] == [(("INV-1",), ("INV-1",))]


@pytest.mark.parametrize(
    ("kind", "expected", "actual", "amount"),
    [
        ("amount", {}, {"amount": "91.17"}, "-8.83"),
        ("fee", {}, {"amount": "96.80", "fee": "3.20"}, "-3.20"),
        ("tax", {"tax": "19.00"}, {"amount": "81.00"}, "-19.00"),
        ("proration", {"period": "2026-01"}, {"amount": "32.26"}, "-67.74"),
        ("currency", {}, {"currency": "USD"}, "-100.00"),
        ("timing", {}, {"date": "2026-02-20"}, "0"),
        ("period", {"period": "2026-01"}, {"period": "2026-02"}, "0"),
        ("credit_note", {}, {"amount": "60.00", "type": "credit_note"}, "-40.00"),
    ],
)
def test_each_deviation_of_one_reference_gets_its_class(
    kind: str, expected: dict[str, Any], actual: dict[str, Any], amount: str
) -> None:
    left = record("INV-1", "100.00") | expected
    right = record("p1", "100.00", reference="INV-1") | actual

    found = only(reconcile([left], [right | {"amount": Decimal(right["amount"])}]))

    assert (found.kind, found.amount) == (kind, Decimal(amount))
    assert (found.expected_ids, found.actual_ids) == (("INV-1",), ("p1",))
    assert 0 < found.confidence <= 1
    assert found.explanation
    assert found.next_step


def test_a_payment_in_another_currency_matches_at_the_rate_of_its_day() -> None:
    rates = [
        {"base": "USD", "quote": "EUR", "date": "2026-01-04", "rate": "0.92"},
        {"base": "USD", "quote": "EUR", "date": "2026-01-09", "rate": "0.50"},
    ]
    paid = record("p1", "108.00", reference="INV-1", currency="USD")

    found = only(reconcile([record("INV-1", "100.00")], [paid], fx_rates=rates))

    assert found.kind == "fx"
    assert found.amount == Decimal("-0.64")


@pytest.mark.parametrize("kind", ["refund", "dispute", "credit_note"])
def test_money_taken_back_without_a_counterpart_is_named_by_its_type(kind: str) -> None:
    back = record("r1", "-100.00", reference="INV-1", type=kind)
    paid = record("p1", "100.00", reference="INV-1")

    found = only(reconcile([record("INV-1", "100.00")], [paid, back]))

    assert (found.kind, found.actual_ids, found.amount) == (kind, ("r1",), Decimal("-100.00"))


def test_a_second_payment_of_one_invoice_is_a_duplicate() -> None:
    twice = [record(name, "100.00", reference="INV-1") for name in ("p1", "p2")]

    found = only(reconcile([record("INV-1", "100.00")], twice))

    assert (found.kind, found.actual_ids, found.amount) == ("duplicate", ("p2",), Decimal(100))


def test_what_has_no_counterpart_is_missing_on_either_side() -> None:
    found = reconcile(
        [record("INV-1", "10.00"), record("INV-2", "20.00", customer="globex")],
        [record("p1", "10.00", reference="INV-1"), record("p9", "7.00", customer="initech")],
    )

    assert [(d.kind, d.expected_ids, d.actual_ids, d.amount) for d in found.differences] == [
        ("missing", ("INV-2",), (), Decimal("-20.00")),
        ("missing", (), ("p9",), Decimal("7.00")),
    ]


@pytest.mark.parametrize("garbled", ["INV-20O1", "inv 2001", "INV-2010", "INV2001"])
def test_a_garbled_reference_still_matches(garbled: str) -> None:
    other = [record("INV-3456", "55.00", customer="globex")]

    found = reconcile(
        [record("INV-2001", "99.95"), *other],
        [record("p1", "99.95", reference=garbled), record("p2", "55.00", reference="INV-3456")],
    )

    assert (("INV-2001",), ("p1",)) in [(m.expected_ids, m.actual_ids) for m in found.matches]
    assert found.differences == ()


def test_an_invoice_named_in_the_payment_text_matches() -> None:
    paid = record("p1", "99.95", reference=None, customer=None, description="SEPA inv-2001 thanks")

    found = reconcile([record("INV-2001", "99.95")], [paid])

    assert len(found.matches) == 1


def test_one_payment_settles_the_invoices_that_add_up_to_it() -> None:
    invoices = [
        record(f"INV-{n}", amount) for n, amount in enumerate(("19.99", "35.41", "7.77", "64.02"))
    ]
    paid = record("p1", "91.78", reference="BATCH-7")

    found = reconcile(invoices, [paid])

    assert [(m.expected_ids, m.actual_ids) for m in found.matches] == [
        (("INV-0", "INV-2", "INV-3"), ("p1",))
    ]
    assert [d.expected_ids for d in found.differences] == [("INV-1",)]


def test_instalments_of_one_invoice_match_together() -> None:
    parts = [record(f"p{n}", part, reference="INV-1") for n, part in enumerate(("40.00", "60.00"))]

    found = reconcile([record("INV-1", "100.00")], parts)

    assert [m.actual_ids for m in found.matches] == [("p0", "p1")]
    assert found.differences == ()


def test_a_deviation_within_the_tolerance_is_listed_with_its_reason() -> None:
    paid = record("p1", "99.99", reference="INV-1")

    found = reconcile([record("INV-1", "100.00")], [paid], tolerance={"absolute": "0.01"})

    assert found.differences == ()
    assert [(t.amount, t.expected_ids) for t in found.tolerated] == [(Decimal("-0.01"), ("INV-1",))]


def test_records_outside_the_period_are_totalled_apart() -> None:
    from datetime import date

    late = record("INV-2", "20.00", date="2026-03-01", customer="globex")

    found = reconcile(
        [record("INV-1", "10.00"), late],
        [record("p1", "10.00", reference="INV-1")],
        period=(date(2026, 1, 1), date(2026, 1, 31)),
    )

    assert found.differences == ()
    assert found.control_totals[0].out_of_period == Decimal("20.00")
    assert found.control_totals[0].input == Decimal("10.00")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": float("nan")}, "not a finite amount"),
        ({"amount": Decimal("Infinity")}, "not a finite amount"),
        ({"amount": Decimal("1E+30")}, "too large"),
        ({"amount": "ten"}, "is not an amount"),
        ({"amount": None}, "is not an amount"),
        ({"currency": "EURO"}, "not an ISO 4217 currency"),
        ({"date": "yesterday"}, "not an ISO 8601 date"),
        ({"date": None}, "is not a date"),
        ({"id": ""}, "has no id"),
    ],
)
def test_a_record_without_a_usable_value_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        reconcile([record("INV-1", "1.00") | change], [record("p1", "1.00")])


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the actual side holds something that is not a record"):
        reconcile([record("INV-1", "1.00")], ["p1,1.00"])  # type: ignore[list-item] # on purpose


def test_a_rate_known_the_other_way_round_is_shown_with_ten_digits() -> None:
    rates = [{"base": "EUR", "quote": "USD", "date": "2026-01-05", "rate": "1.1"}]
    paid = record("p1", "11.10", reference="INV-1", currency="USD")

    found = only(reconcile([record("INV-1", "10.00")], [paid], fx_rates=rates))

    assert "at 0.9090909091 (2026-01-05)" in found.explanation


def test_a_repeated_id_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'INV-1' more than once"):
        reconcile([record("INV-1", "1.00"), record("INV-1", "2.00")], [record("p1", "1.00")])


@pytest.mark.parametrize("empty", ["expected", "actual"])
def test_an_empty_side_is_refused(empty: str) -> None:
    sides = {"expected": [record("a", "1.00")], "actual": [record("b", "1.00")], empty: []}

    with pytest.raises(InvalidInput, match=f"the {empty} side is empty"):
        reconcile(sides["expected"], sides["actual"])


amounts = st.decimals("-5000", "5000", places=2) | st.sampled_from(
    [Decimal(10), Decimal("19.99"), Decimal("0.01"), Decimal("123.456789")]
)


@st.composite
def ledgers(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(1, 12))
    return [
        {
            "id": f"id-{n}",
            "date": f"2026-0{draw(st.integers(1, 3))}-1{draw(st.integers(0, 9))}",
            "amount": draw(amounts),
            "currency": draw(st.sampled_from(["EUR", "USD", "JPY"])),
            "customer": draw(st.sampled_from(["", "acme", "globex"])),
            "reference": draw(st.sampled_from(["", "R-1", "R-2", "R-3", "R 03", "R-11"])),
            "type": draw(st.sampled_from(["", "invoice", "refund", "dispute"])),
            "fee": draw(st.sampled_from([None, "0.30", "1.20"])),
        }
        for n in range(count)
    ]


@settings(max_examples=80, deadline=None)
@given(expected=ledgers(), actual=ledgers())
def test_matched_and_unmatched_always_add_up_to_the_input(
    expected: list[dict[str, Any]], actual: list[dict[str, Any]]
) -> None:
    found = reconcile(expected, actual, tolerance={"absolute": "0.05", "relative": "0.001"})

    for side, rows in (("expected", expected), ("actual", actual)):
        totals = {t.currency: t for t in found.control_totals if t.side == side}
        for currency in {row["currency"] for row in rows}:
            total = totals[currency]
            given_sum = sum(r["amount"] for r in rows if r["currency"] == currency)
            assert total.matched + total.unmatched == total.input == given_sum


@settings(max_examples=80, deadline=None)
@given(expected=ledgers(), actual=ledgers())
def test_the_differences_explain_the_whole_variance_of_one_currency(
    expected: list[dict[str, Any]], actual: list[dict[str, Any]]
) -> None:
    left, right = ([row | {"currency": "EUR"} for row in rows] for rows in (expected, actual))

    found = reconcile(left, right, tolerance={"absolute": "0.05"})

    variance = sum(r["amount"] for r in right) - sum(r["amount"] for r in left)
    explained = sum(d.amount for d in found.differences) + sum(t.amount for t in found.tolerated)
    assert explained == variance


@settings(max_examples=50, deadline=None)
@given(expected=ledgers(), actual=ledgers())
def test_every_record_is_used_once_and_a_second_run_finds_the_same(
    expected: list[dict[str, Any]], actual: list[dict[str, Any]]
) -> None:
    found = reconcile(expected, actual)

    used = [name for match in found.matches for name in match.actual_ids]
    assert len(used) == len(set(used))
    again = reconcile(list(reversed(expected)), list(reversed(actual)))
    assert {m.expected_ids for m in again.matches} == {m.expected_ids for m in found.matches}
