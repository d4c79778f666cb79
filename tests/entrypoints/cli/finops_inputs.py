"""The kinds of files that finops jobs take: bank statements, Stripe objects and exports, bills."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

INVOICES = [
    {"id": f"INV-{n}", "date": f"2026-01-{day:02}", "amount": amount, "currency": "EUR"}
    | {"customer": customer, "reference": f"INV-{n}"}
    for n, day, amount, customer in (
        (1, 2, "120.00", "Acme GmbH"),
        (2, 5, "80.00", "Globex SE"),
        (3, 7, "250.50", "Initech AG"),
        (4, 9, "60.00", "Umbrella KG"),
    )
]
MT940 = """\
:20:STARTUMS
:25:10020030/1234567
:28C:00001/001
:60F:C260101EUR1000,00
:61:2601060106CR116,22NTRFNONREF
:86:166?00GUTSCHRIFT?20EREF+INV-1?21SVWZ+Invoice INV-1?32Acme GmbH
:61:2601080108CR80,00NTRFNONREF
:86:166?00GUTSCHRIFT?20SVWZ+Payment for INV-2?32Globex SE
:61:2601080108CR80,00NTRFNONREF
:86:166?00GUTSCHRIFT?20SVWZ+Payment for INV-2?32Globex SE
:61:2601120112CR250,50NTRFNONREF
:86:166?00GUTSCHRIFT?20EREF+INV-3?32Initech AG
:62F:C260131EUR1526,72
-
"""
_ENTRY = """\
<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>{day}</Dt></BookgDt><NtryDtls><TxDtls><Refs><EndToEndId>{name}</EndToEndId></Refs>{fee}
<RltdPties><Dbtr><Nm>{payer}</Nm></Dbtr></RltdPties></TxDtls></NtryDtls></Ntry>
"""
_FEE = '<Chrgs><Rcrd><Amt Ccy="EUR">3.78</Amt></Rcrd></Chrgs>'
_BALANCE = """\
<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>
<CdtDbtInd>CRDT</CdtDbtInd></Bal>
"""
CAMT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>'
    "<Id>2026-001</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>"
    + _BALANCE.format(kind="OPBD", amount="1000.00")
    + _BALANCE.format(kind="CLBD", amount="1446.72")
    + _ENTRY.format(amount="116.22", day="2026-01-06", name="INV-1", payer="Acme GmbH", fee=_FEE)
    + _ENTRY.format(amount="80.00", day="2026-01-08", name="INV-2", payer="Globex SE", fee="")
    + _ENTRY.format(amount="250.50", day="2026-01-12", name="INV-3", payer="Initech AG", fee="")
    + "</Stmt></BkToCstmrStmt></Document>"
)
_CREATED = 1_767_693_600
"""2026-01-06, 10:00 UTC."""
STRIPE_OBJECTS = [
    {"object": "charge", "id": "ch_1", "created": _CREATED, "amount": 12_000, "currency": "eur"}
    | {"status": "succeeded", "invoice": "INV-1"},
    {"object": "charge", "id": "ch_2", "created": _CREATED, "amount": 8_000, "currency": "eur"}
    | {"status": "succeeded", "invoice": "INV-2"},
    {"object": "refund", "id": "re_2", "created": _CREATED + 9_000, "amount": 8_000}
    | {"currency": "eur", "status": "succeeded", "charge": "ch_2"},
    {"object": "charge", "id": "ch_3", "created": _CREATED, "amount": 25_050, "currency": "eur"}
    | {"status": "failed", "invoice": "INV-3"},
]
STRIPE_EXPORT = """\
id,Type,Source,Amount,Fee,Net,Currency,Created (UTC),Description
txn_1,charge,INV-1,120.00,3.78,116.22,eur,2026-01-06 10:00,Invoice INV-1
txn_2,charge,INV-2,80.00,2.62,77.38,eur,2026-01-08 10:00,Invoice INV-2
txn_3,charge,INV-3,250.00,7.55,242.45,eur,2026-01-12 10:00,Invoice INV-3
txn_4,payout,po_1,-400.00,0.00,-400.00,eur,2026-01-14 00:00,STRIPE PAYOUT
"""
BILL_DAYS = 62
_COLUMNS = {
    "BillingAccountId": "acc-1",
    "BillingCurrency": "USD",
    "ChargeCategory": "Usage",
    "ProviderName": "Example Cloud",
    "PublisherName": "Example Cloud",
    "InvoiceIssuerName": "Example Cloud",
    "SubAccountId": "team-1",
}


def focus_bill() -> str:
    """Two months of a FOCUS bill: two services, one of them five times as dear on one day."""
    first = date(2026, 1, 1)
    rows = []
    for at in range(BILL_DAYS):
        day = first + timedelta(days=at)
        month = day.replace(day=1)
        following = (month + timedelta(days=31)).replace(day=1)
        for service, cost in (("Compute", 100 + 3 * (at % 7)), ("Storage", 20)):
            amount = str(cost * 5 if (service, at) == ("Compute", 50) else cost) + ".00"
            rows.append(
                _COLUMNS
                | dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost"), amount)
                | {"ServiceName": service, "RegionId": "north-1"}
                | {"InvoiceId": f"EC-{month.month:02}"}
                | {"ChargePeriodStart": f"{day}T00:00:00Z"}
                | {"ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z"}
                | {"BillingPeriodStart": f"{month}T00:00:00Z"}
                | {"BillingPeriodEnd": f"{following}T00:00:00Z"}
            )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


PROVIDER_INVOICES = [
    {"id": "p-1", "reference": "EC-01", "date": "2026-02-01", "amount": "3981.00"}
    | {"currency": "USD", "customer": "Example Cloud"},
    {"id": "p-2", "reference": "EC-02", "date": "2026-03-01", "amount": "4136.50"}
    | {"currency": "USD", "customer": "Example Cloud"},
]


def write_inputs(folder: Path) -> None:
    """Put every file where a payload of `requests` looks for it."""
    (folder / "statement.sta").write_text(MT940)
    (folder / "statement.xml").write_text(CAMT)
    (folder / "stripe.json").write_text(json.dumps(STRIPE_OBJECTS))
    (folder / "stripe.csv").write_text(STRIPE_EXPORT)
    (folder / "bill.csv").write_text(focus_bill())


def requests() -> dict[str, dict[str, Any]]:
    """A payload for each kind of file, by the name of its golden case."""
    january = {"period_start": "2026-01-01T00:00:00Z", "period_end": "2026-01-31T23:59:59Z"}
    bill = {"type": "file", "path": "bill.csv"}
    files = {
        "mt940": {"type": "file", "path": "statement.sta", "format": "mt940"},
        "camt053": {"type": "file", "path": "statement.xml", "format": "camt053"},
        "stripe_objects": {"type": "file", "path": "stripe.json"},
        "stripe_export": {"type": "file", "path": "stripe.csv"},
    }
    found: dict[str, dict[str, Any]] = {
        f"reconcile_{name}": {**january, "expected": INVOICES, "actual": source}
        for name, source in files.items()
    }
    found["reconcile_cloud_bill"] = {
        "period_start": "2026-01-01T00:00:00Z",
        "period_end": "2026-03-31T23:59:59Z",
        "expected": bill,
        "actual": PROVIDER_INVOICES,
    }
    for version in ("1.0", "1.1", "1.2"):
        found[f"anomaly_scan_focus_{version.replace('.', '_')}"] = {
            "costs": bill,
            "focus_version": version,
            "reference_date": "2026-03-03T00:00:00Z",
        }
    return found
