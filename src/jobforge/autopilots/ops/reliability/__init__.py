"""Reliability: objectives, error budgets, and times to detect and to restore."""
