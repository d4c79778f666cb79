"""Checks of live systems: pure functions from what a probe saw to findings."""
