"""The `jobforge` command."""

from jobforge.entrypoints.cli.app import main

__all__ = ["main"]
