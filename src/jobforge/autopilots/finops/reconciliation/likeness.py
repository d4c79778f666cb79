"""Pairs that are merely alike: similar references, the same customer, amount and days."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from jobforge.autopilots.finops.reconciliation.board import Board
from jobforge.autopilots.finops.reconciliation.exact import report_shift
from jobforge.autopilots.finops.reconciliation.explain import Verdict, explain, report_verdict
from jobforge.autopilots.finops.reconciliation.ledger import Side
from jobforge.autopilots.finops.reconciliation.schemes import Orphans

MIN_SIMILARITY = 0.7
SURE_SIMILARITY = 0.8
MAX_BLOCK = 400
PROBES = 2_000
_NOISE = re.compile(r"[\W_]+")


def normal_form(text: str) -> str:
    """Case, punctuation and leading zeros of digit groups do not distinguish references."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", _NOISE.sub("", text.casefold()))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible pair; `similarity` of the references is None where one has none."""

    left: int
    right: int
    ranks: tuple[int, int]
    similarity: float | None
    same_customer: bool
    day_gap: int
    verdict: Verdict | None

    @property
    def is_amount_settled(self) -> bool:
        """Whether the amounts agree, or something says why they do not."""
        return self.verdict is None or self.verdict.kind not in ("amount", "currency")

    @property
    def rank(self) -> tuple[bool, float, bool, int, tuple[int, int]]:
        """Sorts the best first."""
        return (
            not self.is_amount_settled,
            -(self.similarity if self.similarity is not None else 0.5),
            not self.same_customer,
            self.day_gap,
            self.ranks,
        )


def match_likeness(board: Board, orphans: Orphans) -> None:
    """Match the open records that are alike, the best pairs first."""
    left, right = board.open_expected(), board.open_actual()
    if not left or not right:
        return
    chances = _chance_similarities(board, left, right)
    found = sorted(_candidates(board, left, right, orphans), key=lambda c: c.rank)
    for candidate in found:
        i, j = candidate.left, candidate.right
        if board.expected_partner[i] < 0 and board.actual_partner[j] < 0:
            confidence = _confidence(board, candidate, chances)
            board.match([i], [j], "fuzzy", confidence)
            verdict = candidate.verdict
            report_verdict(board, [i], [j], verdict=verdict, confidence=confidence)
            report_shift(board, i, j, confidence)


def _candidates(
    board: Board, left: list[int], right: list[int], orphans: Orphans
) -> Iterator[Candidate]:
    by_customer, by_amount = _blocks(board.actual, right)
    for i in left:
        customer, key = board.expected.customers[i], _amount_key(board.expected, i)
        near = dict.fromkeys(by_amount.get(key, ())[:MAX_BLOCK])
        if customer:
            near.update(dict.fromkeys(by_customer.get(customer, ())[:MAX_BLOCK]))
        for j in near:
            candidate = _weigh(board, i, j, orphans)
            if candidate is not None:
                yield candidate


def _amount_key(side: Side, index: int) -> Hashable:
    return side.currencies[index], int(side.units[index])


def _blocks(
    side: Side, positions: list[int]
) -> tuple[dict[str, list[int]], dict[Hashable, list[int]]]:
    by_customer: defaultdict[str, list[int]] = defaultdict(list)
    by_amount: defaultdict[Hashable, list[int]] = defaultdict(list)
    for j in positions:
        by_amount[_amount_key(side, j)].append(j)
        if side.customers[j]:
            by_customer[side.customers[j]].append(j)
    return by_customer, by_amount


def _similarity(left: str, right: str) -> float | None:
    if not left or not right:
        return None
    return OSA.normalized_similarity(normal_form(left), normal_form(right))


def _weigh(board: Board, i: int, j: int, orphans: Orphans) -> Candidate | None:
    """The pair as a candidate, or None where the evidence is too thin."""
    expected, actual = board.expected, board.actual
    if (expected.units[i] >= 0) != (actual.units[j] >= 0) or not orphans.are(board, i, j):
        return None
    customers = (expected.customers[i], actual.customers[j])
    same_customer = customers[0] == customers[1] and bool(customers[0])
    if not same_customer and all(customers) and not _alike(*customers):
        return None
    similarity = _similarity(expected.references[i], actual.references[j])
    if similarity is not None and similarity < MIN_SIMILARITY:
        same_customer &= not orphans.is_shared_scheme
        similarity = None
    if similarity is None and not same_customer:
        return None
    gap = abs(int(actual.days[j] - expected.days[i]))
    verdict = explain(board, [i], [j])
    ranks = int(expected.rank[i]), int(actual.rank[j])
    candidate = Candidate(i, j, ranks, similarity, same_customer, gap, verdict)
    return candidate if _is_enough(board, candidate) else None


def _alike(left: str, right: str) -> bool:
    return OSA.normalized_similarity(left.casefold(), right.casefold()) >= MIN_SIMILARITY


def _is_enough(board: Board, candidate: Candidate) -> bool:
    """A similar reference with a settled amount; or customer, days and amount together."""
    near = candidate.day_gap <= board.tolerance.days
    if candidate.similarity is not None:
        if candidate.is_amount_settled:
            return near or (candidate.same_customer and candidate.verdict is None)
        return candidate.same_customer and near and candidate.similarity >= SURE_SIMILARITY
    return candidate.same_customer and near and candidate.is_amount_settled


def _chance_similarities(board: Board, left: list[int], right: list[int]) -> list[float]:
    """Similarities of arbitrary pairs, ascending: what likeness is worth among these references."""
    first = [board.expected.references[i] for i in left if board.expected.references[i]]
    second = [board.actual.references[j] for j in right if board.actual.references[j]]
    if not first or not second:
        return []
    pairs = ((first[n % len(first)], second[(n * 7919 + 13) % len(second)]) for n in range(PROBES))
    return sorted(OSA.normalized_similarity(normal_form(a), normal_form(b)) for a, b in pairs)


def _confidence(board: Board, candidate: Candidate, chances: list[float]) -> float:
    reference = None
    if candidate.similarity is not None:
        as_similar = len(chances) - bisect_left(chances, candidate.similarity)
        reference = (as_similar + 1) / (len(chances) + 1)
    return board.chance.confidence(
        reference=reference,
        amount=candidate.is_amount_settled,
        customer=candidate.same_customer,
        date=candidate.day_gap <= board.tolerance.days,
    )
