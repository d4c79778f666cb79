"""Rows of SWIFT MT940 statements, read by the library mt-940."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import mt940

from jobforge.adapters.datasets.statements import Statement, entry_row, statement_rows
from jobforge.adapters.datasets.text_rows import decoded_lines
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

# The library logs the lines it cannot read, and those are a customer's.
logging.getLogger("mt940").setLevel(logging.CRITICAL + 1)

_ENTRY = re.compile(r"^:61:", re.MULTILINE)
_KINDS = {"C": "bank_credit", "D": "bank_debit", "RC": "bank_reversal", "RD": "bank_reversal"}
_FAULTS = (RuntimeError, ValueError, TypeError, AttributeError, KeyError, InvalidOperation)
"""What the library raises where a line is not of the format."""


def mt940_rows(lines: Iterable[bytes], name: str) -> list[Row]:
    """The entries of all statements in the file, in order.

    The reference is the end-to-end reference of a structured `:86:`, else the one of `:61:`; the
    description is the purpose, else the whole `:86:`.

    Raises:
        SourceMalformed: not UTF-8, no statement, a line that cannot be read, or entries that do not
            add up to the closing balance.
    """
    text = "".join(decoded_lines(lines, name)).replace("\r\n", "\n")
    try:
        # A text that happens to be a path would be opened; a handle never is.
        parsed = mt940.parse_statements(io.StringIO(text), options=mt940.Options.all())
        statements = [_statement(found, at) for at, found in enumerate(parsed, start=1)]
    except _FAULTS as error:
        raise SourceMalformed(f"{name}: not readable as MT940: {_first_words(error)}") from None
    if not statements:
        raise SourceMalformed(f"{name}: no MT940 statement; one begins with :20:")
    read = sum(len(statement.entries) for statement in statements)
    if read != len(_ENTRY.findall(text)):
        raise SourceMalformed(f"{name}: {len(_ENTRY.findall(text))} entries, {read} of them read")
    return statement_rows(statements, name)


def _first_words(error: BaseException) -> str:
    return str(error.args[0] if error.args else error).partition(" from ")[0][:120]


def _statement(found: Any, at: int) -> Statement:  # noqa: ANN401 (the library's collection)
    facts = found.data
    account = str(facts.get("account_identification") or "")
    parts = (facts.get("statement_number"), facts.get("sequence_number"))
    number = "-".join(str(part) for part in parts if part) or str(at)
    name = f"{account}/{number}" if account else number
    entries = [_entry(entry.data, f"{name}/{n}", account) for n, entry in enumerate(found, 1)]
    return Statement(name, _balance(facts, "opening"), _balance(facts, "closing"), tuple(entries))


def _balance(facts: dict[str, Any], which: str) -> Decimal | None:
    names = (f"final_{which}_balance", f"intermediate_{which}_balance", f"{which}_balance")
    found = next((facts[name] for name in names if name in facts), None)
    return None if found is None else Decimal(found.amount.amount)


def _entry(facts: dict[str, Any], name: str, account: str) -> Row:
    if "amount" not in facts:
        raise ValueError("details without an entry")
    texts = (facts.get("purpose"), facts.get("additional_purpose"), facts.get("posting_text"))
    purpose = " ".join(str(text) for text in texts if text)
    whole = " ".join(str(facts.get(key) or "") for key in ("transaction_details", "extra_details"))
    return entry_row(
        name,
        booked=facts.get("entry_date") or facts["date"],
        value_date=facts["date"],
        amount=Decimal(facts["amount"].amount),
        currency=str(facts["currency"]),
        customer=facts.get("applicant_name"),
        reference=facts.get("end_to_end_reference") or facts.get("customer_reference"),
        kind=_KINDS[str(facts["status"]).upper()],
        description=purpose or whole,
        account=account,
    )
