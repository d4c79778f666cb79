"""What a scan splits the cost by: the whole, accounts, services, regions, or any tag."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

GroupBy = Annotated[
    str, Field(pattern='^(total|account|service|region|team|feature|tag:[^"\\\\]{1,128})$')
]
"""`team` and `feature` are the tags of these names; `tag:NAME` is any other."""
ALL = "(all)"
UNTAGGED = "(untagged)"
_COLUMN = {"service": "ServiceName", "region": "RegionId"}
_SHORT = ("team", "feature")


def column_of(group: str) -> str:
    """The column that holds the group's values once `grouped` has been through the rows."""
    return _COLUMN.get(group, group)


def tag_of(group: str) -> str | None:
    """The tag that the group is read from, if it is one."""
    if group in _SHORT:
        return group
    prefix, _, name = group.partition(":")
    return name if prefix == "tag" and name else None


def tags_of(groups: Iterable[str]) -> tuple[str, ...]:
    """The tags that these groups need, each once."""
    return tuple(dict.fromkeys(tag for group in groups if (tag := tag_of(group))))


def grouped(rows: Iterable[Row], group: str) -> Iterator[Row]:
    """The rows with the group's value in its column; `total` and `account` have one value.

    A row without the tag counts as untagged. A row that already has a column of the tag's name (a
    file that was summed has) keeps it.

    Raises:
        SourceMalformed: tags that are not JSON.
    """
    tag = tag_of(group)
    for row in rows:
        if group == "total":
            account = row.get("SubAccountId") or row.get("BillingAccountId")
            yield {**row, "Account": account, "SubAccountId": ALL, group: ALL}
        elif group == "account":
            yield {**row, group: ALL}
        elif tag is not None:
            value = row[tag] if tag in row else read_tags(row.get("Tags")).get(tag)
            yield {**row, group: UNTAGGED if value in (None, "") else value}
        else:
            yield row


def read_tags(tags: object) -> Mapping[str, Any]:
    """A row's tags, as an object or as its JSON text; empty where there are none.

    Raises:
        SourceMalformed: a text that is not JSON.
    """
    found = tags
    if isinstance(tags, str) and tags.startswith("{"):
        try:
            found = json.loads(tags)
        except ValueError:
            raise SourceMalformed(f"Tags is not JSON: {tags[:80]}") from None
    return found if isinstance(found, Mapping) else {}
