"""Rows of ISO 20022 statements (CAMT.053), of any version of the message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from io import BufferedReader

from lxml import etree

from jobforge.adapters.datasets.statements import Statement, entry_row, statement_rows
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

_MESSAGE = "camt.053"
_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)
_BOOKED = "BOOK"
_DATE_LENGTH = 10
Element = etree._Element


def camt_rows(stream: BufferedReader, name: str) -> list[Row]:
    """The booked entries of all statements; a batch is one row per transaction it itemises.

    A batch stays one row where its transactions have no amounts of their own, or these do not add
    up to the entry. Entries that are only pending are left out: they are in no balance.

    Raises:
        SourceMalformed: no XML, another message, a document type, a value that is none, or entries
            that do not add up to the closing balance.
    """
    try:
        statements = list(_statements(stream, name))
    except etree.XMLSyntaxError as error:
        raise SourceMalformed(f"{name}: not readable as XML: {error}") from None
    if not statements:
        raise SourceMalformed(f"{name}: no statement in this {_MESSAGE} message")
    return statement_rows(statements, name)


def _statements(stream: BufferedReader, name: str) -> Iterator[Statement]:
    # No entity is resolved and nothing is loaded, whatever the document asks for.
    events = etree.iterparse(
        stream, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
    )
    count = 0
    for event, element in events:
        if event == "start" and element.getparent() is None:
            _refuse_foreign(element, name)
        if event == "end" and etree.QName(element).localname == "Stmt":
            count += 1
            yield _statement(element, count, name)
            element.clear()


def _refuse_foreign(root: Element, name: str) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise SourceMalformed(f"{name}: a statement has no document type of its own")
    if _MESSAGE not in (etree.QName(root).namespace or ""):
        raise SourceMalformed(f"{name}: no {_MESSAGE} message but {root.tag}")


def _text(element: Element, path: str) -> str:
    found = _find(element, path)
    return "" if found is None else (found.text or "").strip()


def _find(element: Element, path: str) -> Element | None:
    return element.find("/".join(f"{{*}}{step}" for step in path.split("/")))


def _find_all(element: Element, path: str) -> list[Element]:
    return element.findall("/".join(f"{{*}}{step}" for step in path.split("/")))


def _first(element: Element, *paths: str) -> str:
    return next((text for path in paths if (text := _text(element, path))), "")


def _statement(element: Element, at: int, file: str) -> Statement:
    account = _first(element, "Acct/Id/IBAN", "Acct/Id/Othr/Id")
    name = _text(element, "Id") or f"{account}/{at}"
    where = f"{file}, statement {name}"
    rows: list[Row] = []
    for number, entry in enumerate(_find_all(element, "Ntry"), start=1):
        if _first(entry, "Sts/Cd", "Sts") == _BOOKED or not _first(entry, "Sts/Cd", "Sts"):
            rows += _entry_rows(entry, f"{name}/{number}", account, f"{where}, entry {number}")
    return Statement(
        name, _balance(element, _OPENING, where), _balance(element, _CLOSING, where), tuple(rows)
    )


def _balance(element: Element, codes: tuple[str, ...], where: str) -> Decimal | None:
    for code in codes:
        for balance in _find_all(element, "Bal"):
            if _text(balance, "Tp/CdOrPrtry/Cd") == code:
                return _signed(balance, where)
    return None


def _signed(element: Element, where: str) -> Decimal:
    """The element's own amount; a debit is below zero."""
    amount = _decimal(_text(element, "Amt"), where)
    match _text(element, "CdtDbtInd"):
        case "CRDT":
            return amount
        case "DBIT":
            return -amount
        case other:
            raise SourceMalformed(f"{where}: {other!r} is neither CRDT nor DBIT")


def _decimal(text: str, where: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise SourceMalformed(f"{where}: {text!r} is not an amount")
    return amount


def _entry_rows(entry: Element, name: str, account: str, where: str) -> list[Row]:
    """One row an entry, or one a transaction where these make up the entry."""
    whole = _signed(entry, where)
    parts = _find_all(entry, "NtryDtls/TxDtls")
    amounts = [_part_amount(part, whole, where) for part in parts]
    is_itemised = len(parts) > 1 and None not in amounts and sum(filter(None, amounts)) == whole
    if is_itemised:
        listed = zip(parts, amounts, strict=True)
        return [
            _row(entry, part, f"{name}/{n}", account, amount or Decimal(0), where)
            for n, (part, amount) in enumerate(listed, start=1)
        ]
    detail = parts[0] if len(parts) == 1 else None
    return [_row(entry, detail, name, account, whole, where)]


def _part_amount(part: Element, whole: Decimal, where: str) -> Decimal | None:
    stated = _first(part, "Amt", "AmtDtls/TxAmt/Amt")
    if not stated:
        return None
    amount = _decimal(stated, where)
    direction = _text(part, "CdtDbtInd")
    is_debit = direction == "DBIT" if direction else whole < 0
    return -amount if is_debit else amount


def _row(
    entry: Element, detail: Element | None, name: str, account: str, amount: Decimal, where: str
) -> Row:
    currency = _find(entry, "Amt")
    booked = _date(entry, "BookgDt", where) or _date(entry, "ValDt", where)
    if booked is None:
        raise SourceMalformed(f"{where} has neither a booking date nor a value date")
    source = entry if detail is None else detail
    return entry_row(
        name,
        booked=booked,
        value_date=_date(entry, "ValDt", where),
        amount=amount,
        currency="" if currency is None else str(currency.get("Ccy") or ""),
        customer=_counterparty(source, is_credit=amount > 0),
        reference=_reference(source),
        kind=_kind(entry, is_credit=amount > 0),
        description=_description(entry, source),
        account=account,
        fee=_fee(source, where),
    )


def _date(entry: Element, field: str, where: str) -> date | None:
    stated = _first(entry, f"{field}/Dt", f"{field}/DtTm")
    if not stated:
        return None
    try:
        return datetime.fromisoformat(stated[:_DATE_LENGTH]).date()
    except ValueError:
        raise SourceMalformed(f"{where}: {stated!r} is not a date") from None


def _counterparty(source: Element, *, is_credit: bool) -> str:
    who = "Dbtr" if is_credit else "Cdtr"
    return _first(source, f"RltdPties/{who}/Nm", f"RltdPties/{who}/Pty/Nm")


def _reference(source: Element) -> str:
    """The creditor's reference or the invoice that is named, else the end-to-end reference."""
    return _first(
        source,
        "RmtInf/Strd/CdtrRefInf/Ref",
        "RmtInf/Strd/RfrdDocInf/Nb",
        "Refs/EndToEndId",
    )


def _kind(entry: Element, *, is_credit: bool) -> str:
    if _text(entry, "RvslInd") == "true":
        return "bank_reversal"
    return "bank_credit" if is_credit else "bank_debit"


def _description(entry: Element, source: Element) -> str:
    texts = [element.text or "" for element in _find_all(source, "RmtInf/Ustrd")]
    texts += [_text(source, "AddtlTxInf"), _text(entry, "AddtlNtryInf")]
    return " ".join(dict.fromkeys(text for text in texts if text))


def _fee(source: Element, where: str) -> Decimal | None:
    total = _text(source, "Chrgs/TtlChrgsAndTaxAmt")
    listed = [total] if total else [_text(r, "Amt") for r in _find_all(source, "Chrgs/Rcrd")]
    amounts = [_decimal(text, where) for text in listed if text]
    return sum(amounts, Decimal(0)) if amounts else None
