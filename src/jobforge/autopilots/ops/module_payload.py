"""What the ops module's payloads need before they are ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def without_metadata(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload without the keys that modules reserve for themselves: those that begin with _.

    Every other key of the module's payloads is one of ours, so that nothing is dropped unseen.
    """
    return {key: value for key, value in payload.items() if not key.startswith("_")}
