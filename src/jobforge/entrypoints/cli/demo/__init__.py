"""`jobforge demo`: the main job, end to end, with the commands that everybody uses."""

from jobforge.entrypoints.cli.demo.story import run_demo

__all__ = ["run_demo"]
