"""What `types show` prints for a churn risk report."""

from __future__ import annotations

from typing import Any

PAYLOADS: tuple[dict[str, Any], ...] = (
    {
        "analysis_period_days": 30,
        "reference_date": "2026-01-31T00:00:00Z",
        "inputs": {
            "ledger": [
                {
                    "customer_id": "cus_1",
                    "subscriptions": [
                        {
                            "subscription_id": "sub_1",
                            "plan_id": "growth",
                            "status": "active",
                            "mrr_cents": 4900,
                            "currency": "EUR",
                        }
                    ],
                    "total_mrr_cents": 4900,
                    "payment_failure_count_30d": 2,
                },
                {
                    "customer_id": "cus_2",
                    "subscriptions": [
                        {
                            "subscription_id": "sub_2",
                            "plan_id": "agency",
                            "status": "active",
                            "mrr_cents": 9900,
                            "currency": "EUR",
                        }
                    ],
                    "total_mrr_cents": 9900,
                    "last_payment_at": "2026-01-20T09:00:00Z",
                },
            ],
            "usage_metrics": [
                {
                    "customer_id": "cus_1",
                    "metric_name": "api_calls",
                    "current_value": 1500,
                    "previous_value": 8000,
                }
            ],
        },
    },
)
