"""What is called what in an embedded server."""

from __future__ import annotations

from pathlib import Path

ROOT_HOME = Path("/var/lib/jobforge")
DATABASE = "jobforge"
PORT = 5432
"""Names the socket's file; no TCP port is ever opened."""

SUPERUSER = "postgres"
OWNER = "jobforge_owner"
APP = "jobforge_app"
