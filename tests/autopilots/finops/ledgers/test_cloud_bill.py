"""Cloud bills in FOCUS columns as records."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from jobforge.autopilots.finops.ledgers.cloud_bill import bill_records, read_bill_file
from jobforge.autopilots.finops.ledgers.columns import to_records
from jobforge.core.context import DatasetFile, Row
from jobforge.core.errors import InvalidInput, SourceMalformed


def charge(cost: str, **fields: str) -> Row:
    return {
        "BilledCost": cost,
        "BillingCurrency": "USD",
        "BillingAccountId": "acc-1",
        "BillingPeriodStart": "2026-01-01T00:00:00Z",
        "BillingPeriodEnd": "2026-02-01T00:00:00Z",
        "ProviderName": "Cloud",
        "ChargeCategory": "Usage",
        **fields,
    }


def test_a_bill_is_one_record_an_account_and_month_summed_exactly() -> None:
    rows = [charge("0.1"), charge("0.2"), charge("1", BillingAccountId="acc-2")]

    records = to_records(rows, side="actual").rows

    assert [(r["id"], r["amount"], r["period"]) for r in records] == [
        ("acc-1@2026-01", Decimal("0.3"), "2026-01"),
        ("acc-2@2026-01", Decimal(1), "2026-01"),
    ]


def test_an_invoice_number_names_the_record_and_taxes_are_stated_apart() -> None:
    rows = [charge("100", InvoiceId="F-1"), charge("19", InvoiceId="F-1", ChargeCategory="Tax")]

    (record,) = bill_records(rows, side="actual")

    assert (record["id"], record["reference"], record["tax"]) == ("F-1", "F-1", Decimal(19))
    assert record["amount"] == Decimal(119)


def test_currencies_are_never_added() -> None:
    records = bill_records([charge("1"), charge("1", BillingCurrency="EUR")], side="actual")

    assert [r["currency"] for r in records] == ["EUR", "USD"]


@pytest.mark.parametrize(
    ("row", "error", "said"),
    [
        (charge("NaN"), InvalidInput, "actual row 1: BilledCost"),
        (charge("1", BillingCurrency="ZZZ"), InvalidInput, "'ZZZ' is not an ISO 4217"),
        (charge("1", BillingAccountId=""), SourceMalformed, "neither InvoiceId nor"),
    ],
)
def test_a_row_that_is_no_charge_is_named(row: Row, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        bill_records([row], side="actual")


@pytest.mark.parametrize("zipped", [False, True])
def test_a_bill_file_is_summed_before_it_becomes_rows(tmp_path: Path, *, zipped: bool) -> None:
    lines = [",".join(charge("0")), *(",".join(charge("0.001").values()) for _ in range(1000))]
    path = tmp_path / ("bill.csv.gz" if zipped else "bill.csv")
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content) if zipped else content)

    rows = read_bill_file(DatasetFile(path=path, format="csv", checksum="sha256:0"))

    assert rows is not None
    assert len(rows) == 1
    assert bill_records(rows, side="actual")[0]["amount"] == Decimal(1)


def test_a_file_of_other_columns_is_no_bill(tmp_path: Path) -> None:
    path = tmp_path / "invoices.csv"
    path.write_text("id,amount\n1,2\n")

    assert read_bill_file(DatasetFile(path=path, format="csv", checksum="sha256:0")) is None
