"""Files of the demo's own making: a tenant's folder, two ledgers, labelled tickets."""

from __future__ import annotations

import json
from pathlib import Path

_INVOICES = """\
id,date,amount,currency,customer,reference,type
inv-1,2026-02-03,120.00,EUR,cus-1,F-1001,invoice
inv-2,2026-02-05,80.00,EUR,cus-2,F-1002,invoice
inv-3,2026-02-11,45.50,EUR,cus-3,F-1003,invoice
inv-4,2026-02-20,310.00,EUR,cus-4,F-1004,invoice
"""
_PAYMENTS = """\
id,date,amount,currency,customer,reference,type
pay-1,2026-02-03,120.00,EUR,cus-1,F-1001,payment
pay-2,2026-02-06,78.00,EUR,cus-2,F-1002,payment
pay-3,2026-02-11,45.50,EUR,cus-3,F-1003,payment
pay-4,2026-02-12,45.50,EUR,cus-3,F-1003,payment
"""
_TICKETS = [
    ("I was charged twice for my invoice, please refund one payment", "billing"),
    ("My card was declined when I paid the invoice", "billing"),
    ("Where can I download the receipt of last month?", "billing"),
    ("The kettle arrived with a broken lid", "delivery"),
    ("My parcel has not arrived, the tracking stands still", "delivery"),
    ("You sent me the wrong kettle", "delivery"),
    ("I cannot log in, the password reset mail never comes", "account"),
    ("Please change the e-mail address of my account", "account"),
    ("How do I delete my account?", "account"),
]
_EVENT = {
    "tenant_id": "kettle-works",
    "project_id": "shop",
    "customer_id": "cus-1",
    "invoice_id": "in-1",
    "amount_cents": 4900,
    "currency": "EUR",
}
_EVENTS = [
    {
        **_EVENT,
        "event_id": "evt-1",
        "event_type": "invoice_paid",
        "timestamp": "2026-02-01T09:00:00Z",
    },
    {
        **_EVENT,
        "event_id": "evt-2",
        "event_type": "payment_succeeded",
        "timestamp": "2026-02-01T09:05:00Z",
    },
]
_CONFIG = """\
# How many of each run in the shop.
worker:
  replicas: 1   # raised after the January sale
  memory_mb: 256
"""
_PROFILE = """\
icp:
  description: people who want one kettle for life
voice:
  tone: friendly
keywords:
  primary: [kettle]
  secondary: [spare parts]
features:
  - name: Spare parts
    description: Every part of the kettle can be replaced for thirty years.
"""
_PAGE = """<!doctype html><html lang="en"><head><title>Kettle care</title></head>
<body><h1>Kettle care</h1><p>Descale it once a month.</p><img src="scale.png"></body></html>
"""


def write_files(folder: Path, workspace: Path) -> None:
    """Write the ledgers and tickets to `folder`, and the tenant's own files to `workspace`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "invoices.csv").write_text(_INVOICES)
    (folder / "payments.csv").write_text(_PAYMENTS)
    rows = [json.dumps({"text": text, "label": label}) for text, label in _TICKETS]
    (folder / "tickets.ndjson").write_text("\n".join(rows) + "\n")
    for path, text in {
        "config/worker.yaml": _CONFIG,
        "site/index.html": _PAGE,
        "profiles/kettles.yaml": _PROFILE,
        "billing/events.json": json.dumps(_EVENTS, indent=2),
    }.items():
        target = workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
