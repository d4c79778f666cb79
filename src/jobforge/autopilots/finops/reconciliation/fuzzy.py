"""Third pass: references that were garbled, moved into the description or left out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from jobforge.autopilots.finops.reconciliation.bare import match_amount_and_day
from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.ledger import Side
from jobforge.autopilots.finops.reconciliation.likeness import match_likeness, normal_form
from jobforge.autopilots.finops.reconciliation.rules import settle_group
from jobforge.autopilots.finops.reconciliation.schemes import Orphans

MIN_NAMED = 4
"""A shorter word of a description is too likely to be something else."""
_TOKEN = re.compile(r"[^\W_][\w/.#-]*")


def match_fuzzy(board: Board) -> None:
    """Match on the spelling, then on words of the description, on likeness, on amount and day."""
    _match_spelling(board)
    _match_description(board)
    orphans = Orphans(board)
    match_likeness(board, orphans)
    match_amount_and_day(board, orphans)


def _match_spelling(board: Board) -> None:
    right = _by_normal_form(board.actual, board.open_actual())
    for form, positions in _by_normal_form(board.expected, board.open_expected()).items():
        if form in right:
            settle_group(board, positions, right[form])


def _by_normal_form(side: Side, positions: Iterable[int]) -> dict[str, list[int]]:
    forms: defaultdict[str, list[int]] = defaultdict(list)
    for index in positions:
        if side.references[index]:
            forms[normal_form(side.references[index])].append(index)
    return forms


def _match_description(board: Board) -> None:
    """A bank statement names the invoices it pays in its text, one or several."""
    left = {
        form: positions
        for form, positions in _by_normal_form(board.expected, board.open_expected()).items()
        if len(form) >= MIN_NAMED and any(char.isdigit() for char in form)
    }
    for j in board.open_actual():
        named = _named_in(board.actual.text(j, "description"), left)
        still_open = [i for i in named if board.expected_partner[i] < 0]
        if still_open:
            settle_group(board, still_open, [j])


def _named_in(text: str, forms: dict[str, list[int]]) -> list[int]:
    tokens = dict.fromkeys(normal_form(token) for token in _TOKEN.findall(text))
    return [index for token in tokens for index in forms.get(token, ())]
