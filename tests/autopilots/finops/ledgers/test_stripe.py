"""Stripe's exports as records: objects of the API and lines of the dashboard, of every kind."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from jobforge.autopilots.finops.ledgers.columns import to_records
from jobforge.autopilots.finops.ledgers.movements import SourceRecords
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

CREATED = 1_767_700_000
ARRIVAL = 1_767_900_000


def thing(kind: str, name: str, amount: int = 5000, **fields: object) -> Row:
    amounts = {"total": amount} if kind in ("invoice", "credit_note") else {"amount": amount}
    return {
        "id": name,
        "object": kind,
        "created": CREATED,
        "currency": "eur",
        **amounts,
        **fields,
    }


def read(*rows: Row) -> SourceRecords:
    return to_records(list(rows), side="actual")


@pytest.mark.parametrize(
    ("row", "amount", "kind", "reference"),
    [
        (thing("invoice", "in_1", status="paid"), "50.00", "invoice", "in_1"),
        (thing("charge", "ch_1", invoice="in_1", status="succeeded"), "50.00", "charge", "in_1"),
        (thing("refund", "re_1", charge="ch_1", status="succeeded"), "-50.00", "refund", "ch_1"),
        (thing("dispute", "dp_1", charge="ch_1", status="lost"), "-50.00", "dispute", "ch_1"),
        (thing("payout", "po_1", status="paid"), "50.00", "payout", "po_1"),
        (thing("credit_note", "cn_1", invoice="in_1"), "-50.00", "credit_note", "in_1"),
        (
            thing("balance_transaction", "txn_1", type="charge", source="ch_1"),
            "50.00",
            "charge",
            "ch_1",
        ),
    ],
)
def test_each_kind_of_object_moves_its_amount_its_way(
    row: Row, amount: str, kind: str, reference: str
) -> None:
    (record,) = read(row).rows

    assert (str(record["amount"]), record["type"]) == (amount, kind)
    assert (record["reference"], record["currency"]) == (reference, "EUR")


def test_a_balance_transaction_states_its_fee_and_an_invoice_its_tax() -> None:
    fee = read(thing("balance_transaction", "txn_1", type="charge", fee=175)).rows[0]
    old = read(thing("invoice", "in_1", tax=950)).rows[0]
    new = read(thing("invoice", "in_2", total_taxes=[{"amount": 500}, {"amount": 450}])).rows[0]

    assert (fee["fee"], old["tax"], new["tax"]) == (
        Decimal("1.75"),
        Decimal("9.50"),
        Decimal("9.50"),
    )


def test_a_payout_counts_on_the_day_it_reaches_the_bank() -> None:
    (record,) = read(thing("payout", "po_1", status="paid", arrival_date=ARRIVAL)).rows

    assert record["date"] == datetime.fromtimestamp(ARRIVAL, UTC)


@pytest.mark.parametrize(
    ("currency", "amount"), [("jpy", "5000"), ("kwd", "5.000"), ("isk", "50.00"), ("mga", "5000")]
)
def test_minor_units_are_those_of_stripe(currency: str, amount: str) -> None:
    (record,) = read(thing("charge", "ch_1", currency=currency)).rows

    assert str(record["amount"]) == amount


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (thing("charge", "ch_9", status="failed"), "failed"),
        (thing("charge", "ch_9", status="pending"), "pending"),
        (thing("charge", "ch_9", status="succeeded", captured=False), "uncaptured"),
        (thing("payment_intent", "pi_9", status="requires_action"), "requires_action"),
        (thing("refund", "re_9", status="canceled"), "canceled"),
        (thing("dispute", "dp_9", status="won"), "won"),
        (thing("dispute", "dp_9", status="warning_closed"), "warning_closed"),
        (thing("invoice", "in_9", status="draft"), "draft"),
        (thing("invoice", "in_9", status="void"), "void"),
        (thing("payout", "po_9", status="failed"), "failed"),
    ],
)
def test_what_moved_no_money_is_left_out_and_said(row: Row, said: str) -> None:
    found = read(thing("charge", "ch_1", status="succeeded"), row)

    assert [record["id"] for record in found.rows] == ["ch_1"]
    assert found.notes == (f"1 actual records are {said} and were left out: they moved no money.",)


def test_what_is_still_owed_or_under_way_stays() -> None:
    found = read(
        thing("invoice", "in_1", status="open"),
        thing("invoice", "in_2", status="uncollectible"),
        thing("payout", "po_1", status="in_transit"),
        thing("refund", "re_1", status="pending"),
    )

    assert len(found.rows) == 4
    assert found.notes == ()


def test_only_what_was_captured_of_a_charge_was_paid() -> None:
    (record,) = read(thing("charge", "ch_1", captured=True, amount_captured=4000)).rows

    assert record["amount"] == Decimal("40.00")


def test_a_refunded_charge_takes_its_money_back_where_there_are_no_refunds() -> None:
    charge = thing("charge", "ch_1", status="succeeded", amount_refunded=1200)

    alone = read(charge)
    beside = read(charge, thing("refund", "re_1", 1200, charge="ch_1"))

    assert [(r["id"], str(r["amount"])) for r in alone.rows] == [
        ("ch_1", "50.00"),
        ("ch_1/refunded", "-12.00"),
    ]
    assert "1 actual charges say that they were refunded" in alone.notes[0]
    assert [r["id"] for r in beside.rows] == ["ch_1", "re_1"]


def test_transfers_to_the_own_bank_are_no_payments_unless_there_is_nothing_else() -> None:
    payout = thing("balance_transaction", "txn_2", -4825, type="payout")

    mixed = read(thing("balance_transaction", "txn_1", type="charge"), payout)
    alone = read(payout)

    assert [r["id"] for r in mixed.rows] == ["txn_1"]
    assert mixed.notes == ("1 actual records are transfers and were left out.",)
    assert [r["id"] for r in alone.rows] == ["txn_2"]


PAYMENTS = {
    "id": "ch_1",
    "Created date (UTC)": "2026-01-06 23:30:00",
    "Amount": "50.00",
    "Amount Refunded": "0.00",
    "Currency": "eur",
    "Fee": "1.75",
    "Status": "Paid",
    "Captured": "true",
    "Customer ID": "cus_1",
    "Invoice ID": "in_1",
}
INVOICES = {
    "id": "in_1",
    "Customer": "cus_1",
    "Number": "A-0001",
    "Total": "50.00",
    "Tax": "7.98",
    "Currency": "eur",
    "Date (UTC)": "2026-01-06 10:00",
    "Status": "paid",
}
REFUNDS = {
    "id": "re_1",
    "Amount": "12.00",
    "Currency": "eur",
    "Created (UTC)": "2026-01-09 10:00",
    "Charge": "ch_1",
    "Status": "succeeded",
}
PAYOUTS = {
    "id": "po_1",
    "Amount": "36.25",
    "Currency": "eur",
    "Created (UTC)": "2026-01-09 10:00",
    "Arrival Date (UTC)": "2026-01-11 00:00",
    "Status": "paid",
}
BALANCE = {
    "id": "txn_1",
    "Type": "charge",
    "Source": "ch_1",
    "Amount": "50.00",
    "Fee": "1.75",
    "Net": "48.25",
    "Currency": "eur",
    "Created (UTC)": "2026-01-06 10:00",
}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (PAYMENTS, ("50.00", "charge", "in_1", 6)),
        (INVOICES, ("50.00", "invoice", "in_1", 6)),
        (REFUNDS, ("-12.00", "refund", "ch_1", 9)),
        (PAYOUTS, ("36.25", "payout", None, 11)),
        (BALANCE, ("50.00", "charge", "ch_1", 6)),
    ],
)
def test_each_dashboard_export_is_read_without_a_mapping(
    line: Row, expected: tuple[str, str, str | None, int]
) -> None:
    (record,) = read(line).rows

    found = str(record["amount"]), record["type"], record.get("reference"), record["date"].day
    assert found == expected
    assert record["date"].tzinfo is UTC


def test_a_failed_payment_of_the_dashboard_is_left_out() -> None:
    found = read(PAYMENTS, {**PAYMENTS, "id": "ch_2", "Status": "Failed"})

    assert [record["id"] for record in found.rows] == ["ch_1"]


def test_a_refunded_payment_of_the_dashboard_takes_its_money_back() -> None:
    found = read({**PAYMENTS, "Status": "Refunded", "Amount Refunded": "50.00"})

    assert sum(record["amount"] for record in found.rows) == 0


def test_usage_is_money_by_its_unit_price() -> None:
    line = {"id": "u1", "date": "2026-01-31", "quantity": "1500", "unit_price": "0.002"}

    (record,) = read({**line, "currency": "USD"}).rows

    assert record["amount"] == Decimal(3)


def test_usage_without_a_price_is_an_error() -> None:
    line = {"id": "u1", "date": "2026-01-31", "quantity": "1500", "currency": "USD"}

    with pytest.raises(SourceMalformed, match="row 1 has a quantity and no unit price"):
        read(line)
