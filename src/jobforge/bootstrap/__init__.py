"""The only place that wires concrete adapters and the job catalogue.

`parts` makes the adapters and what several use cases share, `application` every use case of them,
and `opening` starts what has to run.
"""

from jobforge.autopilots.catalog import load_catalog
from jobforge.bootstrap.application import Application
from jobforge.bootstrap.opening import harden_process, home_of, open_application, read_switches
from jobforge.config import read_flags
from jobforge.use_cases.examine import Check

__all__ = [
    "Application",
    "Check",
    "harden_process",
    "home_of",
    "load_catalog",
    "open_application",
    "read_flags",
    "read_switches",
]
