"""What `types show` prints for an anomaly scan."""

from __future__ import annotations

from typing import Any

PAYLOADS: tuple[dict[str, Any], ...] = (
    {
        "time_range": "30d",
        "events_source": [
            {
                "event_id": "evt_1",
                "event_type": "payment_succeeded",
                "timestamp": "2026-01-05T09:00:00Z",
                "customer_id": "cus_1",
                "invoice_id": "in_1",
                "amount_cents": 4900,
                "currency": "EUR",
            },
            {
                "event_id": "evt_2",
                "event_type": "payment_succeeded",
                "timestamp": "2026-01-06T11:30:00Z",
                "customer_id": "cus_1",
                "invoice_id": "in_1",
                "amount_cents": 4900,
                "currency": "EUR",
            },
            {
                "event_id": "evt_3",
                "event_type": "invoice_paid",
                "timestamp": "2026-01-05T09:00:05Z",
                "customer_id": "cus_1",
                "invoice_id": "in_1",
                "amount_cents": 4900,
                "currency": "EUR",
            },
        ],
    },
    {"scan_type": "cost", "time_range": "90d", "costs": "costs"},
)
