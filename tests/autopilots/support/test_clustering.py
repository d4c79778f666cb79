from __future__ import annotations

import pytest

from jobforge.autopilots.support import cluster_tickets
from jobforge.autopilots.support.starter_tickets import STARTER_TICKETS
from jobforge.core.errors import InvalidInput

KINDS = ("orders_delivery", "account_access", "praise")
TEXTS = [text for kind in KINDS for text in STARTER_TICKETS[kind]]
TRUTH = [place for place, kind in enumerate(KINDS) for _ in STARTER_TICKETS[kind]]


def purity(groups: list[int]) -> float:
    pairs = list(zip(groups, TRUTH, strict=True))
    best = sum(max(pairs.count((g, t)) for t in set(TRUTH)) for g in set(groups))
    return best / len(TRUTH)


def test_texts_of_one_matter_come_into_one_group() -> None:
    groups = cluster_tickets(TEXTS, k=3, vectors="static")

    assert sorted(set(groups)) == [0, 1, 2]
    assert purity(groups) >= 0.8


def test_without_k_a_sensible_number_is_found() -> None:
    groups = cluster_tickets(TEXTS, vectors="static")

    assert 2 <= len(set(groups)) <= 8
    assert purity(groups) >= 0.8


def test_the_same_texts_give_the_same_groups() -> None:
    assert cluster_tickets(TEXTS, k=4, vectors="static") == cluster_tickets(
        TEXTS, k=4, vectors="static"
    )


@pytest.mark.parametrize(
    ("texts", "k", "groups"),
    [
        ([], None, []),
        (["a"], None, [0]),
        (["a", "b", "c"], 1, [0, 0, 0]),
        (["a", "b", "c"], 3, [0, 1, 2]),
        (["a", "b"], 5, [0, 1]),
    ],
)
def test_small_inputs_are_settled_without_a_graph(
    texts: list[str], k: int | None, groups: list[int]
) -> None:
    assert cluster_tickets(texts, k=k) == groups


def test_texts_without_any_word_are_grouped_without_a_fault() -> None:
    assert len(cluster_tickets(["", "", "?", "a", "b", "c", ""], k=2, vectors="static")) == 7


def test_no_group_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput):
        cluster_tickets(["a"], k=0)
