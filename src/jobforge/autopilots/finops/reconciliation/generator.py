"""Two ledgers of our own making with known breaks: for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from jobforge.autopilots.finops.money import round_to_minor
from jobforge.autopilots.finops.reconciliation.model import Reconciliation

FIRST = date(2026, 1, 1)
RATES = {"EUR": Decimal("1.10"), "GBP": Decimal("1.27")}
Row = dict[str, Any]
Finding = tuple[str, tuple[str, ...], tuple[str, ...]]
Link = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(slots=True)
class GeneratedLedgers:
    """Both sides, the rates between them, and the truth: differences and matches."""

    expected: list[Row] = field(default_factory=list)
    actual: list[Row] = field(default_factory=list)
    fx_rates: list[Row] = field(default_factory=list)
    differences: list[Finding] = field(default_factory=list)
    matches: list[Link] = field(default_factory=list)


def generate_ledgers(
    records: int, *, seed: int = 0, broken: float = 0.05, customers: int | None = None
) -> GeneratedLedgers:
    """Make invoices and their payments; a share `broken` of them has one break each.

    Breaks are spread evenly over all classes, and over splits, merges and misspelt references,
    which are no difference but must still match.
    """
    draw = np.random.default_rng(seed)
    made = GeneratedLedgers(fx_rates=_rates())
    breaks = list(_BREAKS.values())
    spread = max(1, customers or records // 8)
    amounts = np.round(np.exp(draw.normal(4.6, 1.0, records)), 2)
    days = draw.integers(0, 28, records)
    lags = draw.integers(0, 4, records)
    owners = draw.integers(0, spread, records)
    is_broken = draw.random(records) < broken
    choices = draw.integers(0, len(breaks), records)
    for n in range(records):
        invoice, payment = _pair(n, amounts[n], int(days[n]), int(lags[n]), int(owners[n]))
        if is_broken[n]:
            breaks[choices[n]](made, invoice, payment, draw)
        else:
            _settle(made, [invoice], [payment])
    return made


def _rates() -> list[Row]:
    return [
        {"base": base, "quote": "USD", "date": FIRST + timedelta(days=n), "rate": rate}
        for base, rate in RATES.items()
        for n in range(0, 60, 5)
    ]


def _pair(n: int, amount: float, day: int, lag: int, owner: int) -> tuple[Row, Row]:
    # Numbers are spread out, so that one wrong digit does not name another invoice.
    reference = f"INV-{(n * 7_368_787 + 1_000_003) % 89_999_999 + 10_000_000}"
    value = Decimal(f"{max(amount, 5):.2f}")
    billed = FIRST + timedelta(days=day)
    common = {"currency": "USD", "customer": f"cus_{owner:06d}", "reference": reference}
    invoice = {"id": f"e{n}", "date": billed, "amount": value, "type": "invoice", **common}
    payment = {
        "id": f"a{n}",
        "date": billed + timedelta(days=lag),
        "amount": value,
        "type": "payment",
        **common,
    }
    return {**invoice, "period": f"{billed:%Y-%m}"}, payment


def _settle(made: GeneratedLedgers, invoices: list[Row], payments: list[Row]) -> None:
    made.expected += invoices
    made.actual += payments
    made.matches.append((_ids(invoices), _ids(payments)))


def _ids(rows: list[Row]) -> tuple[str, ...]:
    return tuple(str(row["id"]) for row in rows)


def _note(made: GeneratedLedgers, kind: str, invoices: list[Row], payments: list[Row]) -> None:
    made.differences.append((kind, _ids(invoices), _ids(payments)))


def _changed(kind: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A break that leaves one invoice and one payment, which still match."""

    def decorate(change: Callable[..., None]) -> Callable[..., None]:
        def apply(
            made: GeneratedLedgers, invoice: Row, payment: Row, draw: np.random.Generator
        ) -> None:
            change(invoice, payment, draw)
            _settle(made, [invoice], [payment])
            _note(made, kind, [invoice], [payment])

        return apply

    return decorate


