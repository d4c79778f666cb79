"""Fuzzy entity matching: which records of two tables mean the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobforge.autopilots.finops.matching.matcher import RecordMatch


def match_records(
    left: Sequence[Mapping[str, Any]],
    right: Sequence[Mapping[str, Any]],
    *,
    pairs: Sequence[tuple[Any, Any]] | None = None,
    examples: Sequence[tuple[Any, Any, bool]] = (),
) -> list[RecordMatch]:
    """Find the pairs of records that mean the same thing, surest first.

    Records are mappings with an `id`; the other columns are compared where both tables have them.
    Give the whole tables where you can: rare words and rivals are judged by them.

    Args:
        left: the first table.
        right: the second one.
        pairs: candidate pairs of ids; None takes the ten nearest of each left record.
        examples: known pairs with whether they match, at least ten of each kind. Without any,
            pairs are told apart by likeness alone, which is much weaker.

    Returns:
        The matches only: `probability` is 0.5 and more, where 0.5 is the threshold that serves
        F1 best on the examples.

    Raises:
        InvalidInput: an empty table, a missing or repeated id, or a pair of unknown records.
    """
    from jobforge.autopilots.finops.matching.matcher import match_pairs

    return match_pairs(left, right, pairs=pairs, examples=examples)
