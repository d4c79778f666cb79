"""Named queries: each has a name, a purpose and a text, or the module does not load."""

from __future__ import annotations

import pytest

from jobforge.adapters.postgres.queries import Queries

_TEXT = """\
-- name: find_one
-- The one of an id.
SELECT id
FROM things  -- a remark of its own
WHERE id = $1;

-- name: count
-- How many there are.
SELECT count(*) FROM things;
"""


def test_a_query_is_an_attribute_and_carries_its_name_and_purpose() -> None:
    queries = Queries("things.sql", _TEXT)

    assert queries.count == "-- count: How many there are.\nSELECT count(*) FROM things"
    assert queries.find_one.endswith("FROM things  -- a remark of its own\nWHERE id = $1")


def test_queries_can_be_listed_and_looked_up() -> None:
    queries = Queries("things.sql", _TEXT)

    assert list(queries) == ["find_one", "count"]
    assert queries["count"] == queries.count


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    queries = Queries("things.sql", _TEXT)

    with pytest.raises(AttributeError, match=r"no query find_two in things\.sql; there are count"):
        _ = queries.find_two


@pytest.mark.parametrize(
    "text",
    [
        "-- name: nameless_purpose\nSELECT 1;\n",
        "SELECT 1;\n-- name: one\n-- One.\nSELECT 1;\n",
        "-- name: Bad Name\n-- One.\nSELECT 1;\n",
        "-- name: one\n-- One.\nSELECT 1;\n-- name: one\n-- Again.\nSELECT 2;\n",
        "-- name: nothing\n-- Does nothing.\n;\n",
        "-- name: one\n-- One.\nSELECT 1;\n-- name:two\nSELECT 2;\n",
    ],
    ids=["no purpose", "no name", "bad name", "used twice", "no text", "second has no purpose"],
)
def test_a_file_that_breaks_the_form_does_not_load(text: str) -> None:
    with pytest.raises(ValueError, match=r"things\.sql"):
        Queries("things.sql", text)