def _missing(made: GeneratedLedgers, invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    if draw.random() < 0.5:  # noqa: PLR2004 (either side)
        made.expected.append(invoice)
        _note(made, "missing", [invoice], [])
    else:
        made.actual.append(payment)
        _note(made, "missing", [], [payment])


def _duplicate(
    made: GeneratedLedgers, invoice: Row, payment: Row, draw: np.random.Generator
) -> None:
    again = {
        **payment,
        "id": f"{payment['id']}d",
        "date": payment["date"] + timedelta(days=int(draw.integers(0, 3))),
    }
    _settle(made, [invoice], [payment])
    made.actual.append(again)
    _note(made, "duplicate", [], [again])


@_changed("amount")
def _amount(invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    share = Decimal(f"{draw.uniform(0.02, 0.3):.4f}")
    payment["amount"] = round_to_minor(invoice["amount"] * (1 - share), "USD") - Decimal("0.01")


@_changed("currency")
def _currency(invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    del invoice, draw
    payment["currency"] = "CHF"


@_changed("period")
def _period(invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    del draw
    payment["period"] = "2026-02"
    payment["date"] = invoice["date"] + timedelta(days=2)


@_changed("timing")
def _timing(invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    payment["date"] = invoice["date"] + timedelta(days=int(draw.integers(9, 25)))


@_changed("tax")
def _tax(invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    del draw
    invoice["tax"] = round_to_minor(invoice["amount"] * Decimal("0.19"), "USD")
    payment["amount"] = invoice["amount"] - invoice["tax"]


@_changed("fee")
def _fee(invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    del draw
    payment["fee"] = round_to_minor(invoice["amount"] * Decimal("0.029") + Decimal("0.30"), "USD")
    payment["amount"] = invoice["amount"] - payment["fee"]


@_changed("proration")
def _proration(invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    days = int(draw.integers(3, 29))
    payment["amount"] = round_to_minor(invoice["amount"] * days / 31, "USD")
    payment["description"] = f"prorated: {days} of 31 days"


@_changed("credit_note")
def _credit_note(invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    share = Decimal(f"{draw.uniform(0.2, 0.8):.4f}")
    payment["amount"] = round_to_minor(invoice["amount"] * share, "USD")
    payment["description"] = "net of credit note"


@_changed("fx")
def _fx(invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    currency = str(draw.choice(sorted(RATES)))
    margin = Decimal(f"{1 + draw.uniform(0.005, 0.03):.4f}")
    payment["currency"] = currency
    payment["amount"] = round_to_minor(invoice["amount"] / RATES[currency] * margin, currency)


def _taken_back(kind: str) -> Callable[..., None]:
    def apply(
        made: GeneratedLedgers, invoice: Row, payment: Row, draw: np.random.Generator
    ) -> None:
        back = {
            **payment,
            "id": f"{payment['id']}r",
            "amount": -payment["amount"],
            "type": kind,
            "date": payment["date"] + timedelta(days=int(draw.integers(1, 10))),
        }
        _settle(made, [invoice], [payment])
        made.actual.append(back)
        _note(made, kind, [], [back])

    return apply


def _split(made: GeneratedLedgers, invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    part = round_to_minor(payment["amount"] * Decimal(f"{draw.uniform(0.2, 0.45):.3f}"), "USD")
    first = {**payment, "amount": part}
    second = {**payment, "id": f"{payment['id']}s", "amount": payment["amount"] - part}
    _settle(made, [invoice], [first, second])


def _merge(made: GeneratedLedgers, invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    extra = Decimal(f"{draw.uniform(20, 300):.2f}")
    other = {
        **invoice,
        "id": f"{invoice['id']}m",
        "reference": f"{invoice['reference']}7",
        "amount": extra,
    }
    batch = {
        **payment,
        "amount": payment["amount"] + extra,
        "reference": f"PAYOUT-{invoice['reference'][-8:]}",
    }
    _settle(made, [invoice, other], [batch])


def _typo(made: GeneratedLedgers, invoice: Row, payment: Row, draw: np.random.Generator) -> None:
    text = str(payment["reference"])
    at = int(draw.integers(5, len(text) - 1))
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    dropped = text[:at] + text[at + 1 :]
    payment["reference"] = swapped if swapped != text else dropped
    _settle(made, [invoice], [payment])


_BREAKS: dict[str, Callable[..., None]] = {
    "missing": _missing,
    "duplicate": _duplicate,
    "amount": _amount,
    "currency": _currency,
    "period": _period,
    "timing": _timing,
    "tax": _tax,
    "fee": _fee,
    "proration": _proration,
    "credit_note": _credit_note,
    "fx": _fx,
    "refund": _taken_back("refund"),
    "dispute": _taken_back("dispute"),
    "split": _split,
    "merge": _merge,
    "typo": _typo,
}


@dataclass(frozen=True, slots=True)
class LedgerScore:
    """Share of reported differences that are true, of true ones that are reported; same for links.

    A difference counts when its class and its records on both sides are right.
    """

    precision: float
    recall: float
    match_precision: float
    match_recall: float
    totals_exact: bool


def score_reconciliation(truth: GeneratedLedgers, found: Reconciliation) -> LedgerScore:
    """Compare a reconciliation with the truth."""
    reported = {(d.kind, d.expected_ids, d.actual_ids) for d in found.differences}
    real = set(truth.differences)
    links = {(tuple(sorted(m.expected_ids)), tuple(sorted(m.actual_ids))) for m in found.matches}
    true_links = {(tuple(sorted(e)), tuple(sorted(a))) for e, a in truth.matches}
    return LedgerScore(
        precision=len(reported & real) / len(reported) if reported else 1.0,
        recall=len(reported & real) / len(real) if real else 1.0,
        match_precision=len(links & true_links) / len(links) if links else 1.0,
        match_recall=len(links & true_links) / len(true_links) if true_links else 1.0,
        totals_exact=_totals_are_exact(truth, found),
    )


def _totals_are_exact(truth: GeneratedLedgers, found: Reconciliation) -> bool:
    sums: dict[tuple[str, str], Decimal] = {}
    for side, rows in (("expected", truth.expected), ("actual", truth.actual)):
        for row in rows:
            key = side, str(row["currency"])
            sums[key] = sums.get(key, Decimal(0)) + row["amount"]
    stated = {(str(t.side), t.currency): t for t in found.control_totals}
    return stated.keys() == sums.keys() and all(
        stated[key].input == total == stated[key].matched + stated[key].unmatched
        for key, total in sums.items()
    )
