"""Files that a command writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from jobforge.core.errors import InvalidInput


@contextmanager
def open_to_write(path: Path) -> Iterator[BinaryIO]:
    """The file, to write into.

    Raises:
        InvalidInput: it cannot be written.
    """
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}") from None
