"""A payload that does not fit names the place in the document as it was sent."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import field_validator
from tests.application import echo, make_type

from jobforge.core.errors import PayloadInvalid
from jobforge.core.model import Model


class File(Model):
    path: str


class Dataset(Model):
    dataset: str


class Payload(Model):
    source: File | Dataset | list[File]
    mode: Literal["a", "b"] = "a"
    name: str = "n"

    @field_validator("name")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value) > 3:
            raise ValueError("the name is too long")
        return value


TYPE = make_type("places", echo, payload=Payload)


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        ({"source": {"path": 1}}, "/source/path"),
        ({"source": {}}, "/source/path"),
        ({"source": [{"path": "a"}, {"path": 2}]}, "/source"),
        ({"source": {"path": "a"}, "mode": "c"}, "/mode"),
        ({"source": {"path": "a"}, "x/y": 1}, "/x~1y"),
        ({}, "/source"),
    ],
)
def test_the_pointer_leads_to_the_fault(payload: dict[str, object], pointer: str) -> None:
    with pytest.raises(PayloadInvalid) as caught:
        TYPE.parse_payload(payload)

    assert caught.value.pointer == pointer


def test_the_message_is_the_rule_and_nothing_else() -> None:
    with pytest.raises(PayloadInvalid, match=r"^the name is too long$"):
        TYPE.parse_payload({"source": {"path": "a"}, "name": "long"})
