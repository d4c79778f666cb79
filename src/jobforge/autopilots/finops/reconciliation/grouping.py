"""Fourth pass: one payment for several invoices, or several payments for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.explain import explain, report_verdict
from jobforge.autopilots.finops.reconciliation.ledger import Side

MIN_PARTS = 2
MAX_PARTS = 8
MAX_CANDIDATES = 18
LOOK_BACK_DAYS = 35
"""A batch is paid at the latest a month and a few days after its first invoice."""


def match_sums(board: Board) -> None:
    """Find sets of open records that add up to one record of the other side, exactly."""
    _match_one_side(board, whole=board.actual, parts=board.expected)
    _match_one_side(board, whole=board.expected, parts=board.actual)


def _match_one_side(board: Board, *, whole: Side, parts: Side) -> None:
    wholes = board.open_actual() if whole is board.actual else board.open_expected()
    pool = board.open_expected() if whole is board.actual else board.open_actual()
    blocks: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for index in pool:
        blocks[parts.customers[index], parts.currencies[index]].append(index)
    for index in sorted(wholes, key=lambda k: (-abs(int(whole.units[k])), whole.ids[k])):
        candidates = _near(board, whole, parts, index, blocks)
        solution = _find_subset(
            [int(parts.units[k]) for k in candidates], int(whole.units[index]), parts.scale
        )
        if solution is not None:
            _close(board, whole, index, [candidates[k] for k in solution.members], solution)


def _near(
    board: Board,
    whole: Side,
    parts: Side,
    index: int,
    blocks: dict[tuple[str, str], list[int]],
) -> list[int]:
    """Open parts of the same customer and currency, smaller than the whole, nearest first."""
    target, day = int(whole.units[index]), int(whole.days[index])
    partner = board.expected_partner if parts is board.expected else board.actual_partner
    block = blocks.get((whole.customers[index], whole.currencies[index]), [])
    fitting = [
        k
        for k in block
        if partner[k] < 0
        and 0 < int(parts.units[k]) * (1 if target > 0 else -1) < abs(target)
        and abs(int(parts.days[k]) - day) <= LOOK_BACK_DAYS
    ]
    fitting.sort(key=lambda k: (abs(int(parts.days[k]) - day), parts.ids[k]))
    return fitting[:MAX_CANDIDATES]


@dataclass(frozen=True, slots=True)
class Subset:
    """A set of parts that adds up; `accidental` is how many such sets chance alone would give."""

    members: tuple[int, ...]
    accidental: float


def _find_subset(parts: Sequence[int], target: int, scale: int) -> Subset | None:
    """The smallest set that adds up to `target`, nearest days first; None if there is none.

    It meets in the middle, so 18 candidates cost twice 512 sums rather than 262,144. A set that
    chance explains as well (more than one accidental hit expected) is refused.
    """
    if len(parts) < MIN_PARTS:
        return None
    half = len(parts) // 2
    right = _sums(parts[half:], offset=half)
    best: tuple[int, ...] | None = None
    for members, total in _subsets(parts[:half], offset=0):
        rest = right.get(target - total)
        if rest is not None and MIN_PARTS <= len(members) + len(rest) <= MAX_PARTS:
            found = members + rest
            if best is None or (len(found), found) < (len(best), best):
                best = found
    if best is None:
        return None
    accidental = _accidental_hits(parts, target, scale, len(best))
    return Subset(best, accidental) if accidental < 1 else None


def _subsets(parts: Sequence[int], *, offset: int) -> Iterable[tuple[tuple[int, ...], int]]:
    found: list[tuple[tuple[int, ...], int]] = [((), 0)]
    for position, value in enumerate(parts, start=offset):
        found += [((*members, position), total + value) for members, total in found]
    return found


def _sums(parts: Sequence[int], *, offset: int) -> dict[int, tuple[int, ...]]:
    sums: dict[int, tuple[int, ...]] = {}
    for members, total in _subsets(parts, offset=offset):
        known = sums.get(total)
        if known is None or (len(members), members) < (len(known), known):
            sums[total] = members
    return sums


def _accidental_hits(parts: Sequence[int], target: int, scale: int, size: int) -> float:
    """Sets up to this size, spread evenly over the reachable sums in hundredths."""
    count, sets = 1, 0
    for k in range(1, size + 1):
        count = count * (len(parts) - k + 1) // k
        sets += count
    hundredths = abs(target) / float(10 ** max(0, scale - 2))
    return sets / max(1.0, hundredths)


def _close(board: Board, whole: Side, index: int, parts: list[int], subset: Subset) -> None:
    is_actual = whole is board.actual
    left, right = (parts, [index]) if is_actual else ([index], parts)
    confidence = 1 / (1 + subset.accidental)
    board.match(left, right, "many_to_one", confidence)
    verdict = explain(board, left, right)
    report_verdict(board, left, right, verdict=verdict, confidence=confidence)
