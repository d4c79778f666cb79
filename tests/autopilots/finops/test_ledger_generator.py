"""Reconciliation quality on generated ledgers with known breaks."""

from __future__ import annotations

import numpy as np
import pytest
from tests.autopilots.finops.records import record

from jobforge.autopilots.finops import reconcile
from jobforge.autopilots.finops.reconciliation.generator import (
    GeneratedLedgers,
    generate_ledgers,
    score_reconciliation,
)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_breaks_are_found_and_classed_and_totals_are_exact(seed: int) -> None:
    truth = generate_ledgers(6_000, seed=seed)

    found = reconcile(truth.expected, truth.actual, fx_rates=truth.fx_rates)

    score = score_reconciliation(truth, found)
    assert score.precision >= 0.99
    assert score.recall >= 0.97
    assert score.match_precision >= 0.99
    assert score.match_recall >= 0.97
    assert score.totals_exact


def test_a_reference_that_was_misspelt_into_a_neighbours_still_finds_its_own() -> None:
    neighbour = record("INV-1012", "50.00", customer="globex")
    misspelt = record("p2", "70.00", reference="INV-1012")

    found = reconcile(
        [record("INV-1021", "70.00"), neighbour],
        [record("p1", "50.00", reference="INV-1012", customer="globex"), misspelt],
    )

    pairs = {(m.expected_ids, m.actual_ids) for m in found.matches}
    assert pairs == {(("INV-1012",), ("p1",)), (("INV-1021",), ("p2",))}
    assert found.differences == ()


def test_the_order_of_the_records_changes_nothing_in_a_large_ledger() -> None:
    truth = generate_ledgers(3_000, seed=5, broken=0.4)
    shuffled = GeneratedLedgers(list(truth.expected), list(truth.actual))
    np.random.default_rng(1).shuffle(shuffled.expected)
    np.random.default_rng(2).shuffle(shuffled.actual)

    plain = reconcile(truth.expected, truth.actual, fx_rates=truth.fx_rates)
    again = reconcile(shuffled.expected, shuffled.actual, fx_rates=truth.fx_rates)

    assert again.differences == plain.differences
    assert again.matches == plain.matches
    assert again.control_totals == plain.control_totals
    assert again.tolerated == plain.tolerated
