"""One file for a model: named arrays and a JSON header, in a zip, never pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobforge.core.errors import SourceMalformed

Arrays = dict[str, NDArray[Any]]
_HEADER = "header"


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> None:
    """Write arrays and header; the path is taken as given, no ending is added."""
    encoded = np.frombuffer(json.dumps(header, ensure_ascii=False).encode(), dtype=np.uint8)
    with Path(path).open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{_HEADER: encoded}, **arrays)


def load_arrays(path: Path, *, kind: str) -> tuple[Arrays, dict[str, Any]]:
    """Read what `save_arrays` wrote.

    Raises:
        SourceMalformed: not such a file, or one of another kind.
    """
    try:
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(arrays.pop(_HEADER).tobytes())
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise SourceMalformed(f"{Path(path).name} is not a model file") from error
    if not isinstance(header, dict) or header.get("kind") != kind:
        raise SourceMalformed(f"{Path(path).name} is not a {kind} file")
    return arrays, header
