"""Bank statements as rows: SWIFT MT940 and ISO 20022 CAMT.053."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from jobforge.adapters.datasets.rows import read_rows
from jobforge.adapters.datasets.source import ReadLimits
from jobforge.adapters.datasets.store import inspect_dataset
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

MT940 = """\
:20:STARTUMS
:25:10020030/1234567
:28C:00001/001
:60F:C260101EUR1000,00
:61:2601020102CR116,22NTRFNONREF//2611233123
:86:166?00GUTSCHRIFT?20EREF+INV-1?21SVWZ+Invoice INV-1 thank?22 you?32ACME GMBH
:61:2601050105DR20,00NCHGREF12
:86:Account fee January
:61:2512310102RC6,22NTRFNONREF
:86:Credit taken back
:62F:C260131EUR1090,00
-
"""
CAMT = """\
<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Id>2026-001</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1000.00</Amt>
 <CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1246.22</Amt>
 <CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Ntry><Amt Ccy="EUR">116.22</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
 <BookgDt><Dt>2026-01-02</Dt></BookgDt><ValDt><Dt>2026-01-03</Dt></ValDt>
 <NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>
  <Chrgs><Rcrd><Amt Ccy="EUR">3.78</Amt></Rcrd></Chrgs>
  <RltdPties><Dbtr><Pty><Nm>Acme &amp; Co</Nm></Pty></Dbtr></RltdPties>
  <RmtInf><Ustrd>Invoice INV-1</Ustrd><Ustrd>thank you</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">150.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
 <BookgDt><DtTm>2026-01-04T10:00:00+01:00</DtTm></BookgDt>
 <NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>
  <TxDtls><Refs><EndToEndId>E-1</EndToEndId></Refs><Amt Ccy="EUR">100.00</Amt>
   <RmtInf><Strd><CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>
  <TxDtls><Refs><EndToEndId>E-2</EndToEndId></Refs>
   <AmtDtls><TxAmt><Amt Ccy="EUR">50.00</Amt></TxAmt></AmtDtls></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">20.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><RvslInd>true</RvslInd>
 <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-01-05</Dt></BookgDt>
 <AddtlNtryInf>Chargeback</AddtlNtryInf></Ntry>
<Ntry><Amt Ccy="EUR">999.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts>
 <BookgDt><Dt>2026-01-05</Dt></BookgDt></Ntry>
