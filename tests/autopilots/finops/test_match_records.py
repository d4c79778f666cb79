"""The public `match_records`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jobforge.autopilots.finops import match_records
from jobforge.core.errors import InvalidInput

BRANDS = ("acme", "globex", "initech", "umbrella", "hooli", "vandelay")
THINGS = ("router", "keyboard", "monitor", "printer", "scanner", "speaker", "camera", "charger")


def catalogues(count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Two shops with the same goods, worded differently; ids agree by number."""
    draw = np.random.default_rng(7)
    left, right = [], []
    for n in range(count):
        brand, thing = str(draw.choice(BRANDS)), str(draw.choice(THINGS))
        model = 1000 + 7 * n
        price = int(draw.integers(20, 900))
        left.append({"id": n, "title": f"{brand} {thing} mk {model}", "price": f"{price}.00"})
        words = [
            thing.upper(),
            f"{model}",
            "by",
            brand,
            str(draw.choice(("new", "boxed", "retail"))),
        ]
        right.append({"id": f"r{n}", "title": " ".join(words), "price": f"${price - 1}.99"})
    return left, right


def test_it_learns_from_examples_which_pairs_match() -> None:
    left, right = catalogues(80)
    examples = [(n, f"r{n}", True) for n in range(40)]
    examples += [(n, f"r{(n + 3) % 40}", False) for n in range(40)]
    pairs = [(n, f"r{m}") for n in range(40, 80) for m in (n, 40 + (n + 5) % 40)]

    found = match_records(left, right, pairs=pairs, examples=examples)

    right_ones = sum(match.right_id == f"r{match.left_id}" for match in found)
    assert right_ones >= 38
    assert len(found) - right_ones <= 2
    assert [m.probability for m in found] == sorted((m.probability for m in found), reverse=True)
    assert all(0.5 <= m.probability <= 1 for m in found)


def test_without_pairs_it_proposes_its_own_and_finds_the_likely_ones() -> None:
    left, right = catalogues(40)

    found = match_records(left, right)

    right_ones = {m.left_id for m in found if m.right_id == f"r{m.left_id}"}
    assert len(right_ones) >= 25


@pytest.mark.parametrize(
    ("left", "right", "pairs", "message"),
    [
        ([], [{"id": 1}], None, "the left table is empty"),
        ([{"id": 1}, {"id": 1}], [{"id": 1}], None, "more than once"),
        ([{"title": "x"}], [{"id": 1}], None, "has no id"),
        ([{"id": 1}], [{"id": 2}], [(1, 3)], "a record that is not there"),
    ],
)
def test_tables_that_cannot_be_matched_are_refused(
    left: list[dict[str, Any]],
    right: list[dict[str, Any]],
    pairs: list[tuple[Any, Any]] | None,
    message: str,
) -> None:
    with pytest.raises(InvalidInput, match=message):
        match_records(left, right, pairs=pairs)


def test_a_handful_of_examples_is_too_few() -> None:
    left, right = catalogues(5)

    with pytest.raises(InvalidInput, match="at least 10 of each kind"):
        match_records(left, right, pairs=[(0, "r0")], examples=[(0, "r0", True)])
