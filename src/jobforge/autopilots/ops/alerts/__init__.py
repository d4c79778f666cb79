"""Alerts: reading them, and finding which belong together."""
