"""Runs the commands of modules."""