</Stmt></BkToCstmrStmt></Document>
"""


def read(text: str | bytes, folder: Path, name: str = "statement") -> list[Row]:
    content = text if isinstance(text, bytes) else text.encode()
    return read_rows(io.BytesIO(content), name, None, ReadLimits(), folder)


def test_entries_of_mt940_have_signed_exact_amounts_and_unique_ids(tmp_path: Path) -> None:
    rows = read(MT940, tmp_path)

    assert [row["amount"] for row in rows] == [Decimal("116.22"), Decimal(-20), Decimal("-6.22")]
    assert [row["id"] for row in rows] == [f"10020030/1234567/00001-001/{n}" for n in (1, 2, 3)]
    assert {row["currency"] for row in rows} == {"EUR"}
    assert [row["type"] for row in rows] == ["bank_credit", "bank_debit", "bank_reversal"]


def test_mt940_gives_reference_payer_and_purpose_of_a_structured_text(tmp_path: Path) -> None:
    first, second, _ = read(MT940, tmp_path)

    assert (first["reference"], first["customer"]) == ("INV-1", "ACME GMBH")
    assert "Invoice INV-1 thank you" in first["description"]
    assert (second["reference"], second["description"]) == ("REF12", "Account fee January")


def test_the_booking_day_of_mt940_may_lie_in_the_next_year(tmp_path: Path) -> None:
    row = read(MT940, tmp_path)[2]

    assert (row["date"], row["value_date"]) == (date(2026, 1, 2), date(2025, 12, 31))
    assert row["reference"] is None


def test_mt940_in_a_swift_envelope_is_read(tmp_path: Path) -> None:
    envelope = "{1:F01BANKDEFFXXXX0000000000}{2:I940BANKDEFFXXXXN}{4:\r\n"

    rows = read(envelope + MT940.replace("\n", "\r\n").replace("\r\n-\r\n", "\r\n-}"), tmp_path)

    assert len(rows) == 3


def test_entries_of_camt_are_signed_and_pending_ones_are_left_out(tmp_path: Path) -> None:
    rows = read(CAMT, tmp_path)

    assert [str(row["amount"]) for row in rows] == ["116.22", "100.00", "50.00", "-20.00"]
    assert [row["id"] for row in rows] == [
        "2026-001/1",
        "2026-001/2/1",
        "2026-001/2/2",
        "2026-001/3",
    ]
    assert rows[3]["type"] == "bank_reversal"
    assert rows[3]["description"] == "Chargeback"


def test_camt_gives_payer_purpose_reference_days_and_fee(tmp_path: Path) -> None:
    first, second, third, _ = read(CAMT, tmp_path)

    assert first["customer"] == "Acme & Co"
    assert first["description"] == "Invoice INV-1 thank you"
    assert (first["reference"], first["fee"]) == (None, Decimal("3.78"))
    assert (first["date"], first["value_date"]) == (date(2026, 1, 2), date(2026, 1, 3))
    assert second["reference"] == "RF18539007547034"
    assert third["reference"] == "E-2"


def test_a_batch_that_does_not_add_up_stays_one_entry(tmp_path: Path) -> None:
    rows = read(CAMT.replace(">50.00<", ">49.00<"), tmp_path)

    assert [str(row["amount"]) for row in rows] == ["116.22", "150.00", "-20.00"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MT940.replace("1090,00", "1091,00"), "closing balance is 1091"),
        (MT940.replace("CR116", "XX116"), "not readable as MT940"),
        (MT940.replace("0102CR", "1302CR"), "not readable as MT940"),
        (":20:X\n:25:1\n:28C:1/1\n:60F:C260101EUR1,00\n:62F:C260131EUR1,00\n", "no booked entry"),
        (MT940.encode("utf-8") + b"\xff", "not UTF-8"),
        (CAMT.replace("1246.22", "1247.22"), "closing balance is 1247.22"),
        (CAMT.replace("camt.053", "camt.054"), "no camt.053 message"),
        (CAMT.replace("</Stmt>", ""), "not readable as XML"),
        (CAMT.replace(">116.22<", ">NaN<"), "'NaN' is not an amount"),
        (CAMT.replace("<Dt>2026-01-02</Dt>", "<Dt>2026-13-02</Dt>"), "is not a date"),
        (CAMT.replace("<CdtDbtInd>DBIT", "<CdtDbtInd>OUT"), "neither CRDT nor DBIT"),
        ("<html><body>Sign in</body></html>", "no camt.053 message"),
    ],
)
def test_a_statement_that_cannot_be_trusted_is_refused_by_name(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    with pytest.raises(SourceMalformed, match="statement") as refused:
        read(text, tmp_path)

    assert said in str(refused.value)


def test_a_document_type_is_refused_and_no_entity_is_resolved(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    attack = CAMT.replace("?>\n", f'?>\n<!DOCTYPE x [<!ENTITY s SYSTEM "{secret}">]>\n', 1)

    with pytest.raises(SourceMalformed) as refused:
        read(attack.replace("Chargeback", "&s;"), tmp_path)

    assert "document type" in str(refused.value)


def test_a_statement_whose_text_is_a_path_opens_no_file(tmp_path: Path) -> None:
    inside = tmp_path / "other.sta"
    inside.write_text(MT940)

    with pytest.raises(SourceMalformed, match="no MT940 statement"):
        read(str(inside), tmp_path, "statement.sta")


@pytest.mark.parametrize(("name", "text"), [("bank.sta", MT940), ("bank.xml", CAMT)])
def test_a_statement_is_registered_with_its_rows_and_columns(
    tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text)

    found = inspect_dataset(path)

    assert found.format == ("mt940" if name.endswith("sta") else "camt053")
    assert found.row_count == (3 if name.endswith("sta") else 4)
    assert found.columns[:4] == ("id", "date", "value_date", "amount")
