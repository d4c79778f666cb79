"""Everything that can be done to a chain, and where it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.core.audit import (
    GENESIS_HASH,
    ChainedEntry,
    ChainEnd,
    ChainVerdict,
    ChainVerifier,
    chain_block,
    verify_chain,
)
from jobforge.testing.audit import (
    AT,
    TENANT_ID,
    checkpoint_at,
    make_chain,
    make_entry,
    rebuild,
    rehash,
)

OTHER_ID = UUID(int=2)

Rows = list[ChainedEntry]


def edited(row: ChainedEntry, **changes: Any) -> ChainedEntry:  # noqa: ANN401 (any field)
    return replace(row, **changes)


def outcome(verdict: ChainVerdict) -> tuple[int | None, str | None]:
    return verdict.first_bad, verdict.problem


ROWS = make_chain()


def test_an_untouched_chain_holds_and_says_where_it_ends() -> None:
    verdict = verify_chain(TENANT_ID, ROWS, [checkpoint_at(ROWS[3])], ChainEnd(6, ROWS[5].hash))

    assert verdict.is_intact
    assert (verdict.entries, verdict.last_seq, verdict.proven_until) == (6, 6, 4)
    assert verdict.last_hash == ROWS[5].hash.hex()


def test_an_empty_chain_holds() -> None:
    verdict = verify_chain(TENANT_ID, [], [], ChainEnd(0, GENESIS_HASH))

    assert verdict.is_intact
    assert verdict.last_hash == "0" * 64


def test_a_chain_may_be_appended_block_by_block() -> None:
    first = chain_block(GENESIS_HASH, 0, [make_entry(1), make_entry(2)])
    second = chain_block(first[-1].hash, 2, [make_entry(3)])

    assert [*first, *second] == make_chain(3)


EDITS: dict[str, dict[str, object]] = {
    "tenant": {"tenant_id": OTHER_ID},
    "time": {"at": AT},
    "actor": {"actor": "eve"},
    "event": {"event": "job.denied"},
    "subject": {"subject": "job:9"},
    "details": {"details": '{"number":4}'},
    "spelling of details": {"details": '{"number": 3}'},
    "details that are no JSON": {"details": "{"},
    "details with a lone surrogate": {"details": '{"number":"\ud800"}'},
    "hash": {"hash": bytes(32)},
    "previous hash": {"prev_hash": bytes(32)},
    "number": {"seq": 4},
    "number below zero": {"seq": -1},
}


@pytest.mark.parametrize("changes", EDITS.values(), ids=EDITS.keys())
def test_an_edit_of_any_stored_column_is_found_at_its_entry(changes: dict[str, object]) -> None:
    rows = [*ROWS[:2], edited(ROWS[2], **changes), *ROWS[3:]]

    verdict = verify_chain(TENANT_ID, rows)

    assert verdict.first_bad in (3, -1)
    assert verdict.entries == 2


Tamper = Callable[[Rows], Rows]

TAMPERED: dict[str, tuple[Tamper, int, str]] = {
    "edit": (lambda r: [*r[:2], edited(r[2], actor="eve"), *r[3:]], 3, "changed"),
    "edit with its own hash made anew": (
        lambda r: [*r[:2], rehash(edited(r[2], actor="eve")), *r[3:]],
        3,
        "replaced",
    ),
    "first entry edited with its hash": (
        lambda r: [rehash(edited(r[0], actor="eve")), *r[1:]],
        1,
        "replaced",
    ),
    "deletion": (lambda r: [*r[:2], *r[3:]], 3, "missing"),
    "deletion of several": (lambda r: [*r[:1], *r[4:]], 2, "missing"),
    "deletion of the first": (lambda r: r[1:], 1, "missing"),
    "deletion with the rest numbered anew": (
        lambda r: [*r[:2], *(edited(row, seq=row.seq - 1) for row in r[3:])],
        3,
        "changed",
    ),
    "insertion of a copy": (lambda r: [*r[:3], r[2], *r[3:]], 3, "inserted"),
    "insertion with the rest numbered anew": (
        lambda r: [
            *r[:3],
            rehash(edited(r[0], seq=4), r[2].hash),
            *(edited(row, seq=row.seq + 1) for row in r[3:]),
        ],
        5,
        "changed",
    ),
    "two lines exchanged": (lambda r: [*r[:2], r[3], r[2], *r[4:]], 3, "missing"),
    "two numbers exchanged": (
        lambda r: [*r[:2], edited(r[3], seq=3), edited(r[2], seq=4), *r[4:]],
        3,
        "changed",
    ),
    "an entry of another tenant": (
        lambda r: [*r[:2], make_chain(6, OTHER_ID)[2], *r[3:]],
        3,
        "foreign",
    ),
    "a second chain put in the middle": (
        lambda r: [*r[:3], *rebuild([edited(row, actor="eve") for row in r], 0)[3:]],
        3,
        "replaced",
    ),
}


@pytest.mark.parametrize(("tamper", "first_bad", "problem"), TAMPERED.values(), ids=TAMPERED.keys())
def test_tampering_is_found_at_the_first_bad_entry(
    tamper: Tamper, first_bad: int, problem: str
) -> None:
    assert outcome(verify_chain(TENANT_ID, tamper(ROWS))) == (first_bad, problem)


def test_a_cut_tail_shows_by_a_checkpoint() -> None:
    assert verify_chain(TENANT_ID, ROWS[:3]).is_intact
    assert outcome(verify_chain(TENANT_ID, ROWS[:3], [checkpoint_at(ROWS[4])])) == (4, "truncated")
    assert outcome(verify_chain(TENANT_ID, [], [checkpoint_at(ROWS[4])])) == (1, "truncated")


def test_a_cut_tail_shows_by_the_chains_head() -> None:
    assert outcome(verify_chain(TENANT_ID, ROWS[:3], [], ChainEnd(6, ROWS[5].hash))) == (
        4,
        "truncated",
    )


def test_an_entry_behind_the_chains_head_was_not_written_by_us() -> None:
    assert outcome(verify_chain(TENANT_ID, ROWS, [], ChainEnd(5, ROWS[4].hash))) == (6, "inserted")


def test_the_last_entry_is_held_against_the_chains_head() -> None:
    rows = [*ROWS[:5], rehash(edited(ROWS[5], actor="eve"))]

    assert outcome(verify_chain(TENANT_ID, rows, [], ChainEnd(6, ROWS[5].hash))) == (6, "replaced")


@pytest.mark.parametrize("start", [0, 2, 4])
def test_a_chain_written_anew_shows_at_the_next_checkpoint(start: int) -> None:
    forged = rebuild([edited(row, actor="eve") for row in ROWS], start)
    assert verify_chain(TENANT_ID, [*ROWS[:start], *forged[start:]]).is_intact

    verdict = verify_chain(
        TENANT_ID,
        [*ROWS[:start], *forged[start:]],
        [checkpoint_at(ROWS[1]), checkpoint_at(ROWS[4])],
    )

    assert outcome(verdict) == ((2 if start == 0 else 5), "rebuilt")
    assert verdict.proven_until == (0 if start == 0 else 2)


def test_an_entry_after_a_proven_one_that_does_not_follow_is_the_bad_one() -> None:
    rows = [*ROWS[:3], rehash(ROWS[3], bytes(32)), *ROWS[4:]]

    assert outcome(verify_chain(TENANT_ID, rows)) == (3, "replaced")
    assert outcome(verify_chain(TENANT_ID, rows, [checkpoint_at(ROWS[2])])) == (4, "unlinked")


def test_a_verdict_says_in_words_where_to_look() -> None:
    rebuilt = [*ROWS[:2], *rebuild([edited(row, actor="eve") for row in ROWS], 2)[2:]]
    signed = [checkpoint_at(ROWS[1]), checkpoint_at(ROWS[4])]
    verdicts = [
        verify_chain(TENANT_ID, [*ROWS[:1], *ROWS[4:]]),
        verify_chain(TENANT_ID, rebuilt, signed),
        verify_chain(TENANT_ID, ROWS, [], ChainEnd(4, ROWS[3].hash)),
    ]

    assert [verdict.message for verdict in verdicts] == [
        "entries 2 to 4 are missing",
        "entry 5 is not the one that was signed: "
        "the chain was written anew between entries 3 and 5",
        "entry 5 lies behind the chain's head",
    ]


def test_two_checkpoints_that_disagree_cannot_both_hold() -> None:
    other = checkpoint_at(ROWS[3]).model_copy(update={"hash": "0" * 64})

    assert outcome(verify_chain(TENANT_ID, ROWS, [checkpoint_at(ROWS[3]), other])) == (4, "rebuilt")


def test_a_pruned_chain_starts_after_its_signed_pruning() -> None:
    pruning = checkpoint_at(ROWS[2], is_pruning=True)

    verdict = verify_chain(
        TENANT_ID, ROWS[3:], [checkpoint_at(ROWS[0]), pruning, checkpoint_at(ROWS[4])]
    )

    assert verdict.is_intact
    assert (verdict.entries, verdict.last_seq, verdict.proven_until) == (3, 6, 5)


def test_a_pruning_excuses_no_gap_after_entries_that_are_still_there() -> None:
    rows = [ROWS[0], *ROWS[3:]]

    verdict = verify_chain(TENANT_ID, rows, [checkpoint_at(ROWS[2], is_pruning=True)])

    assert outcome(verdict) == (2, "missing")


def test_a_pruning_does_not_excuse_more_than_was_pruned() -> None:
    pruning = checkpoint_at(ROWS[2], is_pruning=True)
    forged = rehash(edited(ROWS[3], prev_hash=bytes(32)))

    assert outcome(verify_chain(TENANT_ID, ROWS[4:], [pruning])) == (1, "missing")
    assert outcome(verify_chain(TENANT_ID, [forged], [pruning])) == (4, "unlinked")
    assert outcome(verify_chain(TENANT_ID, ROWS[3:])) == (1, "missing")


def test_a_chain_that_was_pruned_to_its_end_is_empty_and_holds() -> None:
    pruning = checkpoint_at(ROWS[5], is_pruning=True)

    assert verify_chain(TENANT_ID, [], [pruning], ChainEnd(6, ROWS[5].hash)).is_intact


def test_a_chain_that_is_pruned_only_on_paper_still_holds() -> None:
    assert verify_chain(TENANT_ID, ROWS, [checkpoint_at(ROWS[2], is_pruning=True)]).is_intact


def test_checkpoints_of_another_tenant_say_nothing_about_this_chain() -> None:
    foreign = checkpoint_at(ROWS[4]).model_copy(update={"tenant_id": OTHER_ID})

    assert verify_chain(TENANT_ID, ROWS[:3], [foreign]).is_intact


def test_after_the_first_bad_entry_nothing_more_is_looked_at() -> None:
    verifier = ChainVerifier(TENANT_ID)

    assert [verifier.add(row) for row in [ROWS[0], ROWS[2], ROWS[1]]] == [True, False, False]
    assert verifier.finish().first_bad == 2
    assert verifier.finish().entries == 1


@given(st.data())
def test_no_edit_of_one_field_of_one_entry_goes_unnoticed(data: st.DataObject) -> None:
    index = data.draw(st.integers(0, 5))
    name = data.draw(st.sampled_from(["actor", "event", "subject"]))
    value = data.draw(st.text(max_size=5).filter(lambda text: text != getattr(ROWS[index], name)))
    rows = [*ROWS[:index], edited(ROWS[index], **{name: value}), *ROWS[index + 1 :]]

    assert outcome(verify_chain(TENANT_ID, rows)) == (index + 1, "changed")


@given(order=st.permutations(range(6)))
def test_no_other_order_of_the_entries_holds(order: list[int]) -> None:
    verdict = verify_chain(TENANT_ID, [ROWS[index] for index in order])

    assert verdict.is_intact == (order == sorted(order))


@given(kept=st.sets(st.integers(0, 5)))
def test_of_all_subsets_only_the_chain_itself_holds_with_its_head(kept: set[int]) -> None:
    rows = [ROWS[index] for index in sorted(kept)]

    verdict = verify_chain(TENANT_ID, rows, [], ChainEnd(6, ROWS[5].hash))

    assert verdict.is_intact == (len(kept) == 6)
    if not verdict.is_intact:
        assert verdict.first_bad == min(set(range(6)) - kept) + 1
