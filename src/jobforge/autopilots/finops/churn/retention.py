"""What to offer a customer, tied to why he may leave."""

from __future__ import annotations

ADVICE: dict[str, str] = {
    "payment_failures": "Ask for a working payment method and retry on a better day.",
    "usage_drop": "Call and ask what changed; offer help with the part that is no longer used.",
    "support_tickets": "Have an engineer close the open tickets and report back in person.",
    "plan_downgrade": "Offer the plan that fits the use before the next renewal.",
    "inactivity": "Write to the owner of the account and ask whether it is still needed.",
    "silence": "Send what is new since the last purchase, with one reason to come back.",
}
_WORDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("contract", "term", "plan", "commit"), "Offer a longer term at a better price."),
    (("charge", "price", "cost", "fee", "mrr"), "Review the price against what is used."),
    (("support", "ticket", "security", "backup"), "Offer support and protection on trial."),
    (
        ("payment", "invoice", "billing", "paperless"),
        "Offer automatic payment for a credit.",
    ),
    (
        ("tenure", "age", "months", "since"),
        "Accompany the first months with a check-in.",
    ),
    (
        ("usage", "login", "active", "seats", "sessions"),
        "Show the account what it does not use yet.",
    ),
)


def advice_for(reason: str) -> str:
    """The suggestion for a signal or for a column that raises the risk."""
    if reason in ADVICE:
        return ADVICE[reason]
    lowered = reason.casefold()
    for words, advice in _WORDS:
        if any(word in lowered for word in words):
            return advice
    return f"Ask the accounts concerned about {reason}."
