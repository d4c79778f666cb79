from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.support import find_personal_data, mask_personal_data


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to jo.doe+x@mail.example.org.", "write to [email]."),
        ("card 4111 1111 1111 1111 was charged", "card [payment_card] was charged"),
        ("card 4111-1111-1111-1112 fails the check", "card 4111-1111-1111-1112 fails the check"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [iban] please"),
        ("call +49 30 901820 33 today", "call [phone] today"),
        ("call (555) 123-4567 today", "call [phone] today"),
        ("key sk-jobforge-abc123xyz leaked", "key [secret] leaked"),
        ("my password is hunter2!", "my [secret]"),
        ("the password is wrong", "the password is wrong"),
        ("Authorization: Bearer abc.def-123456", "Authorization: [secret]"),
        ("SSN 123-45-6789", "SSN [national_id]"),
        ("from 192.168.10.4 today", "from [ip_address] today"),
        ("version 1.2.3.4567 of it", "version 1.2.3.4567 of it"),
        ("I live at 12 Long Hill Road, Springfield", "I live at [address]"),
        ("Lange Straße 12, 10115 Berlin", "Lange [address]"),
        ("order 2026-01-15 10 came", "order 2026-01-15 10 came"),
        ("invoice 10042 of 3,500.00", "invoice 10042 of 3,500.00"),
    ],
)
def test_personal_data_is_masked_and_nothing_else(text: str, masked: str) -> None:
    assert mask_personal_data(text) == masked


def test_a_private_key_is_masked_as_a_whole() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----"

    assert mask_personal_data(f"here: {key} thanks") == "here: [secret] thanks"


@given(st.text(max_size=300))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = mask_personal_data(text)

    assert mask_personal_data(once) == once


@given(st.lists(st.sampled_from(["a@b.co", "4111111111111111", "+4930901820", " ", ", x"])))
def test_finds_are_in_order_and_do_not_overlap(parts: list[str]) -> None:
    found = find_personal_data(" ".join(parts))

    assert all(one.end <= other.start for one, other in pairwise(found))


def test_a_huge_text_is_searched_in_reasonable_time() -> None:
    found = find_personal_data("write a@b.co or 1 2 3 4 5 6 7 8 9 " * 5_000)

    assert len(found) >= 5_000
