"""Experiments: what to try, how long, and what came out."""
