"""How every list is shown, and every removal said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from jobforge.entrypoints.cli.session import new_table, out, print_json

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A table for people and an array for `--json`.

    `to_row` gives a row's cells, one for each heading; `if_empty` is what is said where nothing
    is found: the command to add the first.
    """

    headings: tuple[str, ...]
    to_row: Callable[[T], tuple[str, ...]]
    to_json: Callable[[T], object]
    if_empty: str

    def show(self, found: Sequence[T], *, as_json: bool) -> int:
        """Show them; the exit code."""
        if as_json:
            print_json([self.to_json(item) for item in found])
            return 0
        table = new_table(*self.headings)
        for item in found:
            table.add_row(*self.to_row(item))
        out.print(table if found else self.if_empty)
        return 0


def show_removed(name: str, *, as_json: bool) -> int:
    """Say that it is gone; the exit code."""
    if as_json:
        print_json({"name": name, "removed": True})
    else:
        out.print(f"Removed {name}", markup=False)
    return 0
