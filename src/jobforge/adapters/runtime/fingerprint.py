"""What jobs run on here, for their manifests."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cache

from jobforge import __version__
from jobforge.ports.runtime import Fingerprint


@cache
def fingerprint() -> Fingerprint:
    """What jobs run on here."""
    return Fingerprint(
        environment={
            "python": platform.python_version(),
            "system": platform.system(),
            "machine": platform.machine(),
        },
        tools={"jobforge": __version__, "pgqueuer": importlib.metadata.version("pgqueuer")},
    )
